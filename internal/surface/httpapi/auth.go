package httpapi

import (
	"context"
	"net"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/fairwayhq/fairway"
)

// headerReason is the header in which a caller may say why it writes.
const headerReason = "X-Fairway-Reason"

// longestReason is the most characters of a reason that are kept.
const longestReason = 500

// principalKey is where a request keeps who calls.
type principalKey struct{}

// principalOf returns who calls; nobody outside of a request.
func principalOf(ctx context.Context) fairway.Principal {
	p, _ := ctx.Value(principalKey{}).(fairway.Principal)
	return p
}

// callerOf returns what people call the caller of a request.
func callerOf(ctx context.Context) string { return principalOf(ctx).String() }

// authenticated lets known callers pass; what they may do is decided where it is
// known what they do it to.
func (a *api) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := a.caller(r)
		if err == nil {
			if err = a.rates.take(who.Name); err != nil {
				w.Header().Set("Retry-After", "1")
			}
		}
		if err != nil {
			if fairway.ErrorCode(err) == fairway.CodeUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="fairway"`)
			}
			a.fail(w, r, err)
			return
		}
		ctx := context.WithValue(r.Context(), principalKey{}, who)
		ctx = fairway.WithOrigin(ctx, fairway.Origin{Who: who.Name, Display: who.String(), From: address(r), Reason: reason(r)})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// caller finds out whose token a request shows, or, without any, whose session.
func (a *api) caller(r *http.Request) (fairway.Principal, error) {
	if _, sent := r.Header["Authorization"]; !sent && cookie(r, cookieSession) != "" {
		return a.bySession(r)
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || a.Authenticator == nil {
		return fairway.Principal{}, fairway.Errorf(fairway.CodeUnauthorized, "no valid bearer token").
			WithHint("send `Authorization: Bearer TOKEN`; the server's own token lies in the file that DATA/server.json names")
	}
	return a.Authenticator.Authenticate(r.Context(), strings.TrimSpace(token))
}

// address returns where a request came from, without the port.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func reason(r *http.Request) string {
	text := strings.ToValidUTF8(strings.TrimSpace(r.Header.Get(headerReason)), "")
	for utf8.RuneCountInString(text) > longestReason {
		text = string([]rune(text)[:longestReason])
	}
	return text
}

// allow decides whether the caller may do something somewhere. A denial is
// recorded.
func (a *api) allow(ctx context.Context, deed fairway.Deed, kind, id string, where fairway.Place) error {
	return a.denied(ctx, deed, kind, id, fairway.Authorize(principalOf(ctx), deed, where))
}

// denied returns the error, and records it when it refuses the caller a right.
func (a *api) denied(ctx context.Context, deed fairway.Deed, kind, id string, err error) error {
	if fairway.ErrorCode(err) != fairway.CodeForbidden {
		return err
	}
	denied := fairway.Change{Kind: kind, ID: id, Event: fairway.ChangeDenied, After: map[string]any{"/deed": string(deed)}}
	if recordErr := a.Store.Record(ctx, denied); recordErr != nil {
		a.Log.Error("a denial could not be recorded", "who", callerOf(ctx), "deed", deed, "id", id, "error", recordErr)
	}
	return err
}

// allowCluster is allow for a cluster.
func (a *api) allowCluster(ctx context.Context, deed fairway.Deed, c *fairway.Cluster) error {
	return a.allow(ctx, deed, fairway.KindCluster, c.ID, fairway.PlaceOf(c))
}

// sees reports whether the caller may read what belongs somewhere.
func sees(ctx context.Context, where fairway.Place) bool {
	return fairway.Authorize(principalOf(ctx), fairway.DeedRead, where) == nil
}

// seesAll reports whether the caller may read the whole fleet.
func seesAll(ctx context.Context) bool { return sees(ctx, fairway.Place{}) }

// visible returns which clusters the caller may read. It reads the clusters
// only for callers that may not read all.
func (a *api) visible(ctx context.Context) (func(clusterID string) bool, error) {
	if seesAll(ctx) {
		return func(string) bool { return true }, nil
	}
	all, err := a.Store.Clusters(ctx, fairway.ClusterFilter{Terse: true})
	if err != nil {
		return nil, err
	}
	may := map[string]bool{}
	for i := range all {
		may[all[i].ID] = sees(ctx, fairway.PlaceOf(&all[i]))
	}
	return func(id string) bool { return may[id] }, nil
}

// hidden answers for what exists and may not be read as if it did not exist.
func hidden(kind, id string) error {
	return fairway.Errorf(fairway.CodeNotFound, "%s %q does not exist", kind, id)
}

// seesChannel reports whether the caller may read anything on a channel: what
// belongs to a channel as a whole, as rollouts do, is shown to all of them.
func seesChannel(ctx context.Context, channel string) bool {
	for _, g := range principalOf(ctx).Grants {
		g.Accounts, g.Environments = nil, nil
		if fairway.Authorize(fairway.Principal{Grants: []fairway.Grant{g}}, fairway.DeedRead, fairway.Place{Channel: channel}) == nil {
			return true
		}
	}
	return false
}

// allowSteer decides whether the caller may steer an update, which is named by
// its id or by its cluster, or the cluster itself.
func (a *api) allowSteer(ctx context.Context, name string) error {
	c, err := a.Store.FindCluster(ctx, name)
	if err != nil {
		u, unknown := a.Store.Update(ctx, name)
		if unknown == nil {
			c, err = a.Store.Cluster(ctx, u.ClusterID)
		}
	}
	if err == nil && sees(ctx, fairway.PlaceOf(c)) {
		return a.allowCluster(ctx, fairway.DeedSteer, c)
	}
	if !fairway.MayAnywhere(principalOf(ctx), fairway.DeedSteer) {
		return a.allow(ctx, fairway.DeedSteer, fairway.KindCluster, name, fairway.Place{})
	}
	if err == nil {
		return hidden("cluster", name)
	}
	return nil // whoever carries it out says best what is not known
}
