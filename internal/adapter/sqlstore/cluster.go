package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// A cluster's owner and account name come from its account unless the registry
// file gave them.
const selectCluster = `
SELECT c.id, c.alias, c.infrastructure_account, c.local_id, c.api_server_url, c.channel, c.environment,
       c.criticality_level, c.lifecycle_status, c.provider, c.region, c.config_items, c.node_pools,
       c.current_version, c.last_version, c.next_version, c.problems,
       COALESCE(NULLIF(c.owner, ''), a.owner, ''), COALESCE(NULLIF(c.account_name, ''), a.name, ''),
       c.origin, c.etag, c.created_at
FROM clusters c LEFT JOIN infrastructure_accounts a ON a.id = c.infrastructure_account`

func scanCluster(r row) (c fairway.Cluster, err error) { return scanClusterAnd(r) }

// scanClusterAnd reads a cluster and the columns that follow it.
func scanClusterAnd(r row, more ...any) (c fairway.Cluster, err error) {
	err = r.Scan(append([]any{&c.ID, &c.Alias, &c.InfrastructureAccount, &c.LocalID, &c.APIServerURL, &c.Channel, &c.Environment,
		&c.CriticalityLevel, &c.LifecycleStatus, &c.Provider, &c.Region, items{&c.ConfigItems}, packed{&c.NodePools},
		&c.Status.CurrentVersion, &c.Status.LastVersion, &c.Status.NextVersion, packed{&c.Status.Problems},
		&c.Owner, &c.AccountName, items{&c.Origin}, &c.ETag, at{&c.CreatedAt}}, more...)...)
	if c.Status.Problems == nil {
		c.Status.Problems = []fairway.Problem{}
	}
	if c.ETag == "" && err == nil {
		c.ETag = etag(c) // written before there were tags
	}
	return c, err
}

