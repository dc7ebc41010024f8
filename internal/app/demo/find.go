package demo

import (
	"os"
	"path/filepath"

	"github.com/fairwayhq/fairway"
)

// findLocalkube returns the path of the localkube program: the one that was
// named, or the first that is found.
func findLocalkube(named, executable string, getenv func(string) string) (string, error) {
	if named == "" {
		named = getenv("FAIRWAY_LOCALKUBE")
	}
	if named != "" {
		if !isProgram(named) {
			return "", fairway.Errorf(fairway.CodeNotFound, "start a control plane with %s: there is no such program", named).
				WithHint("build it with `make demo`, or name another with --localkube")
		}
		return filepath.Abs(named)
	}
	places := []string{filepath.Join(filepath.Dir(executable), "localkube")}
	if cache, err := os.UserCacheDir(); err == nil {
		places = append(places, filepath.Join(cache, "fairway", "localkube"))
	}
	for _, place := range places {
		if isProgram(place) {
			return place, nil
		}
	}
	return "", fairway.Errorf(fairway.CodeNotFound, "start a control plane: the program localkube is not at %s", some(places, len(places))).
		WithHint("build it with `make demo` in a clone of Fairway, or name it with --localkube or FAIRWAY_LOCALKUBE")
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
