package app_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
)

// newImage merges a new image for all nodes.
func (f *fleet) newImage() (revision string) {
	f.t.Helper()
	f.images++
	f.replace("cluster/config-defaults.yaml", fmt.Sprintf("node_image: %s", f.image()), fmt.Sprintf("node_image: test-%d", f.images))
	return f.commit(fmt.Sprintf("image %d", f.images))
}

// newWorkers merges a change that replaces all workers and no control-plane node.
func (f *fleet) newWorkers() (revision string) {
	f.t.Helper()
	f.replace("cluster/node-pools/worker-default/userdata.yaml", "#cloud-config\n", "#cloud-config\n# Once more.\n")
	return f.commit("new workers")
}

func (f *fleet) image() string {
	if f.images == 1 {
		return "fairway-node-2026.10.1"
	}
	return fmt.Sprintf("test-%d", f.images-1)
}

// instance is an instance as the node-group service shows it.
type instance struct {
	ID        string `json:"id"`
	Group     string `json:"group"`
	State     string `json:"state"`
	Protected bool   `json:"protected"`
}

func (f *fleet) instances(id string) []instance {
	f.t.Helper()
	var out struct {
		Items []instance `json:"items"`
	}
	f.cloud(id, http.MethodGet, "/v1/instances", "", &out)
	return out.Items
}

// workers are the nodes of the pool "workers", by name.
func (f *fleet) workers(id string) map[string]bool { return f.nodesOf(id, "workers") }

func (f *fleet) nodesOf(id, pool string) map[string]bool {
	f.t.Helper()
	out := map[string]bool{}
	for _, m := range f.instances(id) {
		if m.Group == pool && m.State != "Terminated" && m.State != "Terminating" {
			out[m.ID] = true
		}
	}
	return out
}

// endedOf lists the machines of a pool that ended, but for those that are known.
// Machines that ended before are remembered.
func (f *fleet) endedOf(pool string, old map[string]bool) (ended []string) {
	f.t.Helper()
	for _, m := range f.instances(f.clusters[0]) {
		if m.Group == pool && strings.HasPrefix(m.State, "Termina") && !old[m.ID] && !f.ended[m.ID] {
			ended = append(ended, m.ID)
		}
	}
	if f.ended == nil {
		f.ended = map[string]bool{}
	}
	for _, m := range f.instances(f.clusters[0]) {
		if strings.HasPrefix(m.State, "Termina") {
			f.ended[m.ID] = true
		}
	}
	return ended
}

// group is a group as the node-group service shows it.
type group struct {
	Name    string            `json:"name"`
	Min     int               `json:"min"`
	Max     int               `json:"max"`
	Desired int               `json:"desired"`
	Tags    map[string]string `json:"tags"`
}

func (f *fleet) groups(id string) map[string]group {
	f.t.Helper()
	var answer struct {
		Items []group `json:"items"`
	}
	f.cloud(id, http.MethodGet, "/v1/groups", "", &answer)
	out := map[string]group{}
	for _, g := range answer.Items {
		out[g.Name] = g
	}
	return out
}

// newest is the newest update of the first cluster.
func (f *fleet) newest() (fairway.Update, error) {
	updates, err := f.client.Updates(f.t.Context(), fairway.UpdateFilter{ClusterID: "local:test:local-1:" + f.clusters[0], Limit: 1})
	if err != nil || len(updates) == 0 {
		return fairway.Update{}, fmt.Errorf("no update: %w", err)
	}
	return updates[0], nil
}

// awaitStep waits until the update to a revision has done a step.
func (f *fleet) awaitStep(revision string, step fairway.StepName) {
	f.t.Helper()
	f.await(fmt.Sprintf("step %s is done", step), 2*time.Minute, func() (bool, string) {
		u, err := f.newest()
		if err != nil || u.Revision != revision {
			return false, fmt.Sprint(u.Revision, err)
		}
		view, err := f.client.Update(f.t.Context(), u.ID)
		if err != nil {
			return false, err.Error()
		}
		return slices.ContainsFunc(view.Steps, func(s fairway.Step) bool { return s.Name == step && s.State == fairway.StepDone }), fmt.Sprint(view.Steps)
	})
}

// said is what the events of a kind say of a cluster, a line each.
func (f *fleet) said(id, kind string) string {
	f.t.Helper()
	events, err := f.client.Events(f.t.Context(), id, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	var all strings.Builder
	for _, e := range events {
		if e.Kind == kind {
			fmt.Fprintln(&all, e.Message)
		}
	}
	return all.String()
}

// floor watches which workers are ready and schedulable.
type floor struct {
	mu    sync.Mutex
	looks []map[string]bool
	stop  chan struct{}
	ended chan struct{}
}

func (f *fleet) watchFloor(id string) *floor {
	w := &floor{stop: make(chan struct{}), ended: make(chan struct{})}
	k := f.kube(id)
	go func() {
		defer close(w.ended)
		for {
			if workloads, err := k.Workloads(f.t.Context()); err == nil {
				good := map[string]bool{}
				for _, n := range workloads.Nodes {
					if n.Ready && !n.Unschedulable && n.Labels["node.kubernetes.io/node-pool"] == "workers" {
						good[n.Name] = true
					}
				}
				w.mu.Lock()
				w.looks = append(w.looks, good)
				w.mu.Unlock()
			}
			select {
			case <-w.stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return w
}

// least ends the watch and returns the least number of workers that were ready
// and schedulable at one time, without some that do not count.
func (w *floor) least(without []string) int {
	close(w.stop)
	<-w.ended
	least := 1 << 30
	for _, good := range w.looks {
		for _, name := range without {
			delete(good, name)
		}
		least = min(least, len(good))
	}
	return least
}

// nothingLeft checks that no mark, protection, tag or probe of a roll is left.
func (f *fleet) nothingLeft(id string) {
	f.t.Helper()
	if left := f.marksLeft(id); len(left) > 0 {
		f.t.Errorf("marks are left: %v", left)
	}
	for _, m := range f.instances(id) {
		if m.Protected && m.State == "InService" {
			f.t.Errorf("instance %s is still protected", m.ID)
		}
	}
	for _, g := range f.groups(id) {
		if g.Tags[fairway.TagRollBase] != "" || g.Tags[fairway.TagRollSize] != "" || g.Tags["fairway.dev/roll-limits"] != "" {
			f.t.Errorf("group %s still has the tags of a roll: %v", g.Name, g.Tags)
		}
	}
	workloads, err := f.kube(id).Workloads(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	for _, p := range workloads.Pods {
		if p.Probe && !p.Deleting {
			f.t.Errorf("probe %s is still there", p.Name)
		}
	}
}

// send calls the registry's API.
func (f *fleet) send(method, path, body string) (status int, answer string) {
	f.t.Helper()
	request, err := http.NewRequestWithContext(f.t.Context(), method, f.client.Address()+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+f.token())
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
