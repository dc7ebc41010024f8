package gitrepo

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// secret is a token that may show up nowhere.
const secret = "s3cr3t-t0ken-42"

// web is a git server over HTTP that wants a user and a password.
type web struct {
	*httptest.Server
	root     string
	password atomic.Value // string
	deny     atomic.Int32 // a status for everybody who is known
	writes   atomic.Bool  // whether pushes are allowed
}

func newWeb(t *testing.T, r repo) *web {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	w := &web{root: t.TempDir()}
	w.password.Store(secret)
	w.writes.Store(true)
	run(t, ".", "clone", "--quiet", "--bare", r.dir, filepath.Join(w.root, "config.git"))
	run(t, ".", "--git-dir", filepath.Join(w.root, "config.git"), "config", "http.receivepack", "true")
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"), Root: "/",
		Env: []string{"GIT_PROJECT_ROOT=" + w.root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=fairway"}, InheritEnv: []string{"PATH"}, Stderr: &bytes.Buffer{},
	}
	w.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		user, password, _ := in.BasicAuth()
		switch {
		case user != "fairway" || password != w.password.Load():
			out.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(out, "who are you, "+user+" with "+password+"?", http.StatusUnauthorized)
		case w.deny.Load() != 0:
			http.Error(out, "no", int(w.deny.Load()))
		case !w.writes.Load() && (strings.Contains(in.URL.Path, "receive-pack") || in.URL.Query().Get("service") == "git-receive-pack"):
			http.Error(out, "read only", http.StatusForbidden)
		default:
			backend.ServeHTTP(out, in)
		}
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *web) location() string { return w.URL + "/config.git" }

func (w *web) git(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, ".", append([]string{"--git-dir", filepath.Join(w.root, "config.git")}, args...)...)
}

