package gitauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway"
)

// Options are what credentials work with.
type Options struct {
	// HTTP asks GitHub for tokens; nil means a client that waits 30 s.
	HTTP *http.Client
	// Env looks up environment variables; nil means os.Getenv.
	Env func(string) string
	Now fairway.Clock // nil means time.Now
}

// Credential is the right to speak to one repository, now.
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

// Credentials are the entries of a file. Safe for concurrent use.
type Credentials struct {
	o       Options
	entries []*entry
}

// entry is one entry of the file.
type entry struct {
	URL string `json:"url"`
	// Of HTTPS: who and with what; the token is in a file or the environment.
	Username  string `json:"username"`
	TokenFile string `json:"token_file"`
	TokenEnv  string `json:"token_env"`
	// Of SSH.
	SSHKeyFile     string `json:"ssh_key_file"`
	KnownHostsFile string `json:"known_hosts_file"`
	// Of a GitHub App.
	GitHubApp *app `json:"github_app"`

	prefix place
}

const form = "docs/config-sources.md shows a complete file"

// Read reads a file of credentials and checks all that can be checked without
// the remotes: CodeInvalid names everything that is wrong.
func Read(path string, o Options) (*Credentials, error) {
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 30 * time.Second}
	}
	if o.Env == nil {
		o.Env = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "read git credentials: %w", err).WithHint("check --git-credentials")
	}
	var file struct {
		Credentials []*entry `json:"credentials"`
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "git credentials %s: %w", path, err).WithHint("%s", form)
	}
	c := &Credentials{o: o, entries: file.Credentials}
	var problems []string
	for i, e := range c.entries {
		if e == nil {
			problems = append(problems, fmt.Sprintf("credentials[%d]: it is empty", i))
			continue
		}
		for _, p := range e.prepare(filepath.Dir(path), o) {
			problems = append(problems, fmt.Sprintf("credentials[%d]: %s", i, p))
		}
	}
	if len(c.entries) == 0 {
		problems = append(problems, "there are no credentials in it")
	}
	if len(problems) > 0 {
		return nil, fairway.Errorf(fairway.CodeInvalid, "git credentials %s: %s", path, strings.Join(problems, "; ")).WithHint("%s", form)
	}
	return c, nil
}

// prepare makes files absolute and says what is wrong.
func (e *entry) prepare(dir string, o Options) (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	prefix, err := parsePlace(e.URL)
	if err != nil {
		if strings.Contains(e.URL, "@") {
			bad("url: %v", err) // it may hold a secret
		} else {
			bad("url %q: %v", e.URL, err)
		}
	}
	e.prefix = prefix
	for _, name := range []*string{&e.TokenFile, &e.SSHKeyFile, &e.KnownHostsFile} {
		if *name == "" {
			continue
		}
		if !filepath.IsAbs(*name) {
			*name = filepath.Join(dir, *name)
		}
		if info, err := os.Stat(*name); err != nil {
			bad("%v", err)
		} else if info.IsDir() {
			bad("%s is a folder", *name)
		}
	}
	ways := 0
	for _, given := range []bool{e.TokenFile != "", e.TokenEnv != "", e.SSHKeyFile != "", e.GitHubApp != nil} {
		if given {
			ways++
		}
	}
	overSSH := e.SSHKeyFile != ""
	switch {
	case ways != 1:
		bad("give exactly one of token_file, token_env, ssh_key_file and github_app")
	case err != nil:
	case overSSH && prefix.scheme != "ssh":
		bad("an SSH key is for ssh:// or user@host: locations, not for %s", e.URL)
	case !overSSH && prefix.scheme == "ssh":
		bad("tokens are for https:// locations, not for %s", e.URL)
	case !overSSH && prefix.scheme == "http" && !prefix.loopback():
		bad("the token would travel in clear to %s; use https", e.URL)
	}
	if e.KnownHostsFile != "" && !overSSH {
		bad("known_hosts_file is for ssh_key_file")
	}
	if e.Username != "" && (overSSH || e.GitHubApp != nil) {
		bad("username is for token_file and token_env")
	}
	if e.GitHubApp != nil {
		for _, p := range e.GitHubApp.prepare(dir, o) {
			bad("github_app: %s", p)
		}
	}
	return problems
}

