package update

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/render"
)

const (
	// done mirrors the queue's "no further look needed".
	done = -1 * time.Nanosecond
	// moreTime is what a piece of work may take beyond its time before it is cut
	// off: requests of the last thing that it began.
	moreTime = 2 * time.Minute
	// busyAgain is how soon to look again at a cluster that something works on.
	busyAgain = time.Second
	// maxAttempts is how often a step that fails for a passing reason is tried
	// before the update fails; with the queue's growing delay this is about
	// five minutes.
	maxAttempts = 12
	// maxUnavailable is the same for a cluster that cannot be reached: about
	// forty minutes. Outages pass, and a rollout must not wait for ever.
	maxUnavailable = 80
)

// errAgain ends a piece of work whose time is up; the step is not over.
var errAgain = errors.New("the time of this piece of work is up")

// errSuperseded ends an update that was cancelled while it ran.
var errSuperseded = errors.New("the update was cancelled")

// run is one piece of work on one update.
type run struct {
	*Updater
	log     *slog.Logger
	update  *fairway.Update
	cluster *fairway.Cluster
	bundle  *fairway.Bundle
	kube    fairway.Kubernetes
	cloud   fairway.Cloud
	owner   *owner
	// reader and machinery are kube and cloud as the provider gave them: plans
	// ask them what not every provider can tell, and write nothing.
	reader    fairway.Kubernetes
	machinery fairway.Cloud
	planned   planned
	did       *deeds // what this piece of work has applied
	until     time.Time
	begun     time.Time        // when the step under way began, over pieces of work
	at        fairway.StepName // the step under way
	// ending says why the update ends early; "" while it goes on. Then it only
	// takes back what it began.
	ending string
	// onward says what makes the cluster go on after such an end.
	onward  string
	rotated map[string]bool // nodes that were asked to be rotated, by this piece of work
	saved   fairway.Update  // as last stored
	savedAt time.Time
}

// Run works on an update until it is over, its time is up, or something must
// be tried again later. It returns after how long to look again, or a negative
// duration when the update is over. An error means a passing failure: the
// caller tries again with a delay.
func (u *Updater) Run(ctx context.Context, updateID string) (time.Duration, error) {
	up, err := u.Store.Update(ctx, updateID)
	if fairway.ErrorCode(err) == fairway.CodeNotFound || err == nil && up.State.IsOver() {
		u.forget(updateID) // ended between two pieces of work
		return done, nil
	}
	if err != nil {
		return 0, err
	}
	if _, busy := u.busy.LoadOrStore(up.ClusterID, up.ID); busy {
		return busyAgain, nil
	}
	defer u.busy.Delete(up.ClusterID)
	r := &run{Updater: u, update: up, saved: *up, until: u.Now().Add(u.Piece), rotated: map[string]bool{}, did: &deeds{},
		log: u.Log.With("cluster", up.ClusterID, "update", up.ID)}
	if r.said() == errPaused {
		return r.hold(ctx)
	}
	// A piece that hangs is cut off and counts as failed, while the end of the
	// process (ctx) does not.
	piece, cancel := context.WithTimeout(ctx, u.Piece+moreTime)
	defer cancel()
	// Whichever way out below ends the update, its rolls are history then.
	defer func() {
		if r.update.State.IsOver() {
			u.forget(up.ID)
		}
	}()
	if err = r.steps(piece); errors.Is(err, errEnding) {
		err = r.undo(piece)
	}
	if errors.Is(err, errSuperseded) && !r.update.State.IsOver() {
		err = r.checkpoint(ctx) // a write was refused: takes over how the update ended
	}
	switch {
	case err == nil:
		return done, r.finish(ctx)
	case errors.Is(err, errSuperseded):
		return done, r.release(ctx)
	case errors.Is(err, errPaused):
		return r.hold(ctx)
	case errors.Is(err, errApproval):
		return r.await(ctx)
	case errors.Is(err, errAgain):
		return 0, r.save(ctx)
	case ctx.Err() != nil:
		return 0, ctx.Err() // the process ends; the next one goes on
	}
	return r.failed(ctx, err)
}

