package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fairwayhq/fairway"
)

// Options say what the API serves.
type Options struct {
	Store fairway.Store
	// Log gets one line per failed request; nil logs nothing.
	Log *slog.Logger
	// Version is what the OpenAPI document calls the version; "" means "dev".
	Version string
	// Authenticator finds out who calls; without one, every call but the health
	// checks is refused.
	Authenticator fairway.Authenticator
	// Login lets people log in with a browser; nil lets nobody.
	Login fairway.LoginProvider
	// PublicURL is where browsers find the server, scheme and host only; "" means
	// where a request says that it is sent to.
	PublicURL string
	// Rate is how many requests a second one principal may send; 0 means 2000,
	// less than 0 no limit.
	Rate float64
	// RefuseClearSecrets refuses config items that seem to hold a secret in
	// clear; otherwise they are stored, and a warning is recorded.
	RefuseClearSecrets bool
	// ReadOnly says where the registry is changed instead, for people; "" means
	// that it is changed here.
	ReadOnly string
	// Decides reports whether what ReadOnly names decides a cluster or account
	// (by KindCluster or KindAccount, and id); nil means that it decides all.
	Decides func(kind, id string) bool
	// Now is the clock; nil means time.Now.
	Now fairway.Clock
	// Steerer carries out what people say of updates; nil refuses them.
	Steerer fairway.Steerer
	// SweepDrift looks for what others changed in a cluster, by id; nil refuses.
	SweepDrift func(ctx context.Context, clusterID string) (*fairway.Drift, error)
	// Ready says why the process cannot work now, beside the store; nil means
	// that only the store counts.
	Ready func(ctx context.Context) error
	// Closing is closed when the server shuts down: streams end then. Nil never is.
	Closing <-chan struct{}
}

// api is the state of the handlers.
type api struct {
	Options
	feed     *feed
	rates    *rates
	sessions *sessions
}

// New returns the handler of both APIs. It is safe for concurrent use.
func New(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rate == 0 {
		o.Rate = ratePerSecond
	}
	a := &api{Options: o, feed: &feed{store: o.Store}, rates: &rates{perSecond: o.Rate, now: o.Now, buckets: map[string]bucket{}}}
	a.sessions = a.newSessions()
	inside := http.NewServeMux()
	a.registry(inside)
	a.fleet(inside)
	inside.HandleFunc("GET /api/v1/watch", a.watch)

	outside := http.NewServeMux()
	outside.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	outside.HandleFunc("GET /readyz", a.readyz)
	a.logins(outside)
	outside.Handle("/", a.authenticated(a.idempotent(a.routed(inside))))
	return a.guarded(outside)
}

// readyz answers 200 when the store answers and the process can work.
func (a *api) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	_, err := a.Store.Instance(ctx)
	if err == nil && a.Ready != nil {
		err = a.Ready(ctx)
	}
	if err != nil {
		a.Log.Warn("not ready", "error", err)
		a.fail(w, r, fairway.Errorf(fairway.CodeUnavailable, "not ready: %w", err))
		return
	}
	w.Write([]byte("ok\n"))
}

// routed answers what no handler is registered for in the form of the API that
// was called; the mux would answer in plain text.
func (a *api) routed(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := legible(r); err != nil {
			a.fail(w, r, err)
			return
		}
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		answer := &discarded{header: http.Header{}, status: http.StatusOK}
		h.ServeHTTP(answer, r)
		if answer.status != http.StatusMethodNotAllowed {
			a.fail(w, r, fairway.Errorf(fairway.CodeNotFound, "there is nothing at %s", r.URL.Path))
			return
		}
		w.Header().Set("Allow", answer.header.Get("Allow"))
		message := "method " + r.Method + " is not allowed for " + r.URL.Path + "; allowed are " + answer.header.Get("Allow")
		if isFleet(r) {
			writeJSON(w, answer.status, "application/problem+json", &ErrorModel{
				Title: http.StatusText(answer.status), Status: answer.status, Detail: message, Code: fairway.CodeInvalid})
			return
		}
		a.failRegistry(w, r, &httpError{answer.status, message})
	})
}

// legible refuses a path or query that is not text: databases answer each in
// their own way to what they cannot store, and the standard library leaves out
// what it cannot read of a query, so that a filter would be gone.
func legible(r *http.Request) error {
	if !isText(r.URL.Path) {
		return fairway.Errorf(fairway.CodeInvalid, "the path is not valid UTF-8, or has a control character")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fairway.Errorf(fairway.CodeInvalid, "the query cannot be read: %w", err).WithHint("escape what has a meaning in URLs as %%XX")
	}
	for name, values := range query {
		if !isText(name) || slices.ContainsFunc(values, func(v string) bool { return !isText(v) }) {
			return fairway.Errorf(fairway.CodeInvalid, "query parameter %q is not valid UTF-8, or has a control character", strings.ToValidUTF8(name, "\uFFFD"))
		}
		if len(values) > 1 {
			return fairway.Errorf(fairway.CodeInvalid, "query parameter %q is given %d times", name, len(values)).WithHint("give it once")
		}
	}
	return nil
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }

// discarded takes an answer of which only status and header matter.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }

// guarded turns a panic into a 500 without telling the caller more, and logs
// what failed.
func (a *api) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p) // net/http's own way to cut a connection
				}
				a.Log.Error("request panicked", "method", r.Method, "path", r.URL.Path, "panic", p)
				a.fail(w, r, fairway.Errorf(fairway.CodeInternal, "internal error"))
			}
		}()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// isFleet reports whether a request is for the fleet API, whose errors are
// problem+json.
func isFleet(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/auth/") || strings.HasPrefix(r.URL.Path, "/openapi") || strings.HasSuffix(r.URL.Path, "z")
}

// fail answers with an error in the form of the API that was called.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	if isFleet(r) {
		writeJSON(w, problemOf(a.told(r, err)).Status, "application/problem+json", problemOf(err))
		return
	}
	a.failRegistry(w, r, err)
}

// told logs an error that the caller is not told in full, and returns it.
func (a *api) told(r *http.Request, err error) error {
	if code := fairway.ErrorCode(err); (code == fairway.CodeInternal || code == fairway.CodeUnavailable) && r.Context().Err() == nil {
		a.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	return err
}
