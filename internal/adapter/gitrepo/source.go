package gitrepo

import (
	"context"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/fairwayhq/fairway"
)

// The kinds of a config source.
const (
	KindGit = "git"
	KindDir = "dir"
)

// Options say where a config source is.
type Options struct {
	// Name is the name that the source is configured with; it must not be empty.
	Name string
	// Kind is KindGit or KindDir.
	Kind string
	// Location is what git can fetch from (a URL or a path), or the folder.
	Location string
	// Dir is the folder of the bare mirror, which is made when it is missing.
	// When Location is the same folder, that repository is read in place and
	// nothing is fetched. Not used by KindDir.
	Dir string
	// Credential tells by what right the location is read and written; nil, or a
	// nil Credential, means what git finds by itself: an SSH agent, GIT_SSH_COMMAND,
	// GIT_ASKPASS. Not asked for paths.
	Credential func(ctx context.Context, location string) (*Credential, error)
	// Log is told what moved; nil means nobody is.
	Log *slog.Logger
}

// Credential is the right to speak to a remote, now.
type Credential struct {
	// Username and Password are for HTTPS; both are "" for SSH.
	Username, Password string
	// SSHKey and KnownHosts are files; KnownHosts "" means those of the user.
	SSHKey, KnownHosts string
	// About says for people where the credential comes from, without a secret.
	About string
	// Rejected is told that the remote refused the credential, and reports
	// whether another one may be had at once; nil means that it may not.
	Rejected func() bool
}

// Source is a config source. It is safe for concurrent use, also by several
// processes with the same mirror.
type Source struct {
	name string
	backend
}

var _ fairway.ConfigSource = (*Source)(nil)

// backend is what differs between the kinds.
type backend interface {
	Refresh(ctx context.Context) error
	Resolve(ctx context.Context, channel string) (string, error)
	Open(ctx context.Context, revision string) (fs.FS, error)
	Promote(ctx context.Context, channel, revision string) error
	Close() error
}

// Open prepares a source without fetching anything. CodeInvalid for options
// that can never work, CodeUnavailable when git or the mirror's folder cannot
// be used.
func Open(ctx context.Context, o Options) (*Source, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Name == "" || o.Location == "" {
		return nil, fairway.Errorf(fairway.CodeInvalid, "a config source needs a name and a location, got %q and %q", o.Name, o.Location).WithHint("%s", sourceForm)
	}
	o.Log = o.Log.With("source", o.Name)
	var b backend
	var err error
	switch o.Kind {
	case KindGit:
		b, err = openGit(ctx, o)
	case KindDir:
		b, err = openDir(o)
	default:
		err = fairway.Errorf(fairway.CodeInvalid, "config source %s: kind %q does not exist", o.Name, o.Kind).WithHint("%s", sourceForm)
	}
	if err != nil {
		return nil, err
	}
	return &Source{name: o.Name, backend: b}, nil
}

// Name returns the name that the source was configured with.
func (s *Source) Name() string { return s.name }

// HasRevisions reports whether the source has more than one revision: a folder
// has not.
func (s *Source) HasRevisions() bool { _, isGit := s.backend.(*mirror); return isGit }

const sourceForm = "write NAME:git:URL or NAME:dir:PATH"

// ParseSource reads the text of --config-source, NAME:KIND:LOCATION, cut at
// its first two colons; KIND is git, dir or directory. Only Name, Kind and
// Location of the result are set.
func ParseSource(s string) (Options, error) {
	parts := strings.SplitN(s, ":", 3)
	if len(parts) != 3 || parts[0] == "" || parts[2] == "" {
		return Options{}, fairway.Errorf(fairway.CodeInvalid, "invalid config source: %q", s).WithHint("%s", sourceForm)
	}
	o := Options{Name: parts[0], Kind: parts[1], Location: parts[2]}
	switch o.Kind {
	case KindGit, KindDir:
	case "directory":
		o.Kind = KindDir
	default:
		return Options{}, fairway.Errorf(fairway.CodeInvalid, "invalid config source: %q: kind %q does not exist", s, o.Kind).WithHint("%s", sourceForm)
	}
	if strings.ContainsAny(o.Name, "/=;#,\x00\n ") {
		// These part the names of sources from something else in versions,
		// overrides and names of components.
		return Options{}, fairway.Errorf(fairway.CodeInvalid, "invalid config source: %q: the name may not hold any of \"/=;#,\" and blanks", s).WithHint("%s", sourceForm)
	}
	return o, nil
}

// ParseSources reads several sources; their names must differ, and there must
// be at least one.
func ParseSources(texts []string) ([]Options, error) {
	if len(texts) == 0 {
		return nil, fairway.Errorf(fairway.CodeInvalid, "at least one config source is needed").WithHint("give --config-source; %s", sourceForm)
	}
	var all []Options
	seen := map[string]bool{}
	for _, text := range texts {
		o, err := ParseSource(text)
		if err != nil {
			return nil, err
		}
		if seen[o.Name] {
			return nil, fairway.Errorf(fairway.CodeInvalid, "duplicate config source name: %s", o.Name).WithHint("each --config-source needs a name of its own")
		}
		seen[o.Name] = true
		all = append(all, o)
	}
	return all, nil
}
