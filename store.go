package fairway

import (
	"context"
	"maps"
	"time"
)

// ClusterFilter selects clusters; empty fields select all, set ones are
// combined with AND.
type ClusterFilter struct {
	Alias, APIServerURL, Channel, Environment, InfrastructureAccount string
	LifecycleStatus, LocalID, Provider, Region, CostCenter           string
	CriticalityLevel                                                 *int32
	// IDs selects these clusters.
	IDs []string
	// Search selects the clusters that mention every word of it (Cluster.Mentions).
	Search string
	// Terse leaves config items and node pools out of the answer.
	Terse bool
}

// ClusterUpdate changes a cluster; nil fields are left alone. Status is
// replaced as a whole, ConfigItems and NodePools likewise.
type ClusterUpdate struct {
	Alias, InfrastructureAccount, LocalID, APIServerURL *string
	Channel, Environment, Provider, Region              *string
	CriticalityLevel                                    *int32
	LifecycleStatus                                     *LifecycleStatus
	ConfigItems                                         *map[string]string
	NodePools                                           *[]NodePool
	Status                                              *ClusterStatus
	// Owner and AccountName are what a registry file says; the REST API never
	// sets them.
	Owner, AccountName *string
	// Origin replaces the cluster's Origin; when nil, the entries of the fields
	// that this update gives are dropped.
	Origin *map[string]string
}

// Apply gives a cluster the fields of the update.
func (u ClusterUpdate) Apply(c *Cluster) {
	c.Origin = maps.Clone(c.Origin)
	for field, to := range map[string]struct{ from, to *string }{
		"alias":                  {u.Alias, &c.Alias},
		"infrastructure_account": {u.InfrastructureAccount, &c.InfrastructureAccount},
		"local_id":               {u.LocalID, &c.LocalID},
		"api_server_url":         {u.APIServerURL, &c.APIServerURL},
		"channel":                {u.Channel, &c.Channel},
		"environment":            {u.Environment, &c.Environment},
		"provider":               {u.Provider, &c.Provider},
		"region":                 {u.Region, &c.Region},
		"owner":                  {u.Owner, &c.Owner},
		"account_name":           {u.AccountName, &c.AccountName},
	} {
		if to.from != nil {
			*to.to = *to.from
			delete(c.Origin, field)
		}
	}
	if u.CriticalityLevel != nil {
		c.CriticalityLevel = *u.CriticalityLevel
		delete(c.Origin, "criticality_level")
	}
	if u.LifecycleStatus != nil {
		c.LifecycleStatus = *u.LifecycleStatus
	}
	if u.ConfigItems != nil {
		c.ConfigItems = *u.ConfigItems
	}
	if u.NodePools != nil {
		c.NodePools = *u.NodePools
	}
	if u.Status != nil {
		c.Status = *u.Status
	}
	if u.Origin != nil {
		c.Origin = *u.Origin
	}
}

// Registry is the fleet's memory of its clusters. Methods return CodeNotFound
// for what does not exist and CodeConflict for what exists already; they are
// safe for concurrent use.
type Registry interface {
	// Clusters returns the clusters by creation time, oldest first.
	Clusters(ctx context.Context, filter ClusterFilter) ([]Cluster, error)
	// EachCluster calls the function with each of these, without holding all of
	// them at once; its error ends the list and is returned.
	EachCluster(ctx context.Context, filter ClusterFilter, do func(c *Cluster) error) error
	Cluster(ctx context.Context, id string) (*Cluster, error)
	// FindCluster takes an id, an alias or a local id; an ambiguous one is CodeInvalid.
	FindCluster(ctx context.Context, name string) (*Cluster, error)
	CreateCluster(ctx context.Context, c *Cluster) error
	UpdateCluster(ctx context.Context, id string, u ClusterUpdate) (*Cluster, error)
	// ChangeCluster reads a cluster, lets the function change it, and stores it,
	// as one step: of two callers none overwrites what the other one did. The
	// function's error is returned and nothing is stored; it may run more than
	// once and must do nothing but look and change.
	ChangeCluster(ctx context.Context, id string, change func(c *Cluster) error) (*Cluster, error)
	// DeleteCluster refuses with CodeInvalid what is not decommissioned.
	DeleteCluster(ctx context.Context, id string) error
	// RequestDecommission remembers the wish to end a cluster; CodeConflict when
	// there is one already.
	RequestDecommission(ctx context.Context, d Decommission) error
	// ApproveDecommission records the word of a second person (Decommission.Approve).
	ApproveDecommission(ctx context.Context, clusterID string, who Principal, now time.Time) (*Decommission, error)
	// EndDecommission forgets the wish: it is withdrawn, or carried out (done).
	// CodeNotFound when there is none.
	EndDecommission(ctx context.Context, clusterID string, done bool) error
	// Decommissions returns all wishes by cluster id.
	Decommissions(ctx context.Context) ([]Decommission, error)
	Accounts(ctx context.Context) ([]InfrastructureAccount, error)
	PutAccount(ctx context.Context, a InfrastructureAccount) error
	// ChangeAccount lets the function change an account, or fill a new one, and
	// stores it, as one step; as ChangeCluster in all else.
	ChangeAccount(ctx context.Context, id string, change func(a *InfrastructureAccount, exists bool) error) (*InfrastructureAccount, error)
}

