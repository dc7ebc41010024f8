package deliver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

const (
	// ageEvery is the shortest time between two looks at the age of a cluster's
	// nodes; up to a sixth more is added, so that clusters spread out.
	ageEvery = time.Hour
	// agePatience is how long such a look may take.
	agePatience = 10 * time.Second
	// agesAtOnce is how many clusters are looked at in parallel.
	agesAtOnce = 4
	// rotation is what the reason of an update begins with that rotates nodes.
	rotation = "rotation: "
)

// Rotate remembers the wish for the replacement of nodes, and starts the update
// that carries it out, or leaves it to the one under way.
func (d *Deliverer) Rotate(ctx context.Context, r fairway.RotationRequest) (*fairway.RotationAnswer, error) {
	c, err := d.Store.FindCluster(ctx, r.Cluster)
	if err != nil {
		return nil, err
	}
	nodes, err := d.Nodes(ctx, c.ID)
	if err != nil {
		return nil, fmt.Errorf("look at the nodes of %s: %w", c.Alias, err)
	}
	chosen, err := d.choose(c, nodes, r)
	if err != nil {
		return nil, err
	}
	answer := &fairway.RotationAnswer{Nodes: chosen}
	if r.DryRun || len(chosen) == 0 {
		return answer, nil
	}
	word, now := wordOf(r.By, r.Reason), d.Now()
	wishes := make([]fairway.Rotation, len(chosen))
	for i, n := range chosen {
		wishes[i] = fairway.Rotation{ClusterID: c.ID, Node: n.Node, Reason: "requested by " + word, RequestedAt: now}
	}
	added, err := d.Store.RequestRotations(ctx, wishes)
	if err != nil {
		return nil, err
	}
	if answer.UpdateID, answer.Waiting, err = d.rotate(ctx, c.ID); err != nil {
		return nil, err
	}
	if added > 0 {
		d.event(ctx, fairway.Event{ClusterID: c.ID, UpdateID: answer.UpdateID, Kind: "cluster.rotation-requested",
			Message: fmt.Sprintf("rotation in %s requested by %s; nodes: %s", c.Alias, word, listed(chosen))})
	}
	return answer, nil
}

// choose returns the nodes that a request means.
func (d *Deliverer) choose(c *fairway.Cluster, nodes []fairway.RotationNode, r fairway.RotationRequest) ([]fairway.RotationNode, error) {
	names := func(yield func(string) bool) {
		for _, n := range nodes {
			if !yield(n.Node) {
				return
			}
		}
	}
	for _, name := range r.Nodes {
		if slices.ContainsFunc(nodes, func(n fairway.RotationNode) bool { return n.Node == name }) {
			continue
		}
		hint := fmt.Sprintf("`fairway cluster rotate %s --dry-run` lists the nodes that can be rotated", c.Alias)
		if near := nearest.To(name, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, fairway.Errorf(fairway.CodeNotFound, "cluster %s has no node %q in a node pool", c.Alias, name).WithHint("%s", hint)
	}
	if _, known := c.Pool(r.Pool); r.Pool != "" && !known {
		pools := func(yield func(string) bool) {
			for _, p := range c.NodePools {
				if !yield(p.Name) {
					return
				}
			}
		}
		hint := fmt.Sprintf("`fairway cluster show %s` lists its node pools", c.Alias)
		if near := nearest.To(r.Pool, pools); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, fairway.Errorf(fairway.CodeNotFound, "cluster %s has no node pool %q", c.Alias, r.Pool).WithHint("%s", hint)
	}
	if r.OlderThan < 0 {
		return nil, fairway.Errorf(fairway.CodeInvalid, "nodes cannot be older than %s", r.OlderThan).WithHint("give an age such as 720h")
	}
	now := d.Now()
	chosen := []fairway.RotationNode{}
	for _, n := range nodes {
		if (len(r.Nodes) == 0 || slices.Contains(r.Nodes, n.Node)) && (r.Pool == "" || n.Pool == r.Pool) && now.Sub(n.CreatedAt) >= r.OlderThan {
			chosen = append(chosen, n)
		}
	}
	return chosen, nil
}

// listed names the first few nodes.
func listed(nodes []fairway.RotationNode) string {
	const most = 5
	var names []string
	for _, n := range nodes[:min(most, len(nodes))] {
		names = append(names, n.Node)
	}
	text := strings.Join(names, ", ")
	if len(nodes) > most {
		text += fmt.Sprintf(" and %d more", len(nodes)-most)
	}
	return text
}

// rotate returns the update that carries out the wishes for a cluster: the one
// under way, or a new one at the version that the cluster has. When there is
// none, waiting says why.
func (d *Deliverer) rotate(ctx context.Context, clusterID string) (updateID, waiting string, err error) {
	wishes, err := d.Store.Rotations(ctx, clusterID)
	if err != nil || len(wishes) == 0 {
		return "", "", err
	}
	newest := slices.MaxFunc(wishes, func(a, b fairway.Rotation) int { return a.RequestedAt.Compare(b.RequestedAt) })
	return d.rotateFor(ctx, clusterID, newest.Reason, newest.RequestedAt)
}

// rotateFor starts an update that replaces nodes, unless one is under way or
// failed just now. Failures from before since do not count.
func (d *Deliverer) rotateFor(ctx context.Context, clusterID, reason string, since time.Time) (updateID, waiting string, err error) {
	c, err := d.Store.Cluster(ctx, clusterID)
	if err != nil {
		return "", "", err
	}
	channel, err := d.channelOf(c)
	if err != nil {
		return "", "", err
	}
	free, err := d.turn(ctx, channel)
	if err != nil {
		return "", "", err
	}
	defer free()
	if c, err = d.Store.Cluster(ctx, clusterID); err != nil {
		return "", "", err
	}
	all, err := d.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: c.ID, Limit: 8})
	if err != nil {
		return "", "", err
	}
	if len(all) > 0 && !all[0].State.IsOver() {
		switch {
		case all[0].Aborting != "":
			return "", "update " + all[0].ID + " is being aborted", nil
		case all[0].Paused != "":
			waiting = "its update is paused by " + all[0].Paused
		}
		return all[0].ID, waiting, nil
	}
	revision := fairway.ParseVersion(c.Status.CurrentVersion).Revision
	if why, blocked := c.IsBlocked(); blocked {
		return "", "updates of the cluster are blocked: " + why, nil
	}
	if c.LifecycleStatus != fairway.StatusReady || revision == "" {
		return "", fmt.Sprintf("the cluster is %s; its nodes are rotated once it is ready", c.LifecycleStatus), nil
	}
	// Nodes are rotated at the version that the cluster has. That would take back
	// what has come half way, and hide from the rollout how that ended.
	next := c.Status.NextVersion
	if len(all) > 0 && next == "" && aborted(all[0]) {
		next = all[0].Version
	}
	if next != "" && next != c.Status.CurrentVersion {
		return "", fmt.Sprintf("the cluster stands half way to %s; its next update rotates the nodes", fairway.ParseVersion(next).Revision), nil
	}
	tried := 0
	for _, u := range all {
		// What a rotation left unfinished is also tried again by updates without a reason.
		again := u.RolloutID == "" && (u.State == fairway.UpdateFailed || u.State == fairway.UpdatePartial)
		if !again && !strings.HasPrefix(u.Reason, rotation) || u.CreatedAt.Before(since) {
			break
		}
		tried++
	}
	if tried > 0 {
		if next := all[0].FinishedAt.Add(retryFailed << min(tried-1, 5)); d.Now().Before(next) {
			return "", fmt.Sprintf("update %s did not replace all nodes; it is tried again at %s", all[0].ID, next.UTC().Format(time.RFC3339)), nil
		}
	}
	updateID, err = d.start(ctx, c, revision, "", rotation+reason)
	return updateID, "", err
}

