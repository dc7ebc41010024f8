package render

import (
	"errors"
	"io/fs"

	"github.com/fairwayhq/fairway"
)

// policies reads what fairway.yaml says of components; of several sources the
// first counts.
func (r *renderer) policies() map[string]fairway.ComponentPolicy {
	text, err := fs.ReadFile(r.in.Sources[0].FS, SettingsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		r.errs.add(fairway.Errorf(fairway.CodeUnavailable, "read %s: %w", SettingsFile, err))
		return nil
	}
	settings, err := ParseSettings(text)
	r.errs.add(err)
	return settings.Components
}
