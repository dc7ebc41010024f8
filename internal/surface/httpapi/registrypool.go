package httpapi

import (
	"maps"
	"net/http"

	"github.com/fairwayhq/fairway"
)

func (a *api) pools(w http.ResponseWriter, r *http.Request) error {
	c, err := a.Store.Cluster(r.Context(), r.PathValue("cluster"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, list[wirePool]{Items: wirePools(c.NodePools)})
}

// putPool creates or replaces a pool. The name may be left out of the body; it
// stands in the path.
func (a *api) putPool(w http.ResponseWriter, r *http.Request) error {
	o, err := body(w, r)
	if err != nil {
		return err
	}
	p := fairway.NodePool{Name: r.PathValue("pool")}
	o.pool(&p)
	o.require("profile", "instance_types", "discount_strategy", "min_size", "max_size")
	return a.storePool(w, r, o, p)
}

// changePool changes the given fields of a pool.
func (a *api) changePool(w http.ResponseWriter, r *http.Request) error {
	o, err := body(w, r)
	if err != nil {
		return err
	}
	a.writes.Lock()
	defer a.writes.Unlock()
	p, err := a.pool(r)
	if err != nil {
		return err
	}
	o.pool(&p)
	return a.storePool(w, r, o, p)
}

// storePool checks a pool that was read from a body and stores it.
func (a *api) storePool(w http.ResponseWriter, r *http.Request, o *object, p fairway.NodePool) error {
	if name := r.PathValue("pool"); p.Name != name {
		o.find("name", "the name of a node pool never changes", "name %q is not that of the path, %q", p.Name, name)
	}
	if err := refuse(merge(o.done(), p.Validate())); err != nil {
		return err
	}
	if err := a.Store.PutNodePool(r.Context(), r.PathValue("cluster"), p); err != nil {
		return err
	}
	return answer(w, http.StatusOK, wireOne(p))
}

// pool returns the pool that the path names.
func (a *api) pool(r *http.Request) (fairway.NodePool, error) {
	c, err := a.Store.Cluster(r.Context(), r.PathValue("cluster"))
	if err != nil {
		return fairway.NodePool{}, err
	}
	p, ok := c.Pool(r.PathValue("pool"))
	if !ok {
		return p, fairway.Errorf(fairway.CodeNotFound, "node pool %q of cluster %s does not exist", r.PathValue("pool"), c.ID)
	}
	p.ConfigItems = maps.Clone(p.ConfigItems)
	return p, nil
}

func (a *api) deletePool(w http.ResponseWriter, r *http.Request) error {
	if err := a.Store.DeleteNodePool(r.Context(), r.PathValue("cluster"), r.PathValue("pool")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *api) putPoolItem(w http.ResponseWriter, r *http.Request) error {
	key, value, err := item(w, r)
	if err != nil {
		return err
	}
	a.writes.Lock()
	defer a.writes.Unlock()
	p, err := a.pool(r)
	if err != nil {
		return err
	}
	if p.ConfigItems == nil {
		p.ConfigItems = map[string]string{}
	}
	p.ConfigItems[key] = value
	if err := a.Store.PutNodePool(r.Context(), r.PathValue("cluster"), p); err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]string{"value": value})
}

func (a *api) deletePoolItem(w http.ResponseWriter, r *http.Request) error {
	a.writes.Lock()
	defer a.writes.Unlock()
	p, err := a.pool(r)
	if err != nil {
		return err
	}
	key := r.PathValue("key")
	if _, ok := p.ConfigItems[key]; !ok {
		return fairway.Errorf(fairway.CodeNotFound, "config item %q of node pool %s does not exist", key, p.Name)
	}
	delete(p.ConfigItems, key)
	if err := a.Store.PutNodePool(r.Context(), r.PathValue("cluster"), p); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
