package client

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// tries is how often a step is sent again because only the manager has written
// meanwhile.
const tries = 10

// step is one write of a change, and what the cluster is after it.
type step struct {
	what  string
	send  func(ctx context.Context, etag string) (string, error)
	apply func(c *fairway.Cluster)
}

// ChangeCluster makes a cluster what after says, if it still is what before
// says: both are as Entry returns them. Status and creation time are not looked
// at, so that what the manager reports meanwhile does not matter. It takes one
// write for the fields and config items, and one more for each node pool that
// differs; an error says which of them were carried out. CodePrecondition when
// somebody else has changed the cluster. Node pools that are new come last in
// their order, because the registry API cannot move any.
func (c *Client) ChangeCluster(ctx context.Context, before, after *fairway.Cluster) (*fairway.Cluster, error) {
	now := before.Clone()
	var done []string
	for _, s := range c.steps(before, after) {
		err := c.take(ctx, s, now)
		switch {
		case err == nil:
			done = append(done, s.what)
		case len(done) == 0:
			return nil, err
		default:
			return nil, fmt.Errorf("%s of cluster %s: %w; carried out before that: %s", s.what, before.ID, err, strings.Join(done, ", "))
		}
	}
	return now, nil
}

// take carries out one step on a cluster that is known as it is now.
func (c *Client) take(ctx context.Context, s step, now *fairway.Cluster) error {
	wanted := now.Clone()
	s.apply(wanted)
	for n := 1; ; n++ {
		etag, err := s.send(ctx, now.ETag)
		if err == nil && etag != "" {
			*now, now.ETag = *wanted, etag
			return nil
		}
		if err != nil && (fairway.ErrorCode(err) != fairway.CodePrecondition || n == tries) {
			return err
		}
		// A tag of another version says who has written: the manager its status,
		// our own attempt whose answer was lost, or somebody else.
		is, readErr := c.Entry(ctx, now.ID)
		switch {
		case readErr != nil:
			return readErr
		case same(is, wanted):
			*now, now.ETag = *wanted, is.ETag
			return nil
		case err == nil || !same(is, now):
			return fairway.Errorf(fairway.CodePrecondition, "cluster %s was changed by somebody else meanwhile", now.ID).
				WithHint("`fairway cluster history %s` shows by whom; look at it again, and repeat the change", now.ID)
		}
		now.ETag = is.ETag
	}
}

// steps are the writes that lead from one cluster to another.
func (c *Client) steps(before, after *fairway.Cluster) []step {
	id := before.ID
	var all []step
	if fields := changed(before, after); len(fields) > 0 {
		all = append(all, step{
			what: "the change of " + strings.Join(slices.Sorted(maps.Keys(fields)), ", "),
			send: func(ctx context.Context, etag string) (string, error) {
				one, err := c.PatchCluster(ctx, id, etag, fields)
				if err != nil {
					return "", err
				}
				return one.ETag, nil
			},
			apply: func(to *fairway.Cluster) {
				pools := to.NodePools
				after.RestoreTo(to)
				to.NodePools, to.LifecycleStatus = pools, after.LifecycleStatus
			},
		})
	}
	for _, p := range after.NodePools {
		if old, exists := before.Pool(p.Name); exists && samePool(old, p) {
			continue
		}
		all = append(all, step{
			what: "node pool " + p.Name,
			send: func(ctx context.Context, etag string) (string, error) { return c.PutPool(ctx, id, etag, p) },
			apply: func(to *fairway.Cluster) {
				i := slices.IndexFunc(to.NodePools, func(one fairway.NodePool) bool { return one.Name == p.Name })
				if i < 0 {
					to.NodePools = append(to.NodePools, p)
					return
				}
				to.NodePools[i] = p
			},
		})
	}
	for _, p := range before.NodePools {
		if _, stays := after.Pool(p.Name); stays {
			continue
		}
		all = append(all, step{
			what: "the deletion of node pool " + p.Name,
			send: func(ctx context.Context, etag string) (string, error) { return "", c.DeletePool(ctx, id, etag, p.Name) },
			apply: func(to *fairway.Cluster) {
				to.NodePools = slices.DeleteFunc(to.NodePools, func(one fairway.NodePool) bool { return one.Name == p.Name })
			},
		})
	}
	return all
}

// changed are the fields that a PATCH has to give.
func changed(before, after *fairway.Cluster) map[string]any {
	fields := map[string]any{}
	for name, values := range map[string][2]string{
		"alias":                  {before.Alias, after.Alias},
		"infrastructure_account": {before.InfrastructureAccount, after.InfrastructureAccount},
		"local_id":               {before.LocalID, after.LocalID},
		"api_server_url":         {before.APIServerURL, after.APIServerURL},
		"channel":                {before.Channel, after.Channel},
		"environment":            {before.Environment, after.Environment},
		"provider":               {before.Provider, after.Provider},
		"region":                 {before.Region, after.Region},
		"lifecycle_status":       {string(before.LifecycleStatus), string(after.LifecycleStatus)},
	} {
		if values[0] != values[1] {
			fields[name] = values[1]
		}
	}
	if before.CriticalityLevel != after.CriticalityLevel {
		fields["criticality_level"] = after.CriticalityLevel
	}
	if !maps.Equal(before.ConfigItems, after.ConfigItems) {
		fields["config_items"] = after.ConfigItems
		if after.ConfigItems == nil {
			fields["config_items"] = map[string]string{}
		}
	}
	return fields
}

// same reports whether two clusters are equal in what people decide. Of
// lifecycle_status only whether one of them was asked to end counts: the rest
// of it is the manager's.
func same(a, b *fairway.Cluster) bool {
	x, y := *a, *b
	for _, one := range []*fairway.Cluster{&x, &y} {
		if one.LifecycleStatus == fairway.StatusRequested || one.LifecycleStatus == fairway.StatusCreating {
			one.LifecycleStatus = fairway.StatusReady
		}
	}
	return len(changed(&x, &y)) == 0 && slices.EqualFunc(a.NodePools, b.NodePools, samePool)
}

func samePool(a, b fairway.NodePool) bool {
	if len(a.ConfigItems) == 0 && len(b.ConfigItems) == 0 {
		a.ConfigItems, b.ConfigItems = nil, nil
	}
	if len(a.InstanceTypes) == 0 && len(b.InstanceTypes) == 0 {
		a.InstanceTypes, b.InstanceTypes = nil, nil
	}
	return reflect.DeepEqual(a, b)
}
