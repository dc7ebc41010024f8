package httpapi

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

func sorted(s []string) []string { slices.Sort(s); return s }

func (a *api) clusters(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	filter := fairway.ClusterFilter{
		Alias: q.text("alias"), APIServerURL: q.text("api_server_url"), Channel: q.text("channel"),
		CriticalityLevel: q.number("criticality_level"), Environment: q.text("environment"),
		InfrastructureAccount: q.text("infrastructure_account"), LifecycleStatus: q.text("lifecycle_status"),
		LocalID: q.text("local_id"), Provider: q.text("provider"), Region: q.text("region"), CostCenter: q.text("cost_center"),
	}
	verbose := q.truth("verbose", true)
	if err := q.done(); err != nil {
		return err
	}
	filter.Terse = !verbose
	out := newStream(w)
	err := a.Store.EachCluster(r.Context(), filter, func(c *fairway.Cluster) error {
		if !sees(r.Context(), fairway.PlaceOf(c)) {
			return nil
		}
		text, err := wireText(c, verbose)
		if err != nil {
			return err
		}
		return out.addText(text)
	})
	return out.end(err)
}

func (a *api) createCluster(w http.ResponseWriter, r *http.Request) error {
	o, err := body(w, r)
	if err != nil {
		return err
	}
	c, err := readCluster(o)
	if err != nil {
		return err
	}
	if err := a.allowCluster(r.Context(), fairway.DeedWrite, c); err != nil {
		return err
	}
	if err := a.creatable(c.ID); err != nil {
		return err
	}
	if err := a.accountKnown(r.Context(), c); err != nil {
		return err
	}
	clear, err := a.clearSecrets(nil, c)
	if err != nil {
		return err
	}
	if err := a.Store.CreateCluster(r.Context(), c); err != nil {
		return err
	}
	a.warn(r.Context(), c.ID, clear)
	stored, err := a.Store.Cluster(r.Context(), c.ID)
	if err != nil {
		return err
	}
	tagged(w, r, stored.ETag)
	return answerCluster(w, http.StatusCreated, stored, true)
}

func (a *api) cluster(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	verbose := q.truth("verbose", true)
	if err := q.done(); err != nil {
		return err
	}
	c, err := a.seenCluster(r)
	if err != nil || tagged(w, r, c.ETag) {
		return err
	}
	return answerCluster(w, http.StatusOK, c, verbose)
}

func answerCluster(w http.ResponseWriter, status int, c *fairway.Cluster, verbose bool) error {
	text, err := wireText(c, verbose)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(text, '\n')) // fails only when the caller is gone
	return nil
}

// seenCluster returns the cluster of the path if the caller may read it.
func (a *api) seenCluster(r *http.Request) (*fairway.Cluster, error) {
	id := r.PathValue("cluster")
	c, err := a.Store.Cluster(r.Context(), id)
	if err != nil {
		return nil, err
	}
	if !sees(r.Context(), fairway.PlaceOf(c)) {
		return nil, hidden("cluster", id)
	}
	return c, nil
}

// editOf is edit for the cluster of the path.
func (a *api) editOf(r *http.Request, deed fairway.Deed, change func(c *fairway.Cluster) error) (*fairway.Cluster, error) {
	return a.edit(r.Context(), r.PathValue("cluster"), r.Header.Get("If-Match"), deed, change)
}

// edit changes a cluster in one step: it exists for the caller,
// the caller has seen its newest version if it says so (If-Match), may do it
// both where the cluster was and where it is then, and no rule forbids the
// change. Only then it is stored.
func (a *api) edit(ctx context.Context, id, ifMatch string, deed fairway.Deed, change func(c *fairway.Cluster) error) (*fairway.Cluster, error) {
	var clear []string
	var denied *fairway.Cluster
	stored, err := a.Store.ChangeCluster(ctx, id, func(c *fairway.Cluster) error {
		denied = nil
		if !sees(ctx, fairway.PlaceOf(c)) {
			return hidden("cluster", c.ID)
		}
		before := c.Clone()
		may := func() error {
			err := fairway.Authorize(principalOf(ctx), deed, fairway.PlaceOf(c))
			if err != nil {
				denied = c.Clone()
			}
			return err
		}
		if err := may(); err != nil {
			return err
		}
		if err := matchesTag(ifMatch, "cluster", c.ID, before.ETag); err != nil {
			return err
		}
		if err := change(c); err != nil {
			return err
		}
		if fairway.PlaceOf(c) != fairway.PlaceOf(before) {
			if err := may(); err != nil {
				return err
			}
		}
		if err := a.changeable(ctx, before, c); err != nil {
			return err
		}
		if err := fairway.Transition(before, c); err != nil {
			return err
		}
		var err error
		clear, err = a.clearSecrets(before, c)
		return err
	})
	if denied != nil {
		// Recorded outside of the transaction that it ended.
		return nil, a.allowCluster(ctx, deed, denied)
	}
	if err != nil {
		return nil, err
	}
	a.warn(ctx, stored.ID, clear)
	return stored, nil
}

