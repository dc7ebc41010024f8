package deliver_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/gitrepo"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/engine/deliver"
	"github.com/fairwayhq/fairway/internal/engine/sources"
)

const soak = 10 * time.Minute

// fleet is a real store and a real repository with a clock that the test sets.
// The test plays the updater: it writes what an update leaves in the store.
type fleet struct {
	t      *testing.T
	store  *sqlstore.Store
	source *gitrepo.Source
	bare   string
	*deliver.Deliverer

	mu       sync.Mutex // guards what follows; Health is called in parallel
	now      time.Time
	updates  []string               // asked for, in order
	rollouts []string               // asked for, in order
	sick     map[string]string      // why a cluster is not well
	evidence map[string]time.Time   // of health; a cluster that is not here is looked at now
	nodes    []fairway.RotationNode // of any cluster
	old      map[string]string      // which nodes of a cluster are too old
	ages     []string               // clusters whose nodes' age was looked at
	onHealth func()                 // called once, by the first look at a cluster's health
	onList   func()                 // called once, before updates are listed next
}

// hooked is the store with something that happens between two reads.
type hooked struct {
	*sqlstore.Store
	f *fleet
}

func (h hooked) Updates(ctx context.Context, filter fairway.UpdateFilter) ([]fairway.Update, error) {
	if meanwhile := h.f.onList; meanwhile != nil {
		h.f.onList = nil
		meanwhile()
	}
	return h.Store.Updates(ctx, filter)
}

// newFleet is a fleet of clusters on channel dev, which exists with a revision
// that none of them runs, and channel alpha, which is at the same one.
func newFleet(t *testing.T, files map[string]string, clusters ...fairway.Cluster) *fleet {
	t.Helper()
	return newFleetOf(t, files, nil, clusters...)
}