// rotations starts what people asked for and what the age of nodes asks for.
func (d *Deliverer) rotations(ctx context.Context, clusters []fairway.Cluster) error {
	wishes, err := d.Store.Rotations(ctx, "")
	if err != nil {
		return err
	}
	var problems []error
	for i, w := range wishes {
		if i > 0 && wishes[i-1].ClusterID == w.ClusterID {
			continue
		}
		if _, _, err := d.rotate(ctx, w.ClusterID); err != nil {
			problems = append(problems, fmt.Errorf("rotate nodes of %s: %w", w.ClusterID, err))
		}
	}
	if d.TooOld != nil {
		d.rotateByAge(ctx, clusters)
	}
	return errors.Join(problems...)
}

// rotateByAge starts updates of clusters whose nodes are too old. A cluster that
// cannot be looked at is looked at again in an hour.
func (d *Deliverer) rotateByAge(ctx context.Context, clusters []fairway.Cluster) {
	d.forgetAges(clusters)
	places := make(chan struct{}, agesAtOnce)
	var looks sync.WaitGroup
	for _, c := range clusters {
		if !d.due(c.ID) {
			continue
		}
		if idle, err := d.idle(ctx, c); err != nil || !idle {
			continue
		}
		looks.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			ctx, cancel := context.WithTimeout(ctx, agePatience)
			defer cancel()
			reason, err := d.TooOld(ctx, c.ID)
			if err == nil && reason != "" {
				_, _, err = d.rotateFor(ctx, c.ID, reason, d.Now())
			}
			if err != nil {
				d.Log.Warn("age of nodes not looked at", "cluster", c.ID, "error", err)
			}
		})
	}
	looks.Wait()
}

// forgetAges drops what is known of clusters that are gone.
func (d *Deliverer) forgetAges(clusters []fairway.Cluster) {
	there := map[string]bool{}
	for _, c := range clusters {
		there[c.ID] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.aged, func(id string, _ time.Time) bool { return !there[id] })
}

// due reports whether it is time to look at the age of a cluster's nodes, and
// then puts the next look off. The first look comes soon after the start.
func (d *Deliverer) due(clusterID string) bool {
	now := d.Now()
	jitter := rand.N(ageEvery / 6)
	d.mu.Lock()
	defer d.mu.Unlock()
	next, known := d.aged[clusterID]
	if !known {
		d.aged[clusterID] = now.Add(jitter)
		return false
	}
	if now.Before(next) {
		return false
	}
	d.aged[clusterID] = now.Add(ageEvery + jitter)
	return true
}

// idle reports whether nothing else is to be done with a cluster: it is ready,
// not blocked, not being updated, no rollout of its channel is under way or
// halted, and nobody aborted the last update to its version.
func (d *Deliverer) idle(ctx context.Context, c fairway.Cluster) (bool, error) {
	if _, blocked := c.IsBlocked(); blocked || c.LifecycleStatus != fairway.StatusReady || c.Status.NextVersion != "" {
		return false, nil
	}
	newest, err := d.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: c.ID, Limit: 1})
	if err != nil || len(newest) > 0 && (!newest[0].State.IsOver() || aborted(newest[0]) && newest[0].Version == c.Status.CurrentVersion) {
		return false, err
	}
	channel, err := d.channelOf(&c)
	if err != nil {
		return false, nil // reported for the cluster
	}
	rollouts, err := d.Store.Rollouts(ctx, channel, 1)
	return err == nil && (len(rollouts) == 0 || rollouts[0].State.IsOver()), err
}
