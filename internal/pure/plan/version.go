package plan

import (
	"fmt"
	"strconv"
	"strings"
)

// version is a Kubernetes version without its patch; the zero value is not known.
type version struct{ major, minor int }

// parseVersion reads "v1.36.3", "1.33" or "1.33+eks"; anything else is not known.
func parseVersion(s string) version {
	parts := strings.SplitN(strings.TrimPrefix(s, "v"), ".", 3)
	if len(parts) < 2 {
		return version{}
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return version{}
	}
	digits := parts[1]
	if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = digits[:end]
	}
	minor, err := strconv.Atoi(digits)
	if err != nil {
		return version{}
	}
	return version{major, minor}
}

func (v version) known() bool { return v.major > 0 }

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

func (v version) atLeast(o version) bool {
	return v.major > o.major || v.major == o.major && v.minor >= o.minor
}
