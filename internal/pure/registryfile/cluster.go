package registryfile

import (
	"cmp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fairwayhq/fairway"
)

// entry is one cluster of the file with the nodes its findings point at.
type entry struct {
	fairway.Cluster
	node  *yaml.Node
	given map[string]*yaml.Node // fields of the cluster
	pools []poolEntry
}

// poolEntry is one node pool of an entry.
type poolEntry struct {
	fairway.NodePool
	node  *yaml.Node
	given map[string]*yaml.Node
}

// cluster reads one entry of clusters.
func (p *parser) cluster(n *yaml.Node) {
	p.at = ""
	before := len(p.errors)
	// What is wrong with an entry concerns the entry alone.
	defer func() {
		p.file.Rejected = append(p.file.Rejected, p.errors[before:]...)
		p.errors = p.errors[:before]
	}()
	if n.Kind != yaml.MappingNode {
		p.errorf(n, "", "an entry of clusters is %s and not a map", kind(n))
		return
	}
	e := &entry{node: n, given: map[string]*yaml.Node{}}
	p.at = p.peek(n, "id")
	defer func() { p.at = "" }()
	wrong := len(p.errors)
	p.object(n, note(e.given, p.clusterFields(e)))
	p.fill(e)
	p.validate(e, len(p.errors) > wrong)
	if len(p.errors) == before {
		p.file.Clusters = append(p.file.Clusters, e.Cluster)
	}
}

func (p *parser) clusterFields(e *entry) []field {
	c := &e.Cluster
	return []field{
		p.text("id", &c.ID), p.text("alias", &c.Alias), p.text("infrastructure_account", &c.InfrastructureAccount),
		p.text("local_id", &c.LocalID), p.text("api_server_url", &c.APIServerURL), p.text("channel", &c.Channel),
		p.text("environment", &c.Environment), number(p, "criticality_level", 32, &c.CriticalityLevel),
		p.text("lifecycle_status", (*string)(&c.LifecycleStatus)), p.text("provider", &c.Provider), p.text("region", &c.Region),
		p.items(&c.ConfigItems),
		{"node_pools", func(n *yaml.Node) { p.each(n, "node_pools", func(n *yaml.Node) { p.pool(e, n) }) }},
		{"status", func(n *yaml.Node) { p.status(c, n) }},
		p.text("owner", &c.Owner), p.text("account_name", &c.AccountName), p.moment("created_at", &c.CreatedAt),
	}
}

// pool reads one node pool of an entry; instance_type stands for a list of one.
func (p *parser) pool(e *entry, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		p.errorf(n, "", "an entry of node_pools is %s and not a map", kind(n))
		return
	}
	pe := poolEntry{node: n, given: map[string]*yaml.Node{}}
	pool, single := &pe.NodePool, ""
	p.object(n, note(pe.given, []field{
		p.text("name", &pool.Name), p.text("profile", &pool.Profile),
		{"instance_types", func(n *yaml.Node) {
			p.each(n, "instance_types", func(n *yaml.Node) {
				var t string
				p.text("an instance type", &t).read(n)
				pool.InstanceTypes = append(pool.InstanceTypes, t)
			})
		}},
		p.text("instance_type", &single),
		p.text("discount_strategy", &pool.DiscountStrategy),
		number(p, "min_size", 64, &pool.MinSize), number(p, "max_size", 64, &pool.MaxSize), p.items(&pool.ConfigItems),
	}))
	switch {
	case single == "":
	case len(pool.InstanceTypes) > 0:
		p.errorf(pe.given["instance_type"], "keep instance_types", "pool %s has both instance_type and instance_types", pool.Name)
	default:
		pool.InstanceTypes = []string{single}
	}
	e.pools = append(e.pools, pe)
}

// status reads what a manager last reported.
func (p *parser) status(c *fairway.Cluster, n *yaml.Node) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		p.errorf(n, "", "status is %s and not a map", kind(n))
		return
	}
	s := &c.Status
	p.object(n, []field{
		p.text("current_version", &s.CurrentVersion), p.text("last_version", &s.LastVersion), p.text("next_version", &s.NextVersion),
		{"problems", func(n *yaml.Node) {
			p.each(n, "problems", func(n *yaml.Node) {
				var one fairway.Problem
				if n.Kind != yaml.MappingNode {
					p.errorf(n, "", "an entry of problems is %s and not a map", kind(n))
					return
				}
				p.object(n, []field{
					p.text("type", &one.Type), p.text("title", &one.Title), number(p, "status", 32, &one.Status),
					p.text("detail", &one.Detail), p.text("instance", &one.Instance),
				})
				s.Problems = append(s.Problems, one)
			})
		}},
	})
}

// account reads one entry of infrastructure_accounts.
func (p *parser) account(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		p.errorf(n, "", "an entry of infrastructure_accounts is %s and not a map", kind(n))
		return
	}
	var a fairway.InfrastructureAccount
	p.object(n, []field{
		p.text("id", &a.ID), p.text("type", &a.Type), p.text("name", &a.Name), p.text("owner", &a.Owner),
		p.text("cost_center", &a.CostCenter), p.text("environment", &a.Environment),
		number(p, "criticality_level", 32, &a.CriticalityLevel), p.text("external_id", &a.ExternalID),
		p.text("lifecycle_status", &a.LifecycleStatus),
	})
	kindOf, external, _ := strings.Cut(a.ID, ":")
	a.Type, a.ExternalID = cmp.Or(a.Type, kindOf), cmp.Or(a.ExternalID, external)
	a.Name, a.LifecycleStatus = cmp.Or(a.Name, a.ID), cmp.Or(a.LifecycleStatus, "ready")
	for _, f := range a.Validate() {
		p.errorf(n, f.Hint, "infrastructure account %s: %s", a.ID, f.Message)
	}
	p.unique(n, "infrastructure account %q", a.ID)
	p.file.Accounts = append(p.file.Accounts, a)
}

