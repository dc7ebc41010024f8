package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
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
	all, err := a.Store.Clusters(r.Context(), filter)
	if err != nil {
		return err
	}
	out := list[wireCluster]{Items: make([]wireCluster, len(all))}
	for i, c := range all {
		out.Items[i] = wire(c, verbose)
	}
	return answer(w, http.StatusOK, out)
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
	if err := a.Store.CreateCluster(r.Context(), c); err != nil {
		return err
	}
	stored, err := a.Store.Cluster(r.Context(), c.ID)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, wire(*stored, true))
}

func (a *api) cluster(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	verbose := q.truth("verbose", true)
	if err := q.done(); err != nil {
		return err
	}
	c, err := a.Store.Cluster(r.Context(), r.PathValue("cluster"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, wire(*c, verbose))
}

// changeCluster validates the cluster as it will be, but only in what the call
// touches: a manager must be able to report the status of an entry that is
// wrong elsewhere.
func (a *api) changeCluster(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("cluster")
	o, err := body(w, r)
	if err != nil {
		return err
	}
	u, touched, err := readChange(o, id)
	if err != nil {
		return err
	}
	a.writes.Lock()
	defer a.writes.Unlock()
	before, err := a.Store.Cluster(r.Context(), id)
	if err != nil {
		return err
	}
	after := changed(*before, u)
	if err := refuse(within(after.Validate(), touched)); err != nil {
		return err
	}
	stored, err := a.Store.UpdateCluster(r.Context(), id, u)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, wire(*stored, true))
}

// changed is the cluster with the fields of an update that Validate looks at.
func changed(c fairway.Cluster, u fairway.ClusterUpdate) fairway.Cluster {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&c.Alias, u.Alias)
	set(&c.InfrastructureAccount, u.InfrastructureAccount)
	set(&c.LocalID, u.LocalID)
	set(&c.APIServerURL, u.APIServerURL)
	set(&c.Channel, u.Channel)
	set(&c.Environment, u.Environment)
	set(&c.Provider, u.Provider)
	set(&c.Region, u.Region)
	if u.CriticalityLevel != nil {
		c.CriticalityLevel = *u.CriticalityLevel
	}
	if u.LifecycleStatus != nil {
		c.LifecycleStatus = *u.LifecycleStatus
	}
	if u.ConfigItems != nil {
		c.ConfigItems = *u.ConfigItems
	}
	return c
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
	if err := a.Store.DeleteCluster(r.Context(), r.PathValue("cluster")); err != nil {
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
	if err := a.Store.SetConfigItem(r.Context(), r.PathValue("cluster"), key, value); err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]string{"value": value})
}

func (a *api) deleteItem(w http.ResponseWriter, r *http.Request) error {
	if err := a.Store.DeleteConfigItem(r.Context(), r.PathValue("cluster"), r.PathValue("key")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
