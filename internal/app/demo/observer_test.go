package demo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// observedWorld is an observer of two web pods on two nodes, in full health,
// whose load balancer knows both at 10 s.
func observedWorld() *observer {
	o := newObserver(watchedCluster{ID: "c", Service: "web", Workloads: []watchedWorkload{
		{Name: "web", Selector: map[string]string{"application": "web"}, Desired: 2, Budget: 1},
	}}, start0)
	for _, n := range []string{"1", "2"} {
		o.setNode(at(0), nodeState{Name: "node" + n, UID: "n" + n, Ready: true})
		o.setPod(at(0), webPod(n))
	}
	o.setEndpoints(at(0), "web-x", []endpointOf{endpoint("1", true), endpoint("2", true)})
	o.balancer.advance(at(10))
	return o
}

func webPod(n string) podState {
	return podState{Name: "web-" + n, UID: "p" + n, Node: "node" + n, Labels: map[string]string{"application": "web"}, Running: true, Ready: true}
}

func endpoint(n string, ready bool) endpointOf {
	return endpointOf{UID: "p" + n, Pod: "web-" + n, Node: "node" + n, Ready: ready}
}

// load sends 100 requests per second between two moments.
func load(o *observer, from, to float64) {
	for s := from; s < to; s += 0.01 {
		o.request(at(s))
	}
}

func TestObserver_Requests(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// act changes the world from 10 s on; requests are sent from 10 s to 30 s.
		act    func(o *observer)
		failed bool
		reason string
	}{
		{name: "nothing happens", act: func(o *observer) { load(o, 10, 30) }},
		{
			name: "the node is excluded seven seconds before its pod goes",
			act: func(o *observer) {
				load(o, 10, 10.5)
				o.setNode(at(10.5), nodeState{Name: "node1", UID: "n1", Ready: true, Excluded: true})
				load(o, 10.5, 17.5)
				o.podGone(at(17.5), "p1")
				load(o, 17.5, 30)
			},
		},
		{
			name: "the pod goes too early",
			act: func(o *observer) {
				load(o, 10, 10.5)
				o.setNode(at(10.5), nodeState{Name: "node1", UID: "n1", Ready: true, Excluded: true})
				load(o, 10.5, 15)
				o.podGone(at(15), "p1")
				load(o, 15, 30)
			},
			failed: true, reason: "the pod is gone",
		},
		{
			name: "a terminating pod still answers",
			act: func(o *observer) {
				p := webPod("1")
				p.Ends = at(40)
				o.setPod(at(10), p)
				load(o, 10, 30)
			},
		},
		{
			name: "but not past its end",
			act: func(o *observer) {
				p := webPod("1")
				p.Ends = at(12)
				o.setPod(at(10), p)
				load(o, 10, 30)
			},
			failed: true, reason: "the pod is past its end",
		},
		{
			name: "another pod of that name is not the target",
			act: func(o *observer) {
				o.podGone(at(11), "p1")
				p := webPod("1")
				p.UID = "p1-again"
				o.setPod(at(11), p)
				load(o, 11, 30)
			},
			failed: true, reason: "the pod is gone",
		},
		{
			name: "the node goes first", act: func(o *observer) { o.nodeGone(at(11), "node1"); load(o, 11, 30) },
			failed: true, reason: "the node is gone",
		},
		{
			name: "the node is not ready",
			act: func(o *observer) {
				o.setNode(at(11), nodeState{Name: "node1", UID: "n1"})
				load(o, 11, 30)
			},
			failed: true, reason: "the node is not ready",
		},
		{
			name: "no endpoint is left",
			act: func(o *observer) {
				o.setEndpoints(at(10), "web-x", []endpointOf{endpoint("1", false), endpoint("2", false)})
				load(o, 10, 30)
			},
			failed: true, reason: "no target in the load balancer",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := observedWorld()
			tt.act(o)
			if o.requests.OK+o.requests.Failed < 1890 {
				t.Fatalf("sent %+v, want at least 1890 requests", o.requests)
			}
			if got := o.requests.Failed > 0; got != tt.failed {
				t.Fatalf("requests %+v, failures %+v; want failures: %t", o.requests, o.failures, tt.failed)
			}
			if tt.failed && o.failures[0].Reason != tt.reason {
				t.Errorf("reason = %q, want %q", o.failures[0].Reason, tt.reason)
			}
			if len(o.failures) > keptFailures {
				t.Errorf("kept %d failures, want at most %d", len(o.failures), keptFailures)
			}
		})
	}
}

func TestObserver_NothingIsCountedBeforeTheFirstTarget(t *testing.T) {
	t.Parallel()
	o := newObserver(watchedCluster{ID: "c", Service: "web"}, start0)
	load(o, 0, 5)
	if diff := cmp.Diff(RequestSummary{}, o.requests); diff != "" {
		t.Error(diff)
	}
}

func TestObserver_ReadyNeedsARunningNode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		act  func(o *observer)
		min  int
	}{
		{name: "all well", act: func(*observer) {}, min: 2},
		{name: "a pod on its way out does not count", act: func(o *observer) {
			p := webPod("1")
			p.Ends = at(40)
			o.setPod(at(11), p)
		}, min: 1},
		{name: "a pod that is not ready does not count", act: func(o *observer) {
			p := webPod("1")
			p.Ready = false
			o.setPod(at(11), p)
			o.setPod(at(12), webPod("1"))
		}, min: 1},
		{name: "a pod without its node does not count", act: func(o *observer) { o.nodeGone(at(11), "node1") }, min: 1},
		{name: "a pod of another application does not count", act: func(o *observer) {
			p := webPod("2")
			p.UID, p.Labels = "other", map[string]string{"application": "other"}
			o.setPod(at(11), p)
			o.podGone(at(11), "p1")
			o.podGone(at(11), "p2")
		}, min: 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := observedWorld()
			if err := o.healthy(); err != nil {
				t.Fatalf("not healthy at first: %v", err)
			}
			tt.act(o)
			if got := o.report().Workloads[0].MinReady; got != tt.min {
				t.Errorf("min ready = %d, want %d", got, tt.min)
			}
		})
	}
}

func TestObserver_Report(t *testing.T) {
	t.Parallel()
	o := observedWorld()
	o.baseline()
	o.setNode(at(12), nodeState{Name: "node3", UID: "n3", Ready: true, Image: "new"})
	o.setNode(at(13), nodeState{Name: "node2", UID: "n2", Ready: true, Marked: true})
	o.nodeGone(at(14), "node1")
	r := o.report()
	got := fmt.Sprintf("%d nodes, %d ready, %d before, %d replaced, %d old left, marked %s, images %s",
		r.Nodes, r.NodesReady, r.NodesBefore, r.NodesReplaced, r.OldLeft, strings.Join(r.Marked, ","), strings.Join(r.Images, "|"))
	want := "2 nodes, 2 ready, 2 before, 1 replaced, 1 old left, marked node2, images |new"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
