package demo

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// observer judges one cluster by what its watches tell it. It reads no clock
// and is not safe for concurrent use.
type observer struct {
	plan  watchedCluster
	nodes map[string]nodeState // by name
	pods  map[string]podState  // by UID
	// endpoints are those of the service in front of the web workload, by slice.
	endpoints map[string][]endpointOf

	balancer *balancer
	targets  map[string]target // what the balancer was last told
	trackers []tracker         // one for each workload of the plan
	leaders  leadership
	roster   roster
	requests RequestSummary
	failures []requestFailure
	sent     uint64
}

// requestFailure says why a request failed.
type requestFailure struct {
	At      time.Time `json:"at"`
	Cluster string    `json:"cluster"`
	Pod     string    `json:"pod,omitempty"`
	Node    string    `json:"node,omitempty"`
	Reason  string    `json:"reason"`
}

// keptFailures is how many failures are kept word for word.
const keptFailures = 20

func newObserver(plan watchedCluster, now time.Time) *observer {
	o := &observer{
		plan: plan, nodes: map[string]nodeState{}, pods: map[string]podState{}, endpoints: map[string][]endpointOf{},
		balancer: newBalancer(now), targets: map[string]target{},
	}
	for _, w := range plan.Workloads {
		o.trackers = append(o.trackers, tracker{desired: w.Desired})
	}
	return o
}

func (o *observer) setNode(now time.Time, n nodeState) {
	o.nodes[n.Name] = n
	o.judge(now)
}

func (o *observer) nodeGone(now time.Time, name string) {
	delete(o.nodes, name)
	o.judge(now)
}

func (o *observer) setPod(now time.Time, p podState) {
	o.pods[p.UID] = p
	o.judge(now)
}

func (o *observer) podGone(now time.Time, uid string) {
	delete(o.pods, uid)
	o.judge(now)
}

func (o *observer) setEndpoints(now time.Time, slice string, all []endpointOf) {
	o.endpoints[slice] = all
	o.judge(now)
}

func (o *observer) sliceGone(now time.Time, slice string) {
	delete(o.endpoints, slice)
	o.judge(now)
}

// judge takes what is known now into account.
func (o *observer) judge(now time.Time) {
	for i, w := range o.plan.Workloads {
		o.trackers[i].observe(now, o.readyPods(w.Selector))
	}
	var leaders []string
	for _, p := range o.pods {
		if p.Labels["role"] == roleLeader && p.Labels["application"] == databaseName {
			leaders = append(leaders, p.UID)
		}
	}
	o.leaders.observe(leaders)

	nodes, ready := map[string]string{}, map[string]bool{}
	for _, n := range o.nodes {
		nodes[n.UID] = n.Name
		ready[n.UID] = n.Ready
	}
	o.roster.observe(now, nodes, ready)

	healthy := o.healthyTargets()
	if !maps.Equal(healthy, o.targets) {
		o.targets = healthy
		o.balancer.observe(now, healthy)
	}
}

// readyPods counts the pods that serve: ready, not on their way out, and on a
// node that is ready.
func (o *observer) readyPods(selector map[string]string) int {
	count := 0
	for _, p := range o.pods {
		if p.Ready && p.Ends.IsZero() && o.nodes[p.Node].Ready && selects(selector, p.Labels) {
			count++
		}
	}
	return count
}

func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// healthyTargets are the endpoints that a load balancer would register.
func (o *observer) healthyTargets() map[string]target {
	healthy := map[string]target{}
	for _, slice := range o.endpoints {
		for _, e := range slice {
			n, there := o.nodes[e.Node]
			if e.Ready && there && n.Ready && !n.Excluded {
				healthy[e.UID] = target{UID: e.UID, Pod: e.Pod, Node: e.Node}
			}
		}
	}
	return healthy
}

// request sends one request through the load balancer. Before the balancer had
// a first target there is nothing to send to, and nothing is counted.
func (o *observer) request(now time.Time) {
	t, ok := o.balancer.pick(now, o.sent)
	if !ok && o.sent == 0 {
		return
	}
	o.sent++
	reason := "no target in the load balancer"
	if ok {
		reason = o.whyNot(now, t)
	}
	if reason == "" {
		o.requests.OK++
		return
	}
	o.requests.Failed++
	if len(o.failures) < keptFailures {
		o.failures = append(o.failures, requestFailure{At: now, Cluster: o.plan.ID, Pod: t.Pod, Node: t.Node, Reason: reason})
	}
}

// whyNot says why a target cannot answer now; "" when it can.
func (o *observer) whyNot(now time.Time, t target) string {
	p, there := o.pods[t.UID]
	n, node := o.nodes[t.Node]
	switch {
	case !there:
		return "the pod is gone"
	case !p.Running:
		return "the pod does not run"
	case !p.Ends.IsZero() && !now.Before(p.Ends):
		return "the pod is past its end"
	case !node:
		return "the node is gone"
	case !n.Ready:
		return "the node is not ready"
	}
	return ""
}

// baseline takes the present state as the one before the change.
func (o *observer) baseline() {
	nodes := map[string]string{}
	for _, n := range o.nodes {
		nodes[n.UID] = n.Name
	}
	o.roster.baseline(nodes)
	o.leaders.moves = 0
}

// report says what was seen so far.
func (o *observer) report() watchedReport {
	r := watchedReport{
		ID: o.plan.ID, Nodes: len(o.nodes), NodesBefore: len(o.roster.before), NodesReplaced: o.roster.replaced(),
		OldLeft: len(o.roster.before) - o.roster.gone, FirstChange: o.roster.firstAt, LastChange: o.roster.lastAt,
		LeaderMoves: o.leaders.moves, Requests: o.requests, Failures: o.failures, Targets: len(o.targets),
	}
	images := map[string]bool{}
	for _, n := range o.nodes {
		images[n.Image] = true
		if n.Ready {
			r.NodesReady++
		}
		if n.Marked {
			r.Marked = append(r.Marked, n.Name)
		}
	}
	r.Images = slices.Sorted(maps.Keys(images))
	slices.Sort(r.Marked)
	for i, w := range o.plan.Workloads {
		t := o.trackers[i]
		r.Workloads = append(r.Workloads, workloadReport{
			Name: w.Name, Desired: w.Desired, Budget: w.Budget, Quorum: w.Quorum, Ready: t.ready, MinReady: t.min, MinAt: t.minAt, Healthy: !t.healthyAt.IsZero(),
		})
	}
	return r
}

// healthy reports whether every workload was seen in full health and the load
// balancer has targets.
func (o *observer) healthy() error {
	for i, t := range o.trackers {
		if t.healthyAt.IsZero() || t.ready < t.desired {
			return fmt.Errorf("%s: %d of %d ready", o.plan.Workloads[i].Name, t.ready, t.desired)
		}
	}
	if len(o.balancer.order) < len(o.targets) || len(o.targets) == 0 {
		return fmt.Errorf("the load balancer has %d of %d targets", len(o.balancer.order), len(o.targets))
	}
	return nil
}
