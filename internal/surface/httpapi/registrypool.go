package httpapi

import (
	"net/http"
	"slices"

	"github.com/fairwayhq/fairway"
)

// The entity tag of node pools and config items is that of their cluster: they
// are parts of one object, and a writer that has seen an older cluster is told.

func (a *api) pools(w http.ResponseWriter, r *http.Request) error {
	c, err := a.seenCluster(r)
	if err != nil || tagged(w, r, c.ETag) {
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
	if err := checkPool(r, o, p); err != nil {
		return err
	}
	return a.storePool(w, r, func(c *fairway.Cluster) (*fairway.NodePool, error) {
		i := slices.IndexFunc(c.NodePools, func(one fairway.NodePool) bool { return one.Name == p.Name })
		if i < 0 {
			c.NodePools = append(c.NodePools, p)
			return &p, tooLarge(c)
		}
		c.NodePools[i] = p
		return &p, tooLarge(c)
	})
}

// changePool changes the given fields of a pool.
func (a *api) changePool(w http.ResponseWriter, r *http.Request) error {
	o, err := body(w, r)
	if err != nil {
		return err
	}
	return a.storePool(w, r, func(c *fairway.Cluster) (*fairway.NodePool, error) {
		p, err := poolOf(r, c)
		if err != nil {
			return nil, err
		}
		fresh := *o // the function may run again
		fresh.pool(p)
		if err := checkPool(r, &fresh, *p); err != nil {
			return nil, err
		}
		return p, tooLarge(c)
	})
}

// checkPool refuses a pool that was read from a body and is not valid.
func checkPool(r *http.Request, o *object, p fairway.NodePool) error {
	if name := r.PathValue("pool"); p.Name != name {
		o.find("name", "the name of a node pool never changes", "name %q is not that of the path, %q", p.Name, name)
	}
	return refuse(merge(o.done(), p.Validate()))
}

// storePool changes a pool and answers with it.
func (a *api) storePool(w http.ResponseWriter, r *http.Request, change func(c *fairway.Cluster) (*fairway.NodePool, error)) error {
	var pool fairway.NodePool
	stored, err := a.editOf(r, fairway.DeedWrite, func(c *fairway.Cluster) error {
		p, err := change(c)
		if err == nil {
			pool = *p
		}
		return err
	})
	if err != nil {
		return err
	}
	tagged(w, r, stored.ETag)
	return answer(w, http.StatusOK, wireOne(pool))
}

// poolOf returns the pool that the path names.
func poolOf(r *http.Request, c *fairway.Cluster) (*fairway.NodePool, error) {
	name := r.PathValue("pool")
	for i := range c.NodePools {
		if c.NodePools[i].Name == name {
			return &c.NodePools[i], nil
		}
	}
	return nil, noPool(c, name)
}

func noPool(c *fairway.Cluster, name string) error {
	return fairway.Errorf(fairway.CodeNotFound, "node pool %q of cluster %s does not exist", name, c.ID)
}

func (a *api) deletePool(w http.ResponseWriter, r *http.Request) error {
	if _, err := a.editOf(r, fairway.DeedWrite, func(c *fairway.Cluster) error {
		p, err := poolOf(r, c)
		if err != nil {
			return err
		}
		name := p.Name
		c.NodePools = slices.DeleteFunc(c.NodePools, func(one fairway.NodePool) bool { return one.Name == name })
		return nil
	}); err != nil {
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
	stored, err := a.editOf(r, fairway.DeedReport, func(c *fairway.Cluster) error {
		p, err := poolOf(r, c)
		if err != nil {
			return err
		}
		if p.ConfigItems == nil {
			p.ConfigItems = map[string]string{}
		}
		p.ConfigItems[key] = value
		return tooLarge(c)
	})
	if err != nil {
		return err
	}
	tagged(w, r, stored.ETag)
	return answer(w, http.StatusOK, map[string]string{"value": value})
}

func (a *api) deletePoolItem(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("key")
	if _, err := a.editOf(r, fairway.DeedWrite, func(c *fairway.Cluster) error {
		p, err := poolOf(r, c)
		if err != nil {
			return err
		}
		if _, ok := p.ConfigItems[key]; !ok {
			return fairway.Errorf(fairway.CodeNotFound, "config item %q of node pool %s does not exist", key, p.Name)
		}
		delete(p.ConfigItems, key)
		return nil
	}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