// note remembers the node of every field that is read.
func note(given map[string]*yaml.Node, fields []field) []field {
	for i, f := range fields {
		fields[i].read = func(n *yaml.Node) { given[f.name] = n; f.read(n) }
	}
	return fields
}

// peek returns the text of a key without reading the rest.
func (p *parser) peek(n *yaml.Node, name string) string {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if v := resolve(n.Content[i+1]); n.Content[i].Value == name && v.Kind == yaml.ScalarNode {
			return source(v)
		}
	}
	return ""
}

// fill gives the fields that were left out their defaults and says so in Origin.
func (p *parser) fill(e *entry) {
	c := &e.Cluster
	c.Origin = map[string]string{}
	from := cmp.Or(p.defaults.From, "defaults")
	text := func(field string, to *string, value, origin string) {
		if *to == "" && value != "" {
			*to, c.Origin[field] = value, "default: "+origin
		}
	}
	after, origin := c.ID, "id"
	if i := strings.LastIndexByte(c.ID, ':'); i >= 0 {
		after, origin = c.ID[i+1:], "the last part of id"
	}
	text("local_id", &c.LocalID, after, origin)
	text("alias", &c.Alias, c.LocalID, "local_id")
	text("channel", &c.Channel, p.defaults.Channel, from)
	text("provider", &c.Provider, p.defaults.Provider, from)
	text("infrastructure_account", &c.InfrastructureAccount, p.defaults.InfrastructureAccount, from)
	if n := e.given["criticality_level"]; n == nil || isNull(n) {
		c.CriticalityLevel, c.Origin["criticality_level"] = 1, "default: 1"
	}
	for i := range e.pools {
		pool := &e.pools[i].NodePool
		at := "node_pools." + cmp.Or(pool.Name, strconv.Itoa(i)) + "."
		profile, why := "worker-default", "the name does not contain master"
		if strings.Contains(pool.Name, "master") {
			profile, why = "master-default", "the name contains master"
		}
		text(at+"profile", &pool.Profile, profile, profile+", as "+why)
		text(at+"discount_strategy", &pool.DiscountStrategy, "none", "none")
		if n := e.pools[i].given["instance_type"]; n != nil && len(pool.InstanceTypes) == 1 {
			c.Origin[at+"instance_types"] = "instance_type"
		}
		c.NodePools = append(c.NodePools, *pool)
	}
	if len(c.Origin) == 0 {
		c.Origin = nil
	}
}

// validate reports what is wrong with an entry by itself and beside the others.
// broken entries were reported already, for values that could not be read.
func (p *parser) validate(e *entry, broken bool) {
	var missing []string
	hint := ""
	for _, f := range e.Validate() {
		n := e.find(f.Pointer)
		switch {
		case f.Tolerated:
			p.warnf(n, f.Hint, "%s", f.Message)
		case strings.HasSuffix(f.Message, " is missing") && strings.Count(f.Pointer, "/") == 1:
			if !broken || e.given[f.Pointer[1:]] == nil {
				missing = append(missing, f.Pointer[1:])
			}
		case broken && e.wasReported(n, p.errors):
		default:
			p.errorf(n, f.Hint, "%s", f.Message)
		}
	}
	if len(missing) > 0 {
		for _, m := range missing {
			switch m {
			case "channel", "provider", "infrastructure_account":
				hint = "give it in the entry, below `defaults:` in fairway.yaml, or with --default-channel, --default-provider, --default-account"
			}
		}
		p.errorf(e.node, hint, "missing %s", and(missing))
	}
	if e.ID != "" {
		p.unique(cmp.Or(e.given["id"], e.node), "id %q", e.ID)
	}
	if e.Alias != "" {
		p.unique(cmp.Or(e.given["alias"], e.node), "alias %q", e.Alias)
	}
	if e.LocalID != "" {
		p.unique(cmp.Or(e.given["local_id"], e.node), "local_id %q in account %s and region %q", e.LocalID, e.InfrastructureAccount, e.Region)
	}
}

// wasReported reports whether there is an error on the line of a node already.
func (e *entry) wasReported(n *yaml.Node, errors []Finding) bool {
	for _, f := range errors {
		if f.Line == line(n) {
			return true
		}
	}
	return false
}

// find returns the node that a JSON pointer of the cluster names, or else the
// nearest one around it.
func (e *entry) find(pointer string) *yaml.Node {
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	around, given := e.node, e.given
	if i, err := strconv.Atoi(at(parts, 1)); parts[0] == "node_pools" && err == nil && i < len(e.pools) {
		around, given, parts = e.pools[i].node, e.pools[i].given, parts[2:]
	}
	n := given[at(parts, 0)]
	if n == nil && at(parts, 0) == "instance_types" {
		n = given["instance_type"]
	}
	if n == nil {
		return around
	}
	if key := at(parts, 1); parts[0] == "config_items" && key != "" {
		key = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i]
			}
		}
	}
	return n
}

func at(parts []string, i int) string {
	if i < len(parts) {
		return parts[i]
	}
	return ""
}

// and joins words as in a sentence.
func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