// UpdateFilter selects updates; empty fields select all.
type UpdateFilter struct {
	ClusterID, RolloutID string
	// Active selects those that are not over.
	Active bool
	// Newest selects only the newest update of each cluster.
	Newest bool
	// Limit is the largest number returned, newest first; 0 means 100.
	Limit int
}

// Journal is the memory of updates and rollouts.
type Journal interface {
	// CreateUpdate stores a new update. CodeConflict when the cluster already
	// has one that is not over.
	CreateUpdate(ctx context.Context, u *Update) error
	Update(ctx context.Context, id string) (*Update, error)
	// Updates returns the newest first.
	Updates(ctx context.Context, filter UpdateFilter) ([]Update, error)
	// SaveUpdate replaces an update, but for what SteerUpdate writes; CodeConflict
	// when it is over, because what is over stays so.
	SaveUpdate(ctx context.Context, u *Update) error
	// SteerUpdate writes what people say of an update, and nothing else, so that
	// it never loses against the progress that SaveUpdate writes meanwhile. It
	// returns the update as it is then. CodeConflict when the update is over, or
	// is being aborted and the steering is no other abort.
	SteerUpdate(ctx context.Context, id string, s Steering) (*Update, error)
	// SavePlan stores the plan of an update in place of the one before.
	SavePlan(ctx context.Context, p *UpdatePlan) error
	// Plan returns the plan of an update; CodeNotFound when it has none yet.
	Plan(ctx context.Context, updateID string) (*UpdatePlan, error)
	// ApprovePlan records the word of a second person for the plan of an update as
	// it is now (UpdatePlan.Approve), in the record of changes too. Said again by
	// the same person it changes nothing.
	ApprovePlan(ctx context.Context, updateID, digest string, who Principal, reason string) (*Approval, error)
	// Approvals returns the approvals of an update, oldest first.
	Approvals(ctx context.Context, updateID string) ([]Approval, error)
	// RequestRotations remembers wishes for the replacement of nodes until
	// EndRotations; a node that was asked for already keeps its first wish. It
	// returns how many were new.
	RequestRotations(ctx context.Context, wishes []Rotation) (int, error)
	// Rotations returns the wishes of a cluster by node name; "" means all clusters.
	Rotations(ctx context.Context, clusterID string) ([]Rotation, error)
	// EndRotations forgets the wishes for nodes of a cluster; those that are not
	// there are no error.
	EndRotations(ctx context.Context, clusterID string, nodes []string) error
	// Steps returns the steps of an update in order of their start.
	Steps(ctx context.Context, updateID string) ([]Step, error)
	// SaveStep creates or replaces the step of that name.
	SaveStep(ctx context.Context, s *Step) error

	CreateRollout(ctx context.Context, r *Rollout) error
	Rollout(ctx context.Context, id string) (*Rollout, error)
	// Rollouts returns the newest first; channel "" means all, limit 0 means 100.
	Rollouts(ctx context.Context, channel string, limit int) ([]Rollout, error)
	// SaveRollout replaces a rollout; CodeConflict when it is over.
	SaveRollout(ctx context.Context, r *Rollout) error

	// Revision returns the newest revision seen on a channel, CodeNotFound when none was.
	Revision(ctx context.Context, channel string) (*Revision, error)
	SaveRevision(ctx context.Context, r Revision) error

	Inventory(ctx context.Context, clusterID string) ([]InventoryItem, error)
	// SetInventory replaces the inventory of a cluster.
	SetInventory(ctx context.Context, clusterID string, items []InventoryItem) error

	// Drift returns what the last look for changes by others found in a cluster;
	// with a zero At when nobody has looked yet.
	Drift(ctx context.Context, clusterID string) (*Drift, error)
	// SaveDrift replaces it.
	SaveDrift(ctx context.Context, d *Drift) error

	// AppendEvent stores an event and sets its Seq.
	AppendEvent(ctx context.Context, e *Event) error
	// Events returns events with Seq > after in order; clusterID "" means all, limit 0 means 500.
	Events(ctx context.Context, clusterID string, after int64, limit int) ([]Event, error)
}

// Store is everything that is remembered outside the clusters themselves.
type Store interface {
	Registry
	Journal
	Audit
	// BeginAnswer takes a key for a request: nil when the caller is the first and
	// must work on it, else what is kept under the key. Keys are forgotten after
	// a day.
	BeginAnswer(ctx context.Context, a KeptAnswer) (*KeptAnswer, error)
	// KeepAnswer keeps the answer under its key; status 0 gives the key up.
	KeepAnswer(ctx context.Context, a KeptAnswer) error
	// Instance returns a random id that was made with the store; it names this
	// installation in leases, also after a restart.
	Instance(ctx context.Context) (string, error)
	Close() error
}

// Clock returns the present time; services take one so that tests can set it.
type Clock func() time.Time
