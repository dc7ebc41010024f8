package render

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// clusterView is .Cluster: exactly the fields and methods of contract 3.2.
// Names are part of the template language.
type clusterView struct {
	Alias                            string
	APIServerURL                     string
	Channel                          string
	ConfigItems                      map[string]string
	CriticalityLevel                 int32
	Environment                      string
	ID                               string
	InfrastructureAccount            string
	LifecycleStatus                  string
	LocalID                          string
	NodePools                        []*poolView
	Provider                         string
	Region                           string
	Status                           *fairway.ClusterStatus
	Owner                            string
	AccountName                      string
	CreatedAt                        time.Time
	AccountClusters                  []*clusterView
	OIDCProvider                     string
	IAMRoleTrustRelationshipTemplate string
	engine                           Engine
}

// newClusterView makes the view of a cluster and of its siblings from registry
// data. The error is CodeInvalid, for an account on AWS whose OIDC provider
// cannot be told.
func newClusterView(c *fairway.Cluster, siblings []fairway.Cluster) (*clusterView, error) {
	view := rawView(c)
	account := make([]*clusterView, 0, len(siblings)+1)
	self := false
	for i := range siblings {
		s := &siblings[i]
		switch {
		case s.InfrastructureAccount != c.InfrastructureAccount:
			continue
		case s.ID == c.ID:
			self = true
			s = c
		}
		account = append(account, rawView(s))
	}
	if !self {
		account = append(account, rawView(c))
		slices.SortStableFunc(account, func(a, b *clusterView) int { return a.CreatedAt.Compare(b.CreatedAt) })
	}
	for _, v := range append(account, view) {
		provider, err := oidcProvider(v)
		// One bad sibling must not fail the others, and other providers than
		// AWS have no use for it.
		if err != nil && v == view && strings.HasPrefix(c.Provider, "zalando-") {
			return nil, err
		}
		v.OIDCProvider = provider
	}
	view.AccountClusters = account
	trust := trustDocument(view)
	for _, v := range append(account, view) {
		v.AccountClusters, v.IAMRoleTrustRelationshipTemplate = account, trust
	}
	return view, nil
}

// rawView copies the registry data of a cluster.
func rawView(c *fairway.Cluster) *clusterView {
	status := c.Status
	v := &clusterView{
		Alias: c.Alias, APIServerURL: c.APIServerURL, Channel: c.Channel, ConfigItems: maps.Clone(c.ConfigItems),
		CriticalityLevel: c.CriticalityLevel, Environment: c.Environment, ID: c.ID,
		InfrastructureAccount: c.InfrastructureAccount, LifecycleStatus: string(c.LifecycleStatus), LocalID: c.LocalID,
		Provider: c.Provider, Region: c.Region, Status: &status, Owner: c.Owner, AccountName: c.AccountName,
		// In UTC, so that a printed time is the same on any machine.
		CreatedAt: c.CreatedAt.UTC(),
	}
	if v.ConfigItems == nil {
		v.ConfigItems = map[string]string{}
	}
	for _, p := range c.NodePools {
		v.NodePools = append(v.NodePools, newPoolView(p))
	}
	return v
}

// Name is what most tags carry: the alias of an EKS cluster, else the id.
func (c *clusterView) Name() string {
	switch {
	case c.Provider != fairway.ProviderEKS:
		return c.ID
	case c.engine == Engine2024:
		return eksID(c.ID)
	}
	return c.Alias
}

// InfrastructureAccountID is the account without its type.
func (c *clusterView) InfrastructureAccountID() string {
	_, id, found := strings.Cut(c.InfrastructureAccount, ":")
	if !found {
		return c.InfrastructureAccount
	}
	return id
}

// WorkerRoleARN is the role of the worker nodes.
func (c *clusterView) WorkerRoleARN() string {
	return "arn:aws:iam::" + c.InfrastructureAccountID() + ":role/" + c.LocalID + "-worker"
}

// OIDCProviderARN is the identity provider of the cluster's service accounts.
func (c *clusterView) OIDCProviderARN() string {
	return "arn:aws:iam::" + c.InfrastructureAccountID() + ":oidc-provider/" + c.OIDCProvider
}

// OIDCSubjectKey is the condition key of a service account's name.
func (c *clusterView) OIDCSubjectKey() string { return c.OIDCProvider + ":sub" }

// SiblingCluster is the oldest other ready cluster of account and region, or nil.
func (c *clusterView) SiblingCluster() *clusterView {
	var oldest *clusterView
	for _, s := range c.AccountClusters {
		if s.ID == c.ID || s.Region != c.Region || s.LifecycleStatus != string(fairway.StatusReady) {
			continue
		}
		if oldest == nil || s.CreatedAt.Before(oldest.CreatedAt) {
			oldest = s
		}
	}
	return oldest
}

// IsOldestReadyClusterInTheRegion reports whether this is the first ready
// cluster of its region in the account's list.
func (c *clusterView) IsOldestReadyClusterInTheRegion() bool {
	for _, s := range c.AccountClusters {
		if s.Region == c.Region && s.LifecycleStatus == string(fairway.StatusReady) {
			return s.ID == c.ID
		}
	}
	return len(c.AccountClusters) == 0
}

// KarpenterPools are the pools whose nodes Karpenter makes.
func (c *clusterView) KarpenterPools() []*poolView {
	return slices.DeleteFunc(slices.Clone(c.NodePools), func(p *poolView) bool { return !p.IsKarpenter() })
}

// ASGBackedPools are all other pools.
func (c *clusterView) ASGBackedPools() []*poolView {
	return slices.DeleteFunc(slices.Clone(c.NodePools), (*poolView).IsKarpenter)
}