// with opens a source with a fixed credential and a log that is kept.
func with(t *testing.T, location string, c func(context.Context, string) (*Credential, error)) (*Source, *lockedBuffer) {
	t.Helper()
	log := &lockedBuffer{}
	s, err := Open(t.Context(), Options{
		Name: "main", Kind: KindGit, Location: location, Dir: filepath.Join(t.TempDir(), "mirror.git"), Credential: c,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, log
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func fixed(c Credential) func(context.Context, string) (*Credential, error) {
	return func(context.Context, string) (*Credential, error) { return &c, nil }
}

// TestHTTP: a token reads and promotes over HTTP, in the URL too, and is neither
// in a file of the mirror nor in the log.
func TestHTTP(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T, w *web) (*Source, *lockedBuffer){
		"credential": func(t *testing.T, w *web) (*Source, *lockedBuffer) {
			return with(t, w.location(), fixed(Credential{Username: "fairway", Password: secret}))
		},
		"in the URL": func(t *testing.T, w *web) (*Source, *lockedBuffer) {
			return with(t, strings.Replace(w.location(), "://", "://fairway:"+secret+"@", 1), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.git("branch", "alpha")
			r.write("cluster/a.yaml", "two\n")
			second := r.commit("second")
			w := newWeb(t, r)
			s, log := open(t, w)
			refresh(t, s)
			if got := read(t, s, resolve(t, s, "dev"), "cluster/a.yaml"); got != "two\n" {
				t.Errorf("read %q", got)
			}
			if err := s.Promote(t.Context(), "alpha", second); err != nil {
				t.Fatal(err)
			}
			if got := w.git(t, "rev-parse", "refs/heads/alpha"); got != second {
				t.Errorf("alpha is at %s", got)
			}
			for name, text := range snapshot(t, s.backend.(*mirror).dir) {
				if strings.Contains(text, secret) {
					t.Errorf("%s holds the token", name)
				}
			}
			if strings.Contains(log.String(), secret) || strings.Contains(s.Location(), secret) {
				t.Errorf("the log or the location tells the token: %s %s", s.Location(), log)
			}
		})
	}
}

// TestHTTP_Refused: what is wrong with a credential is told apart, and the token
// is in no error.
func TestHTTP_Refused(t *testing.T) {
	t.Parallel()
	w := newWeb(t, newRepo(t))
	forbidden := newWeb(t, newRepo(t))
	forbidden.deny.Store(http.StatusForbidden)
	const about = "the token in the file t"
	for _, tc := range []struct {
		name       string
		location   string
		credential func(context.Context, string) (*Credential, error)
		text, hint string
	}{
		{"none", w.location(), nil, "terminal prompts disabled", "--git-credentials FILE"},
		{"expired", w.location(), fixed(Credential{Username: "fairway", Password: secret + "x", About: about}), "Authentication failed", "does not accept " + about},
		{"without the right", forbidden.location(), fixed(Credential{Username: "fairway", Password: secret, About: about}), "403", "denies it this repository"},
		{"another repository", w.URL + "/other.git", fixed(Credential{Username: "fairway", Password: secret, About: about}), "not found", "check the location"},
		{"not to be had", w.location(), func(context.Context, string) (*Credential, error) {
			return nil, fairway.Errorf(fairway.CodeUnavailable, "GitHub is away").WithHint("wait")
		}, "GitHub is away", "wait"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, log := with(t, tc.location, tc.credential)
			err := s.Refresh(t.Context())
			wants(t, err, fairway.CodeUnavailable, tc.text, tc.hint)
			if all := fmt.Sprint(err, fairway.ErrorHint(err), log); strings.Contains(all, secret) {
				t.Errorf("the token is told: %s", all)
			}
		})
	}
}

// TestHTTP_PushForbidden: a promotion that the remote denies is no matter of time.
func TestHTTP_PushForbidden(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.git("branch", "alpha")
	second := r.commit("second")
	w := newWeb(t, r)
	w.writes.Store(false)
	s, _ := with(t, w.location(), fixed(Credential{Username: "fairway", Password: secret, About: "the token"}))
	refresh(t, s)
	err := s.Promote(t.Context(), "alpha", second)
	wants(t, err, fairway.CodeForbidden, "promote alpha", "write access for promotions")
}

// TestHTTP_Renewed: a token that is refused is replaced at once, where that can
// be, and only once.
func TestHTTP_Renewed(t *testing.T) {
	t.Parallel()
	w := newWeb(t, newRepo(t))
	var asked, rejected atomic.Int32
	tokens := []string{"revoked", secret, "wrong", "wrong too"}
	s, _ := with(t, w.location(), func(context.Context, string) (*Credential, error) {
		asked.Add(1)
		return &Credential{Username: "fairway", Password: tokens[rejected.Load()], Rejected: func() bool { rejected.Add(1); return true }}, nil
	})
	refresh(t, s)
	if rejected.Load() != 1 {
		t.Errorf("%d tokens were rejected", rejected.Load())
	}
	w.password.Store("another")
	before := asked.Load()
	wants(t, s.Refresh(t.Context()), fairway.CodeUnavailable, "Authentication failed", "")
	if got := asked.Load() - before; got > 3 { // the attempts, and the sentence about them
		t.Errorf("asked %d times", got)
	}
}

// TestHTTP_Arguments: the arguments of git's processes hold nothing secret.
func TestHTTP_Arguments(t *testing.T) {
	t.Parallel()
	var seen atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Now git waits for this answer: all of its processes can be looked at.
		names, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Error(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err == nil && bytes.Contains(text, []byte(r.Host)) {
				seen.Add(1)
			}
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("a process has the token among its arguments: %q", text)
			}
		}
		if _, password, _ := r.BasicAuth(); password != secret {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	s, _ := with(t, strings.Replace(server.URL, "://", "://fairway:"+secret+"@", 1)+"/x.git", nil)
	wants(t, s.Refresh(t.Context()), fairway.CodeUnavailable, "not found", "")
	if seen.Load() == 0 {
		t.Error("git's processes were not seen")
	}
}

// TestHTTP_Redirect: a credential is for the host of the location alone.
func TestHTTP_Redirect(t *testing.T) {
	t.Parallel()
	told := make(chan string, 100)
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told <- r.Header.Get("Authorization")
		w.Header().Set("WWW-Authenticate", `Basic realm="give it to me"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer thief.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL+r.URL.RequestURI(), http.StatusFound)
	}))
	defer server.Close()
	s, _ := with(t, server.URL+"/config.git", fixed(Credential{Username: "fairway", Password: secret}))
	if err := s.Refresh(t.Context()); err == nil {
		t.Error("a redirect to a stranger was followed to the end")
	}
	close(told)
	for header := range told {
		if header != "" {
			t.Errorf("the other host was told %q", header)
		}
	}
}

// TestSlowRemote: one that accepts connections and says nothing is given up, by
// the one who waits and by the fetch itself.
func TestSlowRemote(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	s, _ := with(t, "http://"+listener.Addr().String()+"/config.git", nil)
	m := s.backend.(*mirror)
	m.patience = 200 * time.Millisecond
	wants(t, s.Refresh(t.Context()), fairway.CodeUnavailable, "no answer for 200ms", "")
	// Nobody who waits for a channel waits as long once more.
	_, err = s.Resolve(t.Context(), "dev")
	wants(t, err, fairway.CodeUnavailable, "no answer for 200ms", "")

	m.patience = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	wants(t, s.Refresh(ctx), fairway.CodeUnavailable, "not done after", "goes on in the background")
	if err := s.Close(); err != nil { // ends it
		t.Fatal(err)
	}
}

// TestLongFetch: a fetch goes on when the one who asked for it has no more time,
// and the next one finds it done.
func TestLongFetch(t *testing.T) {
	t.Parallel()
	w := newWeb(t, newRepo(t))
	hold, asked := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if strings.HasSuffix(in.URL.Path, "git-upload-pack") {
			once.Do(func() { close(asked) })
			<-hold
		}
		w.Config.Handler.ServeHTTP(out, in)
	}))
	defer slow.Close()
	s, _ := with(t, slow.URL+"/config.git", fixed(Credential{Username: "fairway", Password: secret}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	wants(t, s.Refresh(ctx), fairway.CodeUnavailable, "not done after", "")
	close(hold)
	if err := s.backend.(*mirror).awaitFetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, resolve(t, s, "dev"), "cluster/a.yaml"); got != "one\n" {
		t.Errorf("read %q", got)
	}
}

// awaitFetch waits until no fetch is under way.
func (m *mirror) awaitFetch(ctx context.Context) error {
	unlock, err := m.lock(ctx)
	if err == nil {
		unlock()
	}
	return err
}
