package fairway

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// LifecycleStatus is where a cluster stands in its life (contract 1.5).
type LifecycleStatus string

// The lifecycle statuses of a cluster.
const (
	StatusRequested             LifecycleStatus = "requested"
	StatusCreating              LifecycleStatus = "creating"
	StatusReady                 LifecycleStatus = "ready"
	StatusDecommissionRequested LifecycleStatus = "decommission-requested"
	StatusDecommissioned        LifecycleStatus = "decommissioned"
)

// The providers that a cluster can name.
const (
	ProviderLocal      = "local"
	ProviderAWS        = "zalando-aws"
	ProviderEKS        = "zalando-eks"
	ProviderKubeconfig = "kubeconfig"
)

// ItemUpdateBlock is the config item whose presence, whatever its value, stops
// and prevents updates of a cluster (contract 2.6).
const ItemUpdateBlock = "cluster_update_block"

// Cluster is one Kubernetes cluster of the fleet as the registry knows it
// (contract 1.1). JSON and YAML names are those of the registry API.
type Cluster struct {
	ID                    string            `json:"id"`
	Alias                 string            `json:"alias"`
	InfrastructureAccount string            `json:"infrastructure_account"`
	LocalID               string            `json:"local_id"`
	APIServerURL          string            `json:"api_server_url"`
	Channel               string            `json:"channel"`
	Environment           string            `json:"environment"`
	CriticalityLevel      int32             `json:"criticality_level"`
	LifecycleStatus       LifecycleStatus   `json:"lifecycle_status"`
	Provider              string            `json:"provider"`
	Region                string            `json:"region"`
	ConfigItems           map[string]string `json:"config_items,omitempty"`
	NodePools             []NodePool        `json:"node_pools,omitempty"`
	Status                ClusterStatus     `json:"status"`
	Owner                 string            `json:"owner,omitempty"`
	AccountName           string            `json:"account_name,omitempty"`
	CreatedAt             time.Time         `json:"created_at,omitzero"`
	// Origin says where a value that was not given came from, by field name
	// ("alias": "default: local_id"); nil when everything was given.
	Origin map[string]string `json:"-"`
	// ETag changes with everything above but owner and account name that come
	// from the account; the store sets it.
	ETag string `json:"-"`
}

// Clone returns a copy that shares nothing with the cluster.
func (c *Cluster) Clone() *Cluster {
	out := *c
	out.ConfigItems, out.Origin = maps.Clone(c.ConfigItems), maps.Clone(c.Origin)
	out.NodePools = slices.Clone(c.NodePools)
	for i, p := range out.NodePools {
		out.NodePools[i].InstanceTypes = slices.Clone(p.InstanceTypes)
		out.NodePools[i].ConfigItems = maps.Clone(p.ConfigItems)
	}
	out.Status.Problems = slices.Clone(c.Status.Problems)
	return &out
}

// RestoreTo gives another cluster everything of c that people decide: all but
// id, status, lifecycle_status and creation time.
func (c *Cluster) RestoreTo(to *Cluster) {
	kept := *to
	*to = *c
	to.ID, to.Status, to.LifecycleStatus, to.CreatedAt, to.ETag = kept.ID, kept.Status, kept.LifecycleStatus, kept.CreatedAt, kept.ETag
	to.Origin = nil
}

// NodePool is a set of equal nodes of a cluster (contract 1.2).
type NodePool struct {
	Name             string            `json:"name"`
	Profile          string            `json:"profile"`
	InstanceTypes    []string          `json:"instance_types"`
	DiscountStrategy string            `json:"discount_strategy"`
	MinSize          int64             `json:"min_size"`
	MaxSize          int64             `json:"max_size"`
	ConfigItems      map[string]string `json:"config_items,omitempty"`
}

// IsMaster reports whether the pool holds control-plane nodes.
func (p NodePool) IsMaster() bool { return strings.Contains(p.Profile, "master") }

// IsSpot reports whether the pool runs on spare capacity.
func (p NodePool) IsSpot() bool {
	return p.DiscountStrategy == "spot" || p.DiscountStrategy == "spot_max_price"
}

// IsKarpenter reports whether Karpenter makes the nodes of the pool.
func (p NodePool) IsKarpenter() bool { return p.Profile == "worker-karpenter" }

// ClusterStatus is what the manager last reported of a cluster (contract 1.3).
type ClusterStatus struct {
	CurrentVersion string    `json:"current_version,omitempty"`
	LastVersion    string    `json:"last_version,omitempty"`
	NextVersion    string    `json:"next_version,omitempty"`
	Problems       []Problem `json:"problems"`
}

// Problem is one error of the last attempts to update a cluster.
type Problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int32  `json:"status,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"`
}

// The types of a Problem.
const (
	ProblemGeneral = "https://cluster-lifecycle-manager.zalando.org/problems/general-error"
	ProblemTooMany = "https://cluster-lifecycle-manager.zalando.org/problems/too-many-problems"
)

// maxProblems is how many problems a status keeps (contract 1.5).
const maxProblems = 25

// AddProblem appends a general error, drops adjacent equal ones, and keeps the
// newest 25, the oldest of which then stands for all that were dropped.
func (s *ClusterStatus) AddProblem(title string) {
	all := append(s.Problems, Problem{Type: ProblemGeneral, Title: title})
	kept := all[:0:0]
	for i, p := range all {
		if i == 0 || p != all[i-1] {
			kept = append(kept, p)
		}
	}
	if len(kept) > maxProblems {
		kept = kept[len(kept)-maxProblems:]
		kept[0] = Problem{Type: ProblemTooMany, Title: "<multiple problems>"}
	}
	s.Problems = kept
}

// IsBlocked reports whether updates of the cluster are blocked by its config
// items, and with which words.
func (c *Cluster) IsBlocked() (string, bool) {
	reason, blocked := c.ConfigItems[ItemUpdateBlock]
	return reason, blocked
}

// Pool returns the pool of that name.
func (c *Cluster) Pool(name string) (NodePool, bool) {
	for _, p := range c.NodePools {
		if p.Name == name {
			return p, true
		}
	}
	return NodePool{}, false
}

// Mentions reports whether every word of a text occurs in the cluster's id,
// alias or owner, or in a key or value of its config items or those of its
// pools. The letters A to Z match in either case.
func (c *Cluster) Mentions(search string) bool {
	texts := []string{c.ID, c.Alias, c.Owner}
	add := func(items map[string]string) {
		for k, v := range items {
			texts = append(texts, k, v)
		}
	}
	add(c.ConfigItems)
	for _, p := range c.NodePools {
		add(p.ConfigItems)
	}
	return MentionedIn(search, texts...)
}

// MentionedIn reports whether every word of a text occurs in one of others, as
// Cluster.Mentions does it.
func MentionedIn(search string, texts ...string) bool {
	for word := range strings.FieldsSeq(LowerASCII(search)) {
		if !slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(LowerASCII(t), word) }) {
			return false
		}
	}
	return true
}

// LowerASCII returns a text with the letters A to Z in lower case and nothing
// else changed, which is what every database can do, too.
func LowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// InfrastructureAccount is the account that clusters live in (contract 1.4).
type InfrastructureAccount struct {
	ID               string `json:"id"`
	Type             string `json:"type"`
	Name             string `json:"name"`
	Owner            string `json:"owner"`
	CostCenter       string `json:"cost_center"`
	Environment      string `json:"environment"`
	CriticalityLevel int32  `json:"criticality_level"`
	ExternalID       string `json:"external_id"`
	LifecycleStatus  string `json:"lifecycle_status"`
	// ETag changes with everything above; the store sets it.
	ETag string `json:"-"`
}
