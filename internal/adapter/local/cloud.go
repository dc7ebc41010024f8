package local

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

// refusalAge is how old a refusal to launch may be and still count: a group
// that wants to launch tries again every few seconds.
const refusalAge = time.Minute

// cloud is the machines of one cluster.
type cloud struct {
	client  *client
	cluster *fairway.Cluster
	now     fairway.Clock
}

var _ fairway.Cloud = (*cloud)(nil)

// Groups returns the groups of the cluster. Min and Max are those of the node
// pool, also while a roll has widened them.
func (c *cloud) Groups(ctx context.Context) ([]fairway.Group, error) {
	var found items[group]
	if err := c.client.do(ctx, "list node groups", http.MethodGet, "/v1/groups", nil, &found); err != nil {
		return nil, err
	}
	groups := make([]fairway.Group, 0, len(found.Items))
	for _, g := range found.Items {
		groups = append(groups, *c.convert(g))
	}
	return groups, nil
}

// Instances returns all instances but the terminated ones.
func (c *cloud) Instances(ctx context.Context) ([]fairway.Instance, error) {
	var found items[instance]
	if err := c.client.do(ctx, "list instances", http.MethodGet, "/v1/instances", nil, &found); err != nil {
		return nil, err
	}
	instances := make([]fairway.Instance, 0, len(found.Items))
	for _, i := range found.Items {
		if fairway.InstanceState(i.State) == fairway.InstanceTerminated {
			continue
		}
		instances = append(instances, fairway.Instance{
			ID:         i.ID,
			Pool:       i.Group,
			Zone:       i.Zone,
			Generation: i.LaunchTemplate.generation(),
			State:      fairway.InstanceState(i.State),
			Protected:  i.Protected,
			NodeName:   i.NodeName,
			ProviderID: i.ProviderID,
			LaunchedAt: i.LaunchedAt, InServiceAt: i.InServiceAt,
			Unhealthy: i.unhealthy(),
			Spot:      i.Spot,
		})
	}
	return instances, nil
}

// Terminate ends an instance; one that is ending, ended or not known any more
// is success and decrements nothing. CodeConflict when a decrement would go
// below the group's minimum.
func (c *cloud) Terminate(ctx context.Context, instanceID string, decrement bool) error {
	err := c.client.do(ctx, "terminate instance "+instanceID, http.MethodPost, "/v1/instances/"+url.PathEscape(instanceID)+"/terminate",
		map[string]bool{"decrement_desired": decrement}, nil)
	if fairway.ErrorCode(err) == fairway.CodeNotFound {
		return nil
	}
	return err
}

// Protect sets whether lowering the desired size may choose the instance.
func (c *cloud) Protect(ctx context.Context, instanceID string, protected bool) error {
	return c.client.do(ctx, "set the protection of instance "+instanceID, http.MethodPut, "/v1/instances/"+url.PathEscape(instanceID)+"/protection",
		map[string]bool{"protected": protected}, nil)
}

// convert returns a group in the words of fairway.
func (c *cloud) convert(g group) *fairway.Group {
	limits := limitsOf(g)
	return &fairway.Group{
		Pool:       g.Name,
		Min:        limits.min,
		Max:        limits.max,
		Desired:    g.Desired,
		Generation: g.LaunchTemplate.generation(),
		Zones:      g.Zones,
		Tags:       g.Tags,
		Refusals:   refusals(g.Activities, c.now()),
		Owned:      g.Tags[tagCluster] == c.cluster.ID,
	}
}

// refusals returns the reasons of the refusals since the last launch, newest
// first, each once.
func refusals(activities []activity, now time.Time) []string {
	var reasons []string
	for _, a := range slices.Backward(activities) {
		if a.Kind == "launch" || now.Sub(a.At) > refusalAge {
			break
		}
		if a.Kind == "refused" && !slices.Contains(reasons, a.Message) {
			reasons = append(reasons, a.Message)
		}
	}
	return reasons
}
