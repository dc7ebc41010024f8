// Package kubelet is what would run on the machines: kwok's controllers make
// nodes Ready and take pods through their lives, a renewer keeps the nodes'
// leases, and a gate holds pods back until their volumes are attached.
//
// A node has a running kubelet while it carries the label RunningLabel.
package kubelet

import "time"

// Labels and annotations of localkube.
const (
	// RunningLabel is on a Node while its machine runs a kubelet.
	RunningLabel = "localkube.fairway.dev/kubelet"
	// RunningValue is the label's value.
	RunningValue = "running"
	// NeverReadyAnnotation set to "true" keeps a Pod or a Node NotReady.
	NeverReadyAnnotation = "localkube.fairway.dev/never-ready"
	// BrokenPodsAnnotation on a Node is the kind of owner whose pods never
	// become ready there, "Pod" for pods without an owner, "all" for all.
	BrokenPodsAnnotation = "localkube.fairway.dev/broken-pods"
	// VolumesAnnotation set to "attached" tells kwok to start the Pod.
	VolumesAnnotation = "localkube.fairway.dev/volumes"
	// RunForAnnotation is how long a Pod runs before it succeeds.
	RunForAnnotation = "localkube.fairway.dev/run-for"
)

// LeaseDuration is what a Node's Lease is valid for; it is renewed four
// times as often, as kubelets do.
const LeaseDuration = 40 * time.Second

// Settings are the times of pods.
type Settings struct {
	// StartMin and StartMax bound the time from scheduling to Ready.
	StartMin, StartMax time.Duration
	// Termination is the time a deleted pod takes, or its grace period if
	// that is shorter.
	Termination time.Duration
}
