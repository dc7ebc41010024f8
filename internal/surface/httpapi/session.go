package httpapi

import (
	"cmp"
	"context"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// cookieSession holds the id of a session, cookieLogin that of an attempt to
	// log in.
	cookieSession = "fairway_session"
	cookieLogin   = "fairway_login"
	// loginTime is how long an attempt may take; a session lasts sessionTime at
	// most, and sessionIdle without a request.
	loginTime   = 10 * time.Minute
	sessionTime = 12 * time.Hour
	sessionIdle = time.Hour
)

// attempt is somebody who is at the issuer to log in.
type attempt struct {
	fairway.Login
	back string // the path to return to
}

// sessions are the browsers that are logged in, and those that are about to be.
type sessions struct {
	attempts *shelf[attempt]
	open     *shelf[fairway.Principal]
	// crossOrigin refuses writes that another site lets the browser send.
	crossOrigin *http.CrossOriginProtection
}

func (a *api) newSessions() *sessions {
	s := &sessions{attempts: newShelf[attempt](loginTime, loginTime, a.Now),
		open: newShelf[fairway.Principal](sessionTime, sessionIdle, a.Now), crossOrigin: http.NewCrossOriginProtection()}
	if a.PublicURL != "" {
		if err := s.crossOrigin.AddTrustedOrigin(a.PublicURL); err != nil {
			a.Log.Error("the public URL is no origin; writes with a session may be refused", "url", a.PublicURL, "error", err)
		}
	}
	return s
}

// logins registers what browsers log in and out by.
func (a *api) logins(mux *http.ServeMux) {
	mux.Handle("GET /auth/login", a.outdoors(a.login))
	mux.Handle("GET /auth/callback", a.outdoors(a.callback))
	mux.Handle("POST /auth/logout", a.outdoors(a.logout))
	mux.Handle("GET /auth/me", a.authenticated(http.HandlerFunc(a.me)))
}

// outdoors is for callers that are not known yet: they are counted by address.
func (a *api) outdoors(h func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		err := legible(r)
		if err == nil {
			if err = a.rates.take("address:" + address(r)); err != nil {
				w.Header().Set("Retry-After", "1")
			}
		}
		if err == nil {
			err = h(w, r)
		}
		if err != nil {
			a.fail(w, r, err)
		}
	})
}

// login sends a browser to the issuer.
func (a *api) login(w http.ResponseWriter, r *http.Request) error {
	if a.Login == nil || len(a.Login.LoginIssuers()) == 0 {
		return fairway.Errorf(fairway.CodeNotFound, "nobody can log in with a browser here").
			WithHint("give an issuer in the server's access file a client_id")
	}
	issuers, issuer := a.Login.LoginIssuers(), r.FormValue("issuer")
	if issuer == "" && len(issuers) == 1 {
		issuer = issuers[0]
	}
	if !slices.Contains(issuers, issuer) {
		return fairway.Errorf(fairway.CodeInvalid, "issuer %q cannot be logged in with", issuer).
			WithHint("pass ?issuer= one of %s", strings.Join(issuers, ", "))
	}
	back := cmp.Or(r.FormValue("return"), "/")
	if !isLocal(back) {
		return fairway.Errorf(fairway.CodeInvalid, "return %q is not a path on this server", back).WithHint("pass a path such as /clusters")
	}
	at := attempt{back: back, Login: fairway.Login{Issuer: issuer, RedirectURL: a.origin(r) + "/auth/callback",
		State: secretText(), Nonce: secretText(), Verifier: secretText()}}
	there, err := a.Login.AuthURL(r.Context(), at.Login)
	if err != nil {
		return err
	}
	a.setCookie(w, r, cookieLogin, "/auth", a.sessions.attempts.put(at), loginTime)
	http.Redirect(w, r, there, http.StatusSeeOther)
	return nil
}

