package demo

import (
	"fmt"
	"io/fs"

	"github.com/fairwayhq/fairway/config"
)

// configuration returns the files of the demo's configuration repository.
func configuration() fs.FS { return config.FS }

// builtinChange returns the change that the demo merges unless it is given
// another: a new image for all nodes, a changed manifest and deletions.
func builtinChange() ([]byte, error) {
	diff, err := fs.ReadFile(config.FS, "changes/demo.diff")
	if err != nil {
		return nil, fmt.Errorf("read the built-in change: %w", err)
	}
	return diff, nil
}