// changeCluster validates the cluster as it will be, but only in what the call
// touches: a manager must be able to report the status of an entry that is
// wrong elsewhere.
func (a *api) changeCluster(w http.ResponseWriter, r *http.Request) error {
	o, err := body(w, r)
	if err != nil {
		return err
	}
	u, touched, err := readChange(o, r.PathValue("cluster"))
	if err != nil {
		return err
	}
	stored, err := a.editOf(r, deedOf(u, touched), func(c *fairway.Cluster) error {
		before := *c
		u.Apply(c)
		if err := refuse(within(c.Validate(), touched)); err != nil {
			return err
		}
		if before.InfrastructureAccount != c.InfrastructureAccount {
			return a.accountKnown(r.Context(), c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	tagged(w, r, stored.ETag)
	return answerCluster(w, http.StatusOK, stored, true)
}

// deedOf says what a change amounts to: a program that runs clusters reports
// their status and how far their life has come; all else, and to ask for the
// end of a cluster, is for operators.
func deedOf(u fairway.ClusterUpdate, touched []string) fairway.Deed {
	for _, field := range touched {
		if field != "status" && field != "lifecycle_status" && field != "id" {
			return fairway.DeedWrite
		}
	}
	if s := u.LifecycleStatus; s != nil && *s == fairway.StatusDecommissionRequested {
		return fairway.DeedWrite
	}
	return fairway.DeedReport
}

// accountKnown refuses a cluster of an account that the registry does not have,
// once it has any: a fleet that keeps no accounts needs none.
func (a *api) accountKnown(ctx context.Context, c *fairway.Cluster) error {
	all, err := a.Store.Accounts(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	ids := make([]string, len(all))
	for i, one := range all {
		if ids[i] = one.ID; one.ID == c.InfrastructureAccount {
			return nil
		}
	}
	hint := "create it first: POST /infrastructure-accounts, or `fairway account create`"
	if near := nearest.To(c.InfrastructureAccount, slices.Values(ids)); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return refuse([]fairway.Finding{{Pointer: "/infrastructure_account", Message: fmt.Sprintf("infrastructure account %q is not known", c.InfrastructureAccount), Hint: hint}})
}

// clearSecrets returns the pointers of the config items that a change gives a
// secret in clear, or refuses it where that is wished.
func (a *api) clearSecrets(before, after *fairway.Cluster) ([]string, error) {
	_, is := fairway.Diff(before, after)
	var found []fairway.Finding
	for _, pointer := range slices.Sorted(maps.Keys(is)) {
		if is[pointer] == fairway.Masked {
			found = append(found, fairway.Finding{Pointer: pointer, Message: "the value seems to be a secret in clear",
				Hint: "encrypt it (aws:kms:... or age:...); the server runs with --clear-secrets=refuse"})
		}
	}
	if a.RefuseClearSecrets {
		return nil, refuse(found)
	}
	pointers := make([]string, len(found))
	for i, f := range found {
		pointers[i] = f.Pointer
	}
	return pointers, nil
}

// warn records that secrets stand in clear.
func (a *api) warn(ctx context.Context, id string, pointers []string) {
	if len(pointers) == 0 {
		return
	}
	after := map[string]any{}
	for _, p := range pointers {
		after[p] = fairway.Masked
	}
	if err := a.Store.Record(ctx, fairway.Change{Kind: fairway.KindCluster, ID: id, Event: fairway.ChangeWarned, After: after}); err != nil {
		a.Log.Error("a warning could not be recorded", "cluster", id, "error", err)
	}
	a.Log.Warn("secrets in clear", "cluster", id, "items", pointers)
}

// within keeps the findings about the given fields.
func within(all []fairway.Finding, touched []string) (kept []fairway.Finding) {
	for _, f := range all {
		field, _, _ := strings.Cut(f.Pointer[1:], "/")
		if slices.Contains(touched, field) {
			kept = append(kept, f)
		}
	}
	return kept
}

func (a *api) deleteCluster(w http.ResponseWriter, r *http.Request) error {
	c, err := a.seenCluster(r)
	if err != nil {
		return err
	}
	if err := a.allowCluster(r.Context(), fairway.DeedDelete, c); err != nil {
		return err
	}
	if err := a.deletable(c.ID); err != nil {
		return err
	}
	if err := matches(r, "cluster", c.ID, c.ETag); err != nil {
		return err
	}
	if err := a.Store.DeleteCluster(r.Context(), c.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *api) putItem(w http.ResponseWriter, r *http.Request) error {
	key, value, err := item(w, r)
	if err != nil {
		return err
	}
	stored, err := a.editOf(r, fairway.DeedReport, func(c *fairway.Cluster) error {
		if c.ConfigItems == nil {
			c.ConfigItems = map[string]string{}
		}
		c.ConfigItems[key] = value
		return tooLarge(c)
	})
	if err != nil {
		return err
	}
	tagged(w, r, stored.ETag)
	return answer(w, http.StatusOK, map[string]string{"value": value})
}

// tooLarge refuses a cluster that holds more than a registry stores.
func tooLarge(c *fairway.Cluster) error {
	if c.Size() <= fairway.MaxCluster {
		return nil
	}
	return refuse(within(c.Validate(), []string{"config_items"}))
}

func (a *api) deleteItem(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("key")
	if _, err := a.editOf(r, fairway.DeedWrite, func(c *fairway.Cluster) error {
		if _, ok := c.ConfigItems[key]; !ok {
			return fairway.Errorf(fairway.CodeNotFound, "config item %q of cluster %s does not exist", key, c.ID)
		}
		delete(c.ConfigItems, key)
		return nil
	}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