// Clusters returns the clusters that pass the filter, oldest first.
func (s *Store) Clusters(ctx context.Context, filter fairway.ClusterFilter) ([]fairway.Cluster, error) {
	all := []fairway.Cluster{}
	err := s.EachCluster(ctx, filter, func(c *fairway.Cluster) error {
		all = append(all, *c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// EachCluster calls the function with each cluster that passes the filter,
// oldest first, without holding all of them; its error ends the list.
func (s *Store) EachCluster(ctx context.Context, filter fairway.ClusterFilter, do func(c *fairway.Cluster) error) error {
	var w where
	for _, f := range []struct{ column, value string }{
		{"c.alias", filter.Alias}, {"c.api_server_url", filter.APIServerURL}, {"c.channel", filter.Channel},
		{"c.environment", filter.Environment}, {"c.infrastructure_account", filter.InfrastructureAccount},
		{"c.lifecycle_status", filter.LifecycleStatus}, {"c.local_id", filter.LocalID},
		{"c.provider", filter.Provider}, {"c.region", filter.Region}, {"a.cost_center", filter.CostCenter},
	} {
		if f.value != "" {
			w.and(f.column+" = ", f.value)
		}
	}
	if filter.CriticalityLevel != nil {
		w.and("c.criticality_level = ", *filter.CriticalityLevel)
	}
	if len(filter.IDs) > 0 {
		w.in("c.id", filter.IDs)
	}
	for word := range strings.FieldsSeq(fairway.LowerASCII(filter.Search)) {
		w.search(word)
	}
	query := selectCluster
	terse := filter.Terse && filter.Search == "" // a search looks into what is left out
	if terse {
		query = strings.Replace(query, "c.config_items, c.node_pools", "'null', 'null'", 1)
	}
	rows, err := s.reader.QueryContext(ctx, query+w.String()+` ORDER BY c.created_at, c.id`, w.args...)
	if err != nil {
		return s.meaning(fmt.Errorf("list clusters: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		c, err := scanCluster(rows)
		if err != nil {
			return s.meaning(fmt.Errorf("list clusters: %w", err))
		}
		if !c.Mentions(filter.Search) {
			continue
		}
		if filter.Terse {
			c.ConfigItems, c.NodePools = nil, nil
		}
		if err := do(&c); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return s.meaning(fmt.Errorf("list clusters: %w", err))
	}
	return nil
}

// Cluster returns the cluster of that id.
func (s *Store) Cluster(ctx context.Context, id string) (*fairway.Cluster, error) {
	c, err := scanCluster(s.readRow(ctx, selectCluster+` WHERE c.id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("cluster", id)
	}
	if err != nil {
		return nil, s.meaning(fmt.Errorf("read cluster %s: %w", id, err))
	}
	return &c, nil
}

// FindCluster returns the cluster with that id, alias or local id. An exact id
// wins; otherwise a name that fits several is CodeInvalid.
func (s *Store) FindCluster(ctx context.Context, name string) (*fairway.Cluster, error) {
	rows, err := s.reader.QueryContext(ctx, selectCluster+` WHERE c.id = $1 OR c.alias = $1 OR c.local_id = $1 ORDER BY c.created_at, c.id`, name)
	found, err := collect(rows, err, scanCluster)
	if err != nil {
		return nil, s.meaning(fmt.Errorf("find cluster %s: %w", name, err))
	}
	var ids []string
	for _, c := range found {
		if c.ID == name {
			return &c, nil
		}
		ids = append(ids, c.ID)
	}
	switch len(found) {
	case 0:
		return nil, s.noCluster(ctx, name)
	case 1:
		return &found[0], nil
	}
	return nil, fairway.Errorf(fairway.CodeInvalid, "%q names %d clusters", name, len(found)).
		WithHint("use one of the ids %s", strings.Join(ids, ", "))
}

// noCluster says that there is no such cluster and names the nearest one.
func (s *Store) noCluster(ctx context.Context, name string) error {
	e := fairway.Errorf(fairway.CodeNotFound, "cluster %q does not exist", name).
		WithHint("`fairway cluster list` shows all clusters")
	rows, err := s.reader.QueryContext(ctx, `SELECT alias FROM clusters UNION SELECT id FROM clusters ORDER BY 1`)
	names, err := collect(rows, err, func(r row) (n string, err error) { return n, r.Scan(&n) })
	if err != nil {
		return e
	}
	if near := nearest.To(name, slices.Values(names)); near != "" {
		e = e.WithHint("did you mean %q?", near)
	}
	return e
}

// where builds the conditions of a query with their arguments.
type where struct {
	conditions []string
	args       []any
}

// and adds "condition $n".
func (w *where) and(condition string, arg any) {
	w.args = append(w.args, arg)
	w.conditions = append(w.conditions, fmt.Sprintf("%s$%d", condition, len(w.args)))
}

// also adds a condition without argument.
func (w *where) also(condition string) { w.conditions = append(w.conditions, condition) }

// search keeps the clusters in whose text a word occurs: all that mention it,
// and a few more, since keys and values are stored together as JSON.
func (w *where) search(word string) {
	stored := pack(word)
	w.args = append(w.args, like(word), like(stored[1:len(stored)-1]))
	n := len(w.args)
	w.also(fmt.Sprintf(`(lower(c.id || ' ' || c.alias || ' ' || COALESCE(NULLIF(c.owner, ''), a.owner, '')) LIKE lower($%d) ESCAPE '!'
		OR lower(c.config_items || ' ' || c.node_pools) LIKE lower($%d) ESCAPE '!')`, n-1, n))
}

// like is the pattern of LIKE for texts that hold a text.
func like(text string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text) + "%"
}

// limit adds an argument and returns " LIMIT $n".
func (w *where) limit(n, standard int) string {
	if n <= 0 {
		n = standard
	}
	w.args = append(w.args, n)
	return fmt.Sprintf(" LIMIT $%d", len(w.args))
}

// String returns " WHERE a AND b", or "" without conditions.
func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}