// For returns the credential for a location: of the entry with the longest URL
// that the location begins with. nil when there is none, which is no error. What
// has expired is asked for anew; CodeUnavailable when that is not to be had.
func (c *Credentials) For(ctx context.Context, location string) (*Credential, error) {
	at, err := parsePlace(location)
	if err != nil {
		return nil, nil // a path, or what git alone understands
	}
	var best *entry
	for _, e := range c.entries {
		if e.prefix.holds(at) && (best == nil || len(e.prefix.path) > len(best.prefix.path)) {
			best = e
		}
	}
	if best == nil {
		return nil, nil
	}
	return best.credential(ctx, c.o)
}

func (e *entry) credential(ctx context.Context, o Options) (*Credential, error) {
	switch {
	case e.SSHKeyFile != "":
		return &Credential{SSHKey: e.SSHKeyFile, KnownHosts: e.KnownHostsFile, About: "the SSH key " + e.SSHKeyFile}, nil
	case e.GitHubApp != nil:
		token, err := e.GitHubApp.token(ctx, o)
		if err != nil {
			return nil, err
		}
		return &Credential{Username: "x-access-token", Password: token, About: e.GitHubApp.about(), Rejected: func() bool { return e.GitHubApp.forget(token) }}, nil
	}
	// Read every time: both are replaced while the server runs.
	token, about := "", "the token in the environment variable "+e.TokenEnv
	if e.TokenEnv != "" {
		token = o.Env(e.TokenEnv)
	} else {
		about = "the token in " + e.TokenFile
		text, err := os.ReadFile(e.TokenFile)
		if err != nil {
			return nil, fairway.Errorf(fairway.CodeUnavailable, "read the git token: %w", err).WithHint("put the token into the file; it is read again each time")
		}
		token = string(text)
	}
	token = strings.TrimSpace(token)
	if token == "" || strings.ContainsAny(token, "\r\n\x00") {
		return nil, fairway.Errorf(fairway.CodeUnavailable, "%s is empty, or has several lines", about).WithHint("it must be the token alone")
	}
	return &Credential{Username: cmp.Or(e.Username, "x-access-token"), Password: token, About: about}, nil
}

// place is where a repository is, or what the locations of several begin with.
type place struct {
	scheme, user, host, path string // path without slashes at its ends
}

// parsePlace reads a URL, or user@host:path.
func parsePlace(text string) (place, error) {
	if !strings.Contains(text, "://") {
		head, path, found := strings.Cut(text, ":")
		if !found || strings.Contains(head, "/") || head == "" {
			return place{}, errors.New("it is no https:// or ssh:// URL and not of the form user@host:path")
		}
		text = "ssh://" + head + "/" + strings.TrimPrefix(path, "/")
	}
	u, err := url.Parse(text)
	if err != nil {
		return place{}, errors.New("it is no URL") // the error of url would show what is in it
	}
	if !slices.Contains([]string{"https", "http", "ssh"}, u.Scheme) || u.Host == "" {
		return place{}, errors.New("it is no https:// or ssh:// URL and not of the form user@host:path")
	}
	if _, secret := u.User.Password(); secret {
		return place{}, errors.New("it holds a password; use token_file or token_env")
	}
	host := strings.ToLower(u.Host)
	host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80", "ssh": ":22"}[u.Scheme])
	return place{scheme: u.Scheme, user: u.User.Username(), host: host, path: strings.Trim(u.Path, "/")}, nil
}

// holds reports whether a place is below this one.
func (p place) holds(at place) bool {
	path := strings.TrimSuffix(at.path, ".git")
	prefix := strings.TrimSuffix(p.path, ".git")
	return p.scheme == at.scheme && p.host == at.host && (p.user == "" || p.user == at.user) &&
		(prefix == "" || path == prefix || strings.HasPrefix(path, prefix+"/"))
}

func (p place) loopback() bool {
	host := (&url.URL{Host: p.host}).Hostname()
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}
