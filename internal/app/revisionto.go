package app

import (
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// revisionsTo puts what --to says in place of the channels of the sources: one
// revision for all that have revisions, or SOURCE=REVISION with commas for
// single ones.
func revisionsTo(to string, sources []*steady, channels map[string]string) error {
	if to == "" {
		return nil
	}
	byName, names := map[string]*steady{}, []string{}
	for _, s := range sources {
		byName[s.Name()], names = s, append(names, s.Name())
	}
	if !strings.Contains(to, "=") {
		some := false
		for _, s := range sources {
			if s.HasRevisions() {
				channels[s.Name()], some = to, true
			}
		}
		if !some {
			return fairway.Errorf(fairway.CodeInvalid, "--to %s: a folder has no revisions", to).WithHint("give a git repository: --config-source main:git:URL-OR-PATH")
		}
		return nil
	}
	for part := range strings.SplitSeq(to, ",") {
		name, revision, found := strings.Cut(part, "=")
		source := byName[name]
		switch {
		case !found || revision == "":
			return fairway.Errorf(fairway.CodeInvalid, "--to %s: %q is not SOURCE=REVISION", to, part).WithHint("for example --to %s=dev", names[0])
		case source == nil:
			hint := "the config sources are " + strings.Join(names, ", ")
			if near := nearest.To(name, slices.Values(names)); near != "" {
				hint = "did you mean " + near + "?"
			}
			return fairway.Errorf(fairway.CodeInvalid, "--to %s: there is no config source %q", to, name).WithHint("%s", hint)
		case !source.HasRevisions():
			return fairway.Errorf(fairway.CodeInvalid, "--to %s: config source %s is a folder, which has no revisions", to, name).
				WithHint("give it as a git repository: --config-source %s:git:URL-OR-PATH", name)
		}
		channels[name] = revision
	}
	return nil
}
