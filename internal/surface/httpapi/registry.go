package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/fairwayhq/fairway"
)

// handler is a handler of the registry API; its error becomes the answer.
type handler func(w http.ResponseWriter, r *http.Request) error

// registry registers the registry API (contract 1.6).
func (a *api) registry(mux *http.ServeMux) {
	const (
		accounts = "/infrastructure-accounts"
		clusters = "/kubernetes-clusters"
		cluster  = clusters + "/{cluster}"
		pool     = cluster + "/node-pools/{pool}"
	)
	for pattern, h := range map[string]handler{
		"GET " + accounts:                           a.accounts,
		"POST " + accounts:                          a.createAccount,
		"GET " + accounts + "/{account}":            a.account,
		"PATCH " + accounts + "/{account}":          a.changeAccount,
		"GET " + clusters:                           a.clusters,
		"POST " + clusters:                          a.createCluster,
		"GET " + cluster:                            a.cluster,
		"PATCH " + cluster:                          a.changeCluster,
		"DELETE " + cluster:                         a.deleteCluster,
		"PUT " + cluster + "/config-items/{key}":    a.putItem,
		"DELETE " + cluster + "/config-items/{key}": a.deleteItem,
		"GET " + cluster + "/node-pools":            a.pools,
		"PUT " + pool:                               a.putPool,
		"PATCH " + pool:                             a.changePool,
		"DELETE " + pool:                            a.deletePool,
		"PUT " + pool + "/config-items/{key}":       a.putPoolItem,
		"DELETE " + pool + "/config-items/{key}":    a.deletePoolItem,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := h(w, r); err != nil {
				a.failRegistry(w, r, err)
			}
		})
	}
}

// registryError is the body of an error of the registry API.
type registryError struct {
	Code    int32  `json:"code"`
	Message string `json:"message"`
	Fields  string `json:"fields"`
}

// failRegistry answers with an error as the registry API has it.
func (a *api) failRegistry(w http.ResponseWriter, r *http.Request, err error) {
	if own, ok := errors.AsType[*httpError](err); ok {
		writeJSON(w, own.status, "application/json", registryError{int32(own.status), own.message, ""})
		return
	}
	p := problemOf(a.told(r, err))
	body := registryError{Code: int32(p.Status), Message: p.Detail}
	if p.Hint != "" {
		body.Message += " (" + p.Hint + ")"
	}
	if i, ok := errors.AsType[*invalid](err); ok {
		body.Fields = i.fields()
	}
	writeJSON(w, p.Status, "application/json", body)
}

// answer answers with a value.
func answer(w http.ResponseWriter, status int, v any) error {
	writeJSON(w, status, "application/json", v)
	return nil
}

// list is the body of a list.
type list[T any] struct {
	Items []T `json:"items"`
}

// wireCluster is a cluster on the wire. config_items and node_pools are always
// there unless they were not asked for: existing clients fail on a missing map.
type wireCluster struct {
	fairway.Cluster
	ConfigItems *map[string]string `json:"config_items,omitempty"`
	NodePools   *[]wirePool        `json:"node_pools,omitempty"`
}

// wirePool is a node pool on the wire, with config_items always there.
type wirePool struct {
	fairway.NodePool
	ConfigItems   map[string]string `json:"config_items"`
	InstanceTypes []string          `json:"instance_types"`
}

func wire(c fairway.Cluster, verbose bool) wireCluster {
	w := wireCluster{Cluster: c}
	if w.Status.Problems == nil {
		w.Status.Problems = []fairway.Problem{}
	}
	if !verbose {
		return w
	}
	items, pools := notNil(c.ConfigItems), wirePools(c.NodePools)
	w.ConfigItems, w.NodePools = &items, &pools
	return w
}

func wirePools(pools []fairway.NodePool) []wirePool {
	out := make([]wirePool, len(pools))
	for i, p := range pools {
		out[i] = wireOne(p)
	}
	return out
}

func wireOne(p fairway.NodePool) wirePool {
	w := wirePool{NodePool: p, ConfigItems: notNil(p.ConfigItems), InstanceTypes: p.InstanceTypes}
	if w.InstanceTypes == nil {
		w.InstanceTypes = []string{}
	}
	return w
}

func notNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// query reads the query parameters and refuses those it does not know: a
// misspelt filter that selects everything would be worse.
type query struct {
	values   map[string][]string
	known    map[string]bool
	findings []fairway.Finding
}

func queryOf(r *http.Request) *query {
	return &query{values: r.URL.Query(), known: map[string]bool{}}
}

func (q *query) text(name string) string {
	q.known[name] = true
	if v := q.values[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (q *query) number(name string) *int32 {
	text := q.text(name)
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		q.find(name, "", "query parameter %s %q is not a whole number", name, text)
		return nil
	}
	v := int32(n)
	return &v
}

// truth reads a boolean; when it is not given it has the standard value.
func (q *query) truth(name string, standard bool) bool {
	text := q.text(name)
	if text == "" {
		return standard
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		q.find(name, "true or false", "query parameter %s %q is not a truth value", name, text)
	}
	return v
}

func (q *query) find(name, hint, format string, args ...any) {
	q.findings = append(q.findings, fairway.Finding{Pointer: "/" + name, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// done reports everything that is wrong with the query.
func (q *query) done() error {
	known := make([]string, 0, len(q.known))
	for name := range q.known {
		known = append(known, name)
	}
	for name := range q.values {
		if !q.known[name] {
			q.find(name, "known are "+strings.Join(sorted(known), ", "), "unknown query parameter %q", name)
		}
	}
	return refuse(q.findings)
}
