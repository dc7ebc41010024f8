package kube

import (
	"strconv"
	"sync"
)

// written remembers the writes of this process that a look must show before
// the next decision is made. The zero value remembers nothing. There is at most
// one entry for each node and for each name of a pod.
type written struct {
	mu   sync.Mutex
	last int // number of the newest write
	// nodes are the resource versions that writes to nodes returned; pods are
	// the pods, by namespace/name, that were evicted or deleted.
	nodes map[string]writtenNode
	pods  map[string]writtenPod
}

type writtenNode struct {
	number  int
	version string
}

type writtenPod struct {
	number int
	uid    string
}

// node remembers a write to a node.
func (w *written) node(name, version string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.nodes == nil {
		w.nodes = map[string]writtenNode{}
	}
	w.last++
	w.nodes[name] = writtenNode{w.last, version}
}

// pod remembers that a pod was told to go.
func (w *written) pod(key, uid string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pods == nil {
		w.pods = map[string]writtenPod{}
	}
	w.last++
	w.pods[key] = writtenPod{w.last, uid}
}

// before returns the number of the newest write, for forget.
func (w *written) before() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// forget drops the writes up to a number: something was read that began after
// them.
func (w *written) forget(number int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, n := range w.nodes {
		if n.number <= number {
			delete(w.nodes, name)
		}
	}
	for key, p := range w.pods {
		if p.number <= number {
			delete(w.pods, key)
		}
	}
}

// shownBy drops the writes that are visible in what was seen, and reports
// whether none is left. A node that is not there any more shows every write to
// it, as does a newer version; a pod that was told to go shows it when it is on
// its way, gone, or followed by another of its name.
func (w *written) shownBy(s *seen) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, n := range w.nodes {
		if is, there := s.nodes.byKey[name]; !there || notOlder(is.version, n.version) {
			delete(w.nodes, name)
		}
	}
	for key, p := range w.pods {
		if is, there := s.pods.byKey[key]; !there || is.value.pod.UID != p.uid || is.value.pod.Deleting {
			delete(w.pods, key)
		}
	}
	return len(w.nodes)+len(w.pods) == 0
}

// notOlder compares two resource versions of one object. They are numbers that
// grow; those that are not (of an API server unlike others) count as older, so
// that a list decides.
func notOlder(a, b string) bool {
	x, err := strconv.ParseUint(a, 10, 64)
	y, err2 := strconv.ParseUint(b, 10, 64)
	return a == b || err == nil && err2 == nil && x >= y
}