// newFleetOf has more config sources after the repository.
func newFleetOf(t *testing.T, files map[string]string, more []fairway.ConfigSource, clusters ...fairway.Cluster) *fleet {
	t.Helper()
	f := &fleet{t: t, now: time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC), sick: map[string]string{}, evidence: map[string]time.Time{},
		bare: filepath.Join(t.TempDir(), "config.git")}
	var err error
	if f.store, err = sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), f.clock); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.store.Close() })
	f.git("", "init", "--quiet", "--bare", "--initial-branch=dev", f.bare)
	first := f.commit("dev", "", files)
	f.git("", "--git-dir", f.bare, "branch", "alpha", first)
	f.source, err = gitrepo.Open(t.Context(), gitrepo.Options{Name: "main", Kind: gitrepo.KindGit, Location: f.bare, Dir: filepath.Join(t.TempDir(), "mirror.git")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.source.Close() })
	configuration, err := sources.New(append([]fairway.ConfigSource{f.source}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clusters {
		f.add(c)
	}
	f.Deliverer = deliver.New(deliver.Options{
		Nodes: func(context.Context, string) ([]fairway.RotationNode, error) { return f.nodes, nil },
		TooOld: func(_ context.Context, id string) (string, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.ages = append(f.ages, id)
			return f.old[id], nil
		},
		Store: hooked{f.store, f}, Source: configuration, Health: f.health, Now: f.clock, Log: slog.New(slog.DiscardHandler),
		Update:  func(_ context.Context, id string) error { f.updates = append(f.updates, id); return nil },
		Rollout: func(_ context.Context, id string) error { f.rollouts = append(f.rollouts, id); return nil },
	})
	return f
}

func (f *fleet) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fleet) sleep(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func (f *fleet) health(_ context.Context, id string) (bool, time.Time, string) {
	f.mu.Lock()
	meanwhile := f.onHealth
	f.onHealth = nil
	f.mu.Unlock()
	if meanwhile != nil {
		meanwhile()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at, set := f.evidence[id]
	if !set {
		at = f.now
	}
	return f.sick[id] == "", at, f.sick[id]
}

// git runs git with something on its standard input.
func (f *fleet) git(in string, args ...string) string {
	f.t.Helper()
	cmd := exec.CommandContext(f.t.Context(), "git", args...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("git %s: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit puts a commit with these files on top of a branch, and moves the
// branch there; from names another parent, "" means the branch as it is.
func (f *fleet) commit(branch, from string, files map[string]string) string {
	f.t.Helper()
	ref := "refs/heads/" + branch
	if from == "" {
		from = strings.TrimSpace(f.git("", "--git-dir", f.bare, "for-each-ref", "--format=%(objectname)", ref))
	}
	message := "change of " + branch
	in := fmt.Sprintf("commit %s\ncommitter a <a@example.org> %d +0000\ndata %d\n%s\n", ref, f.clock().Unix(), len(message), message)
	if from != "" {
		in += "from " + from + "\n"
	}
	for name, text := range files {
		in += fmt.Sprintf("M 100644 inline %s\ndata %d\n%s\n", name, len(text), text)
	}
	f.git(in, "--git-dir", f.bare, "fast-import", "--quiet", "--force")
	return f.at(branch)
}

// change commits something new to a branch.
func (f *fleet) change(branch, text string) string {
	f.t.Helper()
	return f.commit(branch, "", map[string]string{"cluster/a.yaml": text})
}

func (f *fleet) at(branch string) string {
	f.t.Helper()
	return f.git("", "--git-dir", f.bare, "rev-parse", "refs/heads/"+branch)
}

// ready is a cluster that runs a revision of long ago.
func ready(id, region string) fairway.Cluster {
	c := fairway.Cluster{ID: id, Alias: id, LocalID: id, InfrastructureAccount: "local:demo", APIServerURL: "https://" + id, Channel: "dev",
		Environment: "test", CriticalityLevel: 1, LifecycleStatus: fairway.StatusReady, Provider: fairway.ProviderLocal, Region: region}
	c.Status.CurrentVersion = c.Version(strings.Repeat("0", 40))
	return c
}

// readyIn is so many clusters in each of the regions, with ids that sort by region.
func readyIn(n int, regions ...string) []fairway.Cluster {
	var all []fairway.Cluster
	for _, region := range regions {
		for i := range n {
			all = append(all, ready(fmt.Sprintf("%s-%02d", region, i), region))
		}
	}
	return all
}

// on moves clusters to another channel before they are registered.
func on(channel string, clusters ...fairway.Cluster) []fairway.Cluster {
	for i := range clusters {
		clusters[i].Channel = channel
		clusters[i].Status.CurrentVersion = clusters[i].Version(strings.Repeat("0", 40))
	}
	return clusters
}

func (f *fleet) add(c fairway.Cluster) {
	f.t.Helper()
	if err := f.store.CreateCluster(f.t.Context(), &c); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fleet) cluster(id string) *fairway.Cluster {
	f.t.Helper()
	c, err := f.store.Cluster(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func (f *fleet) set(id, item, value string) {
	f.t.Helper()
	if _, err := f.store.ChangeCluster(f.t.Context(), id, func(c *fairway.Cluster) error {
		if c.ConfigItems == nil {
			c.ConfigItems = map[string]string{}
		}
		c.ConfigItems[item] = value
		return nil
	}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fleet) unset(id, item string) {
	f.t.Helper()
	if _, err := f.store.ChangeCluster(f.t.Context(), id, func(c *fairway.Cluster) error {
		delete(c.ConfigItems, item)
		return nil
	}); err != nil {
		f.t.Fatal(err)
	}
}

// refresh looks once, and reports whether all went well.
func (f *fleet) refresh() {
	f.t.Helper()
	if _, err := f.Refresh(f.t.Context()); err != nil {
		f.t.Fatalf("refresh: %v", err)
	}
}

// advance takes a rollout one step further and returns it as it is then.
func (f *fleet) advance(id string) *fairway.Rollout {
	f.t.Helper()
	if _, err := f.Advance(f.t.Context(), id); err != nil {
		f.t.Fatalf("advance: %v", err)
	}
	return f.rollout(id)
}

// watch lets time pass as a running manager sees it: with looks in between.
func (f *fleet) watch(id string, d time.Duration) *fairway.Rollout {
	f.t.Helper()
	r := f.advance(id)
	for d > 0 {
		step := min(d, 30*time.Second)
		f.sleep(step)
		d -= step
		r = f.advance(id)
	}
	return r
}

func (f *fleet) rollout(id string) *fairway.Rollout {
	f.t.Helper()
	r, err := f.store.Rollout(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// only returns the one rollout of a channel.
func (f *fleet) only(channel string) *fairway.Rollout {
	f.t.Helper()
	all := f.all(channel)
	if len(all) != 1 {
		f.t.Fatalf("channel %s has %d rollouts, want 1: %+v", channel, len(all), all)
	}
	return &all[0]
}

// all returns the rollouts of a channel, newest first.
func (f *fleet) all(channel string) []fairway.Rollout {
	f.t.Helper()
	all, err := f.store.Rollouts(f.t.Context(), channel, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

// journal returns the updates of a cluster, "" for all, newest first.
func (f *fleet) journal(cluster string) []fairway.Update {
	f.t.Helper()
	all, err := f.store.Updates(f.t.Context(), fairway.UpdateFilter{ClusterID: cluster, Limit: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

// active returns the ids of the clusters that have an update under way, sorted.
func (f *fleet) active() []string {
	f.t.Helper()
	all, err := f.store.Updates(f.t.Context(), fairway.UpdateFilter{Active: true, Limit: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	ids := make([]string, len(all))
	for i, u := range all {
		ids[i] = u.ClusterID
	}
	slices.Sort(ids)
	return ids
}

// events returns the messages of the events of a kind.
func (f *fleet) events(kind string) []string {
	f.t.Helper()
	all, err := f.store.Events(f.t.Context(), "", 0, 10000)
	if err != nil {
		f.t.Fatal(err)
	}
	var out []string
	for _, e := range all {
		if e.Kind == kind {
			out = append(out, e.Message)
		}
	}
	return out
}

// begin is what the updater stores when it starts on the cluster's update.
func (f *fleet) begin(cluster string) *fairway.Update {
	f.t.Helper()
	all, err := f.store.Updates(f.t.Context(), fairway.UpdateFilter{ClusterID: cluster, Active: true})
	if err != nil || len(all) != 1 {
		f.t.Fatalf("cluster %s has %d updates under way, want 1 (%v)", cluster, len(all), err)
	}
	u := &all[0]
	u.State, u.StartedAt = fairway.UpdateRunning, f.clock()
	f.save(u, func(c *fairway.Cluster) { c.Status.NextVersion = u.Version })
	return u
}

// finish is what the updater stores when the update is done.
func (f *fleet) finish(clusters ...string) {
	f.t.Helper()
	for _, id := range clusters {
		u := f.begin(id)
		u.State, u.FinishedAt = fairway.UpdateDone, f.clock()
		f.save(u, func(c *fairway.Cluster) {
			version := u.Version
			if c.LifecycleStatus == fairway.StatusRequested {
				c.LifecycleStatus = fairway.StatusReady
				version = c.Version(u.Revision)
			}
			c.Status = fairway.ClusterStatus{CurrentVersion: version, LastVersion: c.Status.CurrentVersion}
		})
	}
}

// fail is what the updater stores when the update cannot go on.
func (f *fleet) fail(cluster, message string) {
	f.t.Helper()
	u := f.begin(cluster)
	u.State, u.FinishedAt, u.Error = fairway.UpdateFailed, f.clock(), message
	f.save(u, func(c *fairway.Cluster) { c.Status.AddProblem(message) })
}

// stick is what the updater stores when a node cannot be rolled.
func (f *fleet) stick(cluster, node, reason string) {
	f.t.Helper()
	u := f.begin(cluster)
	u.State, u.FinishedAt, u.Blocked = fairway.UpdatePartial, f.clock(), []fairway.BlockedNode{{Node: node, Reason: reason}}
	f.save(u, func(c *fairway.Cluster) { c.Status.AddProblem(reason) })
}

// save stores the cluster first, as the updater does.
func (f *fleet) save(u *fairway.Update, change func(*fairway.Cluster)) {
	f.t.Helper()
	c := f.cluster(u.ClusterID)
	change(c)
	if _, err := f.store.UpdateCluster(f.t.Context(), c.ID, fairway.ClusterUpdate{Status: &c.Status, LifecycleStatus: &c.LifecycleStatus}); err != nil {
		f.t.Fatal(err)
	}
	if err := f.store.SaveUpdate(f.t.Context(), u); err != nil {
		f.t.Fatal(err)
	}
}

// wantActive checks which clusters have an update under way.
func (f *fleet) wantActive(when string, want ...string) {
	f.t.Helper()
	if got := f.active(); !slices.Equal(got, want) {
		f.t.Fatalf("%s: updates of %v are under way, want %v", when, got, want)
	}
}

// wantText checks that a text has all the parts.
func wantText(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s is %q, want it to name %q", what, text, p)
		}
	}
}

// settings is the fairway.yaml of most tests.
func settings(channels ...string) map[string]string {
	return map[string]string{"fairway.yaml": fmt.Sprintf("channels: [%s]\nsoak: %s\n", strings.Join(channels, ", "), soak)}
}