// callback is where the issuer sends the browser back to. An attempt is good
// for one callback, whatever comes of it.
func (a *api) callback(w http.ResponseWriter, r *http.Request) error {
	at, known := a.sessions.attempts.take(cookie(r, cookieLogin))
	a.setCookie(w, r, cookieLogin, "/auth", "", -1)
	refused := func(format string, args ...any) error {
		return fairway.Errorf(fairway.CodeUnauthorized, format, args...).WithHint("log in again at /auth/login, in one browser and within %s", loginTime)
	}
	query := r.URL.Query()
	if !known || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(at.State)) != 1 {
		return refused("this browser did not begin this login, or too long ago")
	}
	if is := query.Get("iss"); is != "" && is != at.Issuer {
		return refused("the answer is of issuer %q, the login was begun with %s", is, at.Issuer)
	}
	if said := query.Get("error"); said != "" {
		return refused("issuer %s refused the login: %q", at.Issuer, said)
	}
	who, err := a.Login.Exchange(r.Context(), at.Login, query.Get("code"))
	if err != nil {
		a.Log.Warn("login refused", "issuer", at.Issuer, "from", address(r), "error", err)
		if fairway.ErrorCode(err) != fairway.CodeUnavailable {
			a.noted(r, fairway.Principal{Name: at.Issuer}, fairway.ChangeDenied, map[string]any{"/deed": "log in"})
		}
		return err
	}
	a.sessions.open.take(cookie(r, cookieSession)) // whoever was logged in before
	a.setCookie(w, r, cookieSession, "/", a.sessions.open.put(who), sessionTime)
	a.Log.Info("logged in", "who", who.Name, "from", address(r))
	a.noted(r, who, fairway.ChangeLoggedIn, map[string]any{"/issuer": at.Issuer})
	http.Redirect(w, r, at.back, http.StatusSeeOther)
	return nil
}

// logout ends the session of a browser, if it has one.
func (a *api) logout(w http.ResponseWriter, r *http.Request) error {
	who, _ := a.sessions.open.get(cookie(r, cookieSession))
	if err := a.sameSite(r, who); err != nil {
		return err
	}
	if _, open := a.sessions.open.take(cookie(r, cookieSession)); open {
		a.noted(r, who, fairway.ChangeLoggedOut, nil)
	}
	a.setCookie(w, r, cookieSession, "/", "", -1)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// me tells callers who they are here.
func (a *api) me(w http.ResponseWriter, r *http.Request) {
	who := principalOf(r.Context())
	answer := struct {
		Name    string          `json:"name"`
		Display string          `json:"display"`
		Roles   []fairway.Role  `json:"roles"`
		Grants  []fairway.Grant `json:"grants"`
	}{who.Name, who.String(), []fairway.Role{}, append([]fairway.Grant{}, who.Grants...)}
	for _, role := range fairway.Roles {
		if slices.ContainsFunc(who.Grants, func(g fairway.Grant) bool { return g.Role == role }) {
			answer.Roles = append(answer.Roles, role)
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, "application/json", answer)
}

// bySession finds out whose session a request shows.
func (a *api) bySession(r *http.Request) (fairway.Principal, error) {
	who, known := a.sessions.open.get(cookie(r, cookieSession))
	if !known {
		return fairway.Principal{}, fairway.Errorf(fairway.CodeUnauthorized, "the session has ended").WithHint("log in again at /auth/login")
	}
	return who, a.sameSite(r, who)
}

// sameSite refuses a write that another site lets the browser of somebody send:
// the browser adds its cookies whoever asks. The refusal is recorded.
func (a *api) sameSite(r *http.Request, who fairway.Principal) error {
	if err := a.sessions.crossOrigin.Check(r); err != nil {
		a.Log.Warn("cross-site request refused", "method", r.Method, "path", r.URL.Path, "from", address(r))
		if who.Name != "" {
			a.noted(r, who, fairway.ChangeDenied, map[string]any{"/deed": r.Method + " " + r.URL.Path, "/error": "sent by another site"})
		}
		return fairway.Errorf(fairway.CodeForbidden, "%s %s with a session: %w", r.Method, r.URL.Path, err).
			WithHint("write from the server's own pages, or with a bearer token; behind a proxy, set public_url in the access file")
	}
	return nil
}

// noted records what became of the session of somebody. Recording goes on when
// the browser has gone.
func (a *api) noted(r *http.Request, who fairway.Principal, event fairway.ChangeEvent, what map[string]any) {
	ctx := fairway.WithOrigin(context.WithoutCancel(r.Context()), fairway.Origin{Who: who.Name, Display: who.String(), From: address(r)})
	if err := a.Store.Record(ctx, fairway.Change{Kind: fairway.KindSession, ID: who.Name, Event: event, After: what}); err != nil {
		a.Log.Error("what became of a session could not be recorded", "who", who.Name, "event", event, "error", err)
	}
}

// isLocal reports whether a browser that is sent to a path stays on this server.
func isLocal(path string) bool {
	u, err := url.Parse(path)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil && isText(path) &&
		strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.Contains(path, `\`)
}

// origin is where the browser found the server.
func (a *api) origin(r *http.Request) string {
	switch {
	case a.PublicURL != "":
		return a.PublicURL
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie gives the browser a cookie, or takes it back when it lasts less than 0.
func (a *api) setCookie(w http.ResponseWriter, r *http.Request, name, path, value string, lasts time.Duration) {
	age := int(lasts.Seconds())
	if lasts < 0 {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: path, MaxAge: age, HttpOnly: true,
		Secure: strings.HasPrefix(a.origin(r), "https://"), SameSite: http.SameSiteLaxMode})
}
