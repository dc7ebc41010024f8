package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fairwayhq/fairway"
)

// BeginDecommissions lets the approved ends of protected clusters begin whose
// time to think it over has passed. A cluster that is not ready any more, or
// gone, needs it no more. It returns the clusters whose end began.
func BeginDecommissions(ctx context.Context, store fairway.Registry, now time.Time) ([]string, error) {
	all, err := store.Decommissions(ctx)
	if err != nil {
		return nil, err
	}
	var begun []string
	var problems []error
	for _, d := range all {
		if d.Approver == "" || now.Before(d.DueAt) {
			continue
		}
		who := fairway.Origin{Who: d.By, Display: d.ByName, Reason: fmt.Sprintf("approved by %s at %s: %s", d.ApproverName, d.ApprovedAt.Format(time.RFC3339), d.Reason)}
		_, err := store.ChangeCluster(fairway.WithOrigin(ctx, who), d.ClusterID, func(c *fairway.Cluster) error {
			if c.LifecycleStatus == fairway.StatusReady || c.LifecycleStatus == fairway.StatusCreating {
				c.LifecycleStatus = fairway.StatusDecommissionRequested
			}
			return nil
		})
		if err == nil {
			begun = append(begun, d.ClusterID)
			// After the change: a death in between repeats it, and it changes nothing.
			err = store.EndDecommission(ctx, d.ClusterID, true)
		}
		if err != nil && fairway.ErrorCode(err) != fairway.CodeNotFound {
			problems = append(problems, fmt.Errorf("begin the end of cluster %s: %w", d.ClusterID, err))
		}
	}
	return begun, errors.Join(problems...)
}
