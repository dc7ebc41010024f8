package render

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"text/template"
)

var textFunctions = template.FuncMap{
	"accountID":       accountID,
	"awsValidID":      func(s string) string { return strings.ReplaceAll(s, ":", "__") },
	"azID":            azID,
	"base64":          func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64Decode":    base64Decode,
	"eksID":           eksID,
	"getAWSAccountID": awsAccountID,
	"hasPrefix":       strings.HasPrefix,
	"hasSuffix":       strings.HasSuffix,
	"indent":          indent,
	"mountUnitName":   mountUnitName,
	"parseInt64":      func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) },
	"sha256":          sha256Hex,
}

// accountID is the part of an account after its type.
func accountID(account string) (string, error) {
	parts := strings.Split(account, ":")
	if len(parts) != 2 {
		return "", fmt.Errorf("invalid account (expected type:id): %s", account)
	}
	return parts[1], nil
}

func awsAccountID(account string) (string, error) {
	parts := strings.Split(account, ":")
	if len(parts) < 2 {
		return "", fmt.Errorf("account %q has no colon", account)
	}
	return parts[1], nil
}

// azID is the short name of an availability zone: eu-central-1a gives 1a.
func azID(zone string) string { return zone[strings.LastIndexByte(zone, '-')+1:] }

// eksID is what follows the last colon of a cluster id.
func eksID(id string) string { return id[strings.LastIndexByte(id, ':')+1:] }

func base64Decode(s string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	return string(b), err
}

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// indent puts n spaces before every line, empty ones and the first included.
func indent(n int, s string) (string, error) {
	if n < 0 {
		return "", fmt.Errorf("cannot indent by %d spaces", n)
	}
	if lines := strings.Count(s, "\n") + 1; n > maxRepeat/lines {
		return "", fmt.Errorf("indenting %d lines by %d spaces makes more than %d MiB", lines, n, maxRepeat>>20)
	}
	pad := strings.Repeat(" ", n)
	return pad + strings.ReplaceAll(s, "\n", "\n"+pad), nil
}

// mountUnitName is the name of the systemd unit that mounts a path, without
// its suffix.
func mountUnitName(path string) (string, error) {
	if !strings.HasPrefix(path, "/") {
		return "", fmt.Errorf("not an absolute path: %s", path)
	}
	return strings.ReplaceAll(path[1:], "/", "-"), nil
}
