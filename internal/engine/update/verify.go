package update

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// Health is fresh evidence on a cluster.
type Health struct {
	OK bool
	At time.Time // when the evidence was gathered
	// Message says what is wrong, or why it cannot be said.
	Message string
}

// Health looks at a cluster from outside: its API server, its nodes, and the
// objects that Fairway put there. An unreachable cluster is not healthy.
func (u *Updater) Health(ctx context.Context, clusterID string) Health {
	at := u.Now()
	c, err := u.Store.Cluster(ctx, clusterID)
	if err != nil {
		return Health{At: at, Message: err.Error()}
	}
	kube, _, err := u.connect(ctx, c)
	if err != nil {
		return Health{At: at, Message: err.Error()}
	}
	problems, err := u.problems(ctx, c, kube)
	if err != nil {
		return Health{At: at, Message: err.Error()}
	}
	return Health{OK: len(problems) == 0, At: at, Message: strings.Join(problems, "; ")}
}

// problems lists what is wrong with a cluster now.
func (u *Updater) problems(ctx context.Context, c *fairway.Cluster, kube fairway.Kubernetes) ([]string, error) {
	if err := kube.Healthy(ctx); err != nil {
		return []string{"the API server is not ready: " + err.Error()}, nil
	}
	workloads, err := kube.Workloads(ctx)
	if err != nil {
		return nil, err
	}
	var problems []string
	for _, n := range workloads.Nodes {
		if !n.Ready {
			problems = append(problems, fmt.Sprintf("node %s is not ready", n.Name))
		}
	}
	inventory, err := u.Store.Inventory(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	r := &run{Updater: u, kube: kube}
	// What left the configuration is not ours to judge any more.
	inventory = slices.DeleteFunc(inventory, func(i fairway.InventoryItem) bool { return i.Left })
	_, waiting, err := r.unhealthy(ctx, inventory)
	return append(problems, waiting...), err
}

// verify waits until the cluster is healthy and every instance is current:
// evidence that is younger than the step and of this revision.
func (r *run) verify(ctx context.Context) (string, error) {
	timeout, err := healthTimeout(r.bundle.Settings)
	if err != nil {
		return "", err
	}
	deadline := r.deadline(timeout)
	for {
		problems, err := r.problems(ctx, r.cluster, r.kube)
		if err != nil {
			return "", err
		}
		groups, instances, err := r.machines(ctx)
		if err != nil {
			return "", err
		}
		if instances, err = r.awaited(instances); err != nil {
			return "", err
		}
		old := outdated(groups, instances)
		// Nodes that could not be rolled are named in the update; a new
		// cluster is not rolled at all.
		if len(old) > 0 && len(r.update.Blocked) == 0 && r.cluster.LifecycleStatus == fairway.StatusReady {
			problems = append(problems, "outdated instances: "+joinList(old, 3))
		}
		if len(problems) == 0 {
			return "API server, nodes and objects are healthy", nil
		}
		if r.Now().After(deadline) {
			return "", fairway.Errorf(fairway.CodeInvalid, "the cluster is not healthy after %s: %s", timeout, strings.Join(problems[:min(3, len(problems))], "; ")).
				WithHint("look at what is named; config item %s sets how long it may take", itemHealthTimeout)
		}
		r.say(doing[fairway.StepVerify], problems[0], "")
		if err := r.saveProgress(ctx); err != nil {
			return "", err
		}
		if err := r.pause(ctx, healthInterval); err != nil {
			return "", err
		}
		if err := r.checkpoint(ctx); err != nil {
			return "", err
		}
	}
}
