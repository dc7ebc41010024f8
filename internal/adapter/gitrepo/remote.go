package gitrepo

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/fairwayhq/fairway"
)

// remote runs a command of a repository that speaks to the remote, with a credential where there
// is one. A credential that was refused is asked for once more, where that may
// give another one.
func (m *mirror) remote(ctx context.Context, g git, args ...string) (string, error) {
	for attempt := 0; ; attempt++ {
		credential, err := m.credential(ctx)
		if err != nil {
			return "", err
		}
		out, err := g.runWith(ctx, credential.environment(m.o.Location), args...)
		if err == nil || credential == nil {
			return out, err
		}
		if refused(err) && attempt == 0 && credential.Rejected != nil && credential.Rejected() {
			continue
		}
		return credential.mask(out), credential.maskError(err)
	}
}

// credential is the one for the location now, or nil.
func (m *mirror) credential(ctx context.Context) (*Credential, error) {
	if _, isPath := localPath(m.o.Location); isPath {
		return nil, nil
	}
	if m.o.Credential != nil {
		if c, err := m.o.Credential(ctx, m.o.Location); c != nil || err != nil {
			return c, err
		}
	}
	return m.inURL, nil
}

// about names for people what the remote was shown.
func (m *mirror) about() string {
	c, err := m.credential(context.Background())
	switch {
	case err == nil && c != nil:
		return c.About
	case strings.HasPrefix(m.o.Location, "http"):
		return "what git found by itself"
	}
	return "the keys that ssh found by itself"
}

// refused reports whether the remote did not accept a credential.
func refused(err error) bool {
	e, ok := errors.AsType[*gitError](err)
	return ok && (strings.Contains(e.stderr, "Authentication failed") || strings.Contains(e.stderr, "error: 401") || strings.Contains(e.stderr, "error: 403"))
}

// helper gives git what is in the environment. Being asked only for the host of
// the location, it tells nothing to one that the remote redirects to.
const helper = `!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$FAIRWAY_GIT_USERNAME" "$FAIRWAY_GIT_PASSWORD"; }; f`

// environment is how git learns of a credential: nothing of it is in the
// arguments of a process, or in a file.
func (c *Credential) environment(location string) []string {
	switch {
	case c == nil:
		return nil
	case c.SSHKey != "":
		command := defaultSSH + " -o IdentitiesOnly=yes -o IdentityAgent=none -i " + quoted(c.SSHKey)
		if c.KnownHosts != "" {
			command += " -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=/dev/null -o " + quoted(`UserKnownHostsFile="`+c.KnownHosts+`"`)
		}
		return []string{"GIT_SSH_COMMAND=" + command, "GIT_SSH_VARIANT=ssh"}
	}
	key := "credential.helper"
	if u, err := url.Parse(location); err == nil {
		key = "credential." + u.Scheme + "://" + u.Host + ".helper"
	}
	return []string{
		"FAIRWAY_GIT_USERNAME=" + c.Username, "FAIRWAY_GIT_PASSWORD=" + c.Password,
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=credential.helper", "GIT_CONFIG_VALUE_0=", "GIT_CONFIG_KEY_1=" + key, "GIT_CONFIG_VALUE_1=" + helper,
	}
}

// quoted is a word for the shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// mask takes the secret out of what a remote may have echoed.
func (c *Credential) mask(text string) string {
	if c.Password == "" {
		return text
	}
	return strings.ReplaceAll(text, c.Password, "***")
}

func (c *Credential) maskError(err error) error {
	if e, ok := errors.AsType[*gitError](err); ok {
		e.stderr = c.mask(e.stderr)
	}
	return err
}

// withoutSecret takes the password out of a URL, so that it never is an argument
// of a process or part of an error.
func withoutSecret(location string) (string, *Credential) {
	scheme, rest, found := strings.Cut(location, "://")
	if !found || scheme == "file" {
		return location, nil
	}
	authority, path, slash := strings.Cut(rest, "/")
	at := strings.LastIndexByte(authority, '@')
	if at < 0 || scheme == "ssh" && !strings.Contains(authority[:at], ":") {
		return location, nil
	}
	user, password, _ := strings.Cut(authority[:at], ":")
	clean := scheme + "://" + authority[at+1:]
	if scheme == "ssh" {
		clean = scheme + "://" + user + authority[at:]
	}
	if slash {
		clean += "/" + path
	}
	if scheme == "ssh" {
		return clean, nil // ssh takes no password from a URL
	}
	plain := func(s string) string {
		if un, err := url.PathUnescape(s); err == nil {
			return un
		}
		return s
	}
	c := &Credential{Username: plain(user), Password: plain(password), About: "what the URL of the config source holds"}
	if password == "" { // a token in place of the user
		c.Password = c.Username
	}
	return clean, c
}

// refusedPush is an error of a push that trying again does not help.
func (m *mirror) refusedPush(err error, channel, revision string) error {
	e := m.unreachable("push "+channel+" to", err)
	return fairway.Errorf(fairway.CodeForbidden, "promote %s to %.12s: %w", channel, revision, e).WithHint("%s", fairway.ErrorHint(e))
}
