package client

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"

	"github.com/fairwayhq/fairway"
)

// tries is how often a change is sent again because only the manager has
// written meanwhile.
const tries = 10

// ChangeCluster makes a cluster what after says, node pools included, if it
// still is what before says: both are as Entry returns them. It is one write:
// all of it is done, or nothing. Status and creation time are not looked at, so
// that what the manager reports meanwhile does not matter. CodePrecondition when
// somebody else has changed the cluster.
func (c *Client) ChangeCluster(ctx context.Context, before, after *fairway.Cluster) (*fairway.Cluster, error) {
	is := before
	for n := 1; ; n++ {
		wanted := is.Clone()
		after.Clone().RestoreTo(wanted)
		if after.LifecycleStatus != before.LifecycleStatus {
			wanted.LifecycleStatus = after.LifecycleStatus
		}
		if len(changed(is, wanted)) == 0 && samePools(is, wanted) {
			return is.Clone(), nil
		}
		now, err := c.putEntry(ctx, is.ETag, wanted)
		if err == nil || fairway.ErrorCode(err) != fairway.CodePrecondition || n == tries {
			return now, err
		}
		// The tag of another version says who has written: the manager its status,
		// our own attempt whose answer was lost, or somebody else.
		now, err = c.Entry(ctx, before.ID)
		switch {
		case err != nil:
			return nil, err
		case same(now, wanted):
			return now, nil
		case !same(now, is):
			return nil, fairway.Errorf(fairway.CodePrecondition, "cluster %s was changed by somebody else meanwhile", before.ID).
				WithHint("`fairway cluster history %s` shows by whom; look at it again, and repeat the change", before.ID)
		}
		is = now
	}
}

// putEntry writes an entry as a whole.
func (c *Client) putEntry(ctx context.Context, etag string, one *fairway.Cluster) (*fairway.Cluster, error) {
	now, err := c.cluster(ctx, request{method: http.MethodPut, path: "/api/v1/clusters/" + url.PathEscape(one.ID), etag: etag, body: entryOf(one)})
	if err != nil {
		return nil, err
	}
	// The registry API, which Entry reads, writes out what is empty.
	if now.NodePools == nil {
		now.NodePools = []fairway.NodePool{}
	}
	now.ConfigItems = filledItems(now.ConfigItems)
	for i := range now.NodePools {
		now.NodePools[i].ConfigItems = filledItems(now.NodePools[i].ConfigItems)
	}
	return now, nil
}

func filledItems(items map[string]string) map[string]string {
	if items == nil {
		return map[string]string{}
	}
	return items
}

// changed are the fields but node pools in which two clusters differ.
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
	return len(changed(&x, &y)) == 0 && samePools(a, b)
}

func samePools(a, b *fairway.Cluster) bool {
	return slices.EqualFunc(a.NodePools, b.NodePools, samePool)
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