// steps carries out all steps that the journal does not know as done.
func (r *run) steps(ctx context.Context) error {
	if err := r.start(ctx); err != nil {
		return err
	}
	journal, err := r.Store.Steps(ctx, r.update.ID)
	if err != nil {
		return err
	}
	over := map[fairway.StepName]fairway.Step{}
	for _, s := range journal {
		over[s.Name] = s
	}
	for _, name := range fairway.StepNames {
		step := over[name] // the zero step has not begun
		ended := step.State == fairway.StepDone || step.State == fairway.StepSkipped
		// The bundle lives in memory only, so each piece of work renders again.
		if ended && name != fairway.StepRender {
			continue
		}
		if err := r.checkpoint(ctx); err != nil {
			return err
		}
		if step.State == fairway.StepFailed {
			step.StartedAt = time.Time{} // a new attempt has the whole time again
		}
		if err := r.step(ctx, name, step.StartedAt); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// start reads the cluster, takes the lease and announces the version.
func (r *run) start(ctx context.Context) error {
	c, err := r.Store.Cluster(ctx, r.update.ClusterID)
	if err != nil {
		return err
	}
	r.cluster = c
	if r.ends(c) {
		return r.startUndo(ctx)
	}
	if want := fairway.ParseVersion(r.update.Version).Hash; want != c.Hash() {
		return r.cancel(ctx, "the registry entry of the cluster changed; the next update takes it into account", "")
	}
	if r.update.State == fairway.UpdatePending {
		r.update.State, r.update.StartedAt = fairway.UpdateRunning, r.Now()
		r.say("connecting to the cluster", "", "")
		if err := r.save(ctx); err != nil {
			return err
		}
		r.event(ctx, "update.started", "update to "+short(r.update.Revision)+" started")
	}
	if c.Status.NextVersion != r.update.Version {
		c.Status.NextVersion = r.update.Version
		if _, err := r.Store.UpdateCluster(ctx, c.ID, fairway.ClusterUpdate{Status: &c.Status}); err != nil {
			return err
		}
	}
	if waits, err := r.awaits(ctx); err != nil {
		return err
	} else if waits {
		return errApproval
	}
	return r.take(ctx)
}

// take connects to the cluster. The lease that makes this manager the one that
// writes to it is taken by the first write.
func (r *run) take(ctx context.Context) error {
	kube, cloud, err := r.connect(ctx, r.cluster)
	if err != nil {
		return err
	}
	r.owner = &owner{kube: kube, holder: r.Holder, now: r.Now, wanted: r.wanted}
	r.reader, r.machinery = kube, cloud
	r.kube, r.cloud = guardedKubernetes{Kubernetes: kube, owner: r.owner, did: r.did}, guardedCloud{cloud, r.owner}
	return nil
}

// checkpoint is passed between any two things that an update does: it ends a
// piece of work whose time is up or that a person paused, and an update that
// was cancelled meanwhile or shall end early.
func (r *run) checkpoint(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	stored, err := r.Store.Update(ctx, r.update.ID)
	if err != nil {
		return err
	}
	if stored.State.IsOver() {
		r.update.State = stored.State
		return errSuperseded
	}
	r.update.Paused, r.update.Aborting, r.update.IgnoreBrakes = stored.Paused, stored.Aborting, stored.IgnoreBrakes
	c, err := r.Store.Cluster(ctx, r.update.ClusterID)
	if err != nil {
		return err
	}
	if r.ends(c) {
		return errEnding
	}
	if err := r.said(); err != nil {
		return err
	}
	if r.Now().After(r.until) {
		return errAgain
	}
	return nil
}

// step carries out one step and journals it.
func (r *run) step(ctx context.Context, name fairway.StepName, startedAt time.Time) error {
	step := fairway.Step{UpdateID: r.update.ID, Name: name, State: fairway.StepRunning, StartedAt: startedAt}
	if startedAt.IsZero() {
		step.StartedAt = r.Now()
	}
	r.begun, r.at = step.StartedAt, name
	if err := r.Store.SaveStep(ctx, &step); err != nil {
		return err
	}
	r.say(doing[name], "", "")
	if err := r.save(ctx); err != nil {
		return err
	}
	detail, err := r.do(ctx, name)
	if err != nil {
		switch {
		case errors.Is(err, errPaused), errors.Is(err, errApproval):
			// What the step waits for has its whole time again when it goes on.
			step.StartedAt = time.Time{}
			return errors.Join(err, r.Store.SaveStep(ctx, &step))
		case errors.Is(err, errAgain), errors.Is(err, errSuperseded), errors.Is(err, errEnding), ctx.Err() != nil:
			return err
		}
		step.State, step.Detail, step.FinishedAt = fairway.StepFailed, err.Error(), r.Now()
		return errors.Join(err, r.Store.SaveStep(ctx, &step))
	}
	if name != fairway.StepRender { // which every piece of work begins with
		r.update.Attempts, r.update.Error, r.update.Hint = 0, "", ""
	}
	step.State, step.Detail, step.FinishedAt = fairway.StepDone, detail, r.Now()
	return r.Store.SaveStep(ctx, &step)
}

// doing is what a person reads while a step runs.
var doing = map[fairway.StepName]string{
	fairway.StepRender:       "rendering the configuration",
	fairway.StepPlan:         "planning what to do",
	fairway.StepPools:        "preparing node pools",
	fairway.StepControlPlane: "rolling control-plane nodes",
	fairway.StepPreApply:     "deleting objects before the manifests",
	fairway.StepManifests:    "applying manifests",
	fairway.StepWorkers:      "rolling worker nodes",
	fairway.StepPostApply:    "deleting objects after the manifests",
	fairway.StepOrphans:      "removing node pools that left the registry",
	fairway.StepVerify:       "verifying the cluster",
}

func (r *run) do(ctx context.Context, name fairway.StepName) (detail string, err error) {
	switch name {
	case fairway.StepRender:
		return r.render(ctx)
	case fairway.StepPlan:
		return r.plan(ctx)
	case fairway.StepPools:
		return r.pools(ctx)
	case fairway.StepControlPlane:
		if err := r.mayRoll(ctx); err != nil {
			return "", err
		}
		return r.roll(ctx, true)
	case fairway.StepPreApply:
		return r.remove(ctx, "before", r.bundle.PreApply)
	case fairway.StepManifests:
		return r.apply(ctx)
	case fairway.StepWorkers:
		if err := r.mayRoll(ctx); err != nil {
			return "", err
		}
		return r.roll(ctx, false)
	case fairway.StepPostApply:
		return r.remove(ctx, "after", r.bundle.PostApply)
	case fairway.StepOrphans:
		if err := r.mayRoll(ctx); err != nil {
			return "", err
		}
		return r.orphanedPools(ctx)
	case fairway.StepVerify:
		return r.verify(ctx)
	}
	return "", fmt.Errorf("no step %q", name)
}

// render makes the bundle of the update's revision.
func (r *run) render(ctx context.Context) (string, error) {
	files, err := r.Source.Open(ctx, r.update.Revision)
	if err != nil {
		return "", err
	}
	siblings, err := r.Store.Clusters(ctx, fairway.ClusterFilter{InfrastructureAccount: r.cluster.InfrastructureAccount})
	if err != nil {
		return "", err
	}
	r.bundle, err = render.Bundle(ctx, render.Input{
		Cluster: r.cluster, Siblings: siblings, Revision: r.update.Revision,
		Sources: render.From(files), Cache: r.renders,
	})
	if err != nil {
		return "", err
	}
	if err := checkSettings(r.bundle); err != nil {
		return "", err
	}
	if err := r.prune(ctx); err != nil {
		return "", err
	}
	objects := 0
	for _, c := range r.bundle.Components {
		objects += len(c.Objects)
	}
	return fmt.Sprintf("%d components, %d objects, %d node pools", len(r.bundle.Components), objects, len(r.bundle.Pools)), nil
}

// pools makes groups and launch templates so; nothing is replaced yet.
func (r *run) pools(ctx context.Context) (string, error) {
	if r.cluster.Provider == fairway.ProviderKubeconfig {
		return "nodes are only observed", nil
	}
	groups, instances, err := r.machines(ctx)
	if err != nil {
		return "", err
	}
	if err := r.mayLeave(ctx, groups, instances); err != nil {
		return "", err
	}
	for _, spec := range r.bundle.Pools {
		if _, err := r.cloud.EnsurePool(ctx, spec); err != nil {
			return "", fmt.Errorf("node pool %s: %w", spec.Pool.Name, err)
		}
	}
	if r.cluster.LifecycleStatus == fairway.StatusRequested {
		return fmt.Sprintf("%d node pools", len(r.bundle.Pools)), nil
	}
	if groups, instances, err = r.machines(ctx); err != nil {
		return "", err
	}
	r.update.NodesTotal = r.update.NodesDone + len(outdated(groups, instances))
	return fmt.Sprintf("%d node pools, %d outdated nodes", len(r.bundle.Pools), r.update.NodesTotal-r.update.NodesDone), nil
}

// machines reads groups and instances.
func (r *run) machines(ctx context.Context) ([]fairway.Group, []fairway.Instance, error) {
	groups, err := r.cloud.Groups(ctx)
	if err != nil {
		return nil, nil, err
	}
	instances, err := r.cloud.Instances(ctx)
	return groups, instances, err
}

// outdated lists the ids of instances that are not made from their group's
// generation, or are not what the pool wants for another reason.
func outdated(groups []fairway.Group, instances []fairway.Instance) []string {
	generation := map[string]string{}
	for _, g := range groups {
		generation[g.Pool] = g.Generation
	}
	var out []string
	for _, i := range instances {
		if i.State != fairway.InstanceTerminating && (i.Generation != generation[i.Pool] || i.Outdated != "") {
			out = append(out, i.ID)
		}
	}
	return out
}

// short is a revision as people quote it.
func short(revision string) string { return fairway.ShortRevision(revision) }
