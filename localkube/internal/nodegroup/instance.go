package nodegroup

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// State is where an instance is in its life.
type State string

// The states, in the order an instance goes through them.
const (
	StatePending     State = "Pending"
	StateInService   State = "InService"
	StateTerminating State = "Terminating"
	StateTerminated  State = "Terminated"
)

// keepTerminated is how long a terminated instance stays listed.
const keepTerminated = 10 * time.Minute

// Instance is a machine as the API shows it.
type Instance struct {
	ID             string      `json:"id"`
	Group          string      `json:"group"`
	Zone           string      `json:"zone"`
	LaunchTemplate TemplateRef `json:"launch_template"`
	Image          string      `json:"image"`
	InstanceType   string      `json:"instance_type"`
	State          State       `json:"state"`
	Protected      bool        `json:"protected"`
	NodeName       string      `json:"node_name"`
	ProviderID     string      `json:"provider_id"`
	LaunchedAt     time.Time   `json:"launched_at,omitzero"`
	InServiceAt    time.Time   `json:"in_service_at,omitzero"`
	TerminatedAt   time.Time   `json:"terminated_at,omitzero"`
	Spot           bool        `json:"spot,omitempty"`
	// TargetHealth is what the group's load balancer says; "" without one. It
	// is shown by lists of instances.
	TargetHealth TargetHealth `json:"target_health,omitempty"`
}

// TargetHealth is what a load balancer says about an instance.
type TargetHealth string

// What a load balancer says.
const (
	TargetInitial   TargetHealth = "initial"
	TargetHealthy   TargetHealth = "healthy"
	TargetUnhealthy TargetHealth = "unhealthy"
	TargetDraining  TargetHealth = "draining"
)

// record is an instance with what will happen to it.
type record struct {
	Instance
	// Launch is the number of the launch: 1 for the first of the cluster.
	Launch uint64 `json:"launch"`
	// RegisterAt is when the kubelet makes its Node; zero is never.
	RegisterAt time.Time `json:"register_at,omitzero"`
	// ServiceAt is when the InService signal comes.
	ServiceAt time.Time `json:"service_at,omitzero"`
	// OffAt is when a Terminating instance is Terminated.
	OffAt time.Time `json:"off_at,omitzero"`
	// DetectAt is when the cloud notices that a vanished instance is gone.
	DetectAt time.Time `json:"detect_at,omitzero"`
	// Registered is set once the Node was made: a kubelet does not make its
	// Node again when someone deletes it.
	Registered bool `json:"registered,omitempty"`
	NeverReady bool `json:"never_ready,omitempty"`
	// NoDriver says that no storage driver registers on the node.
	NoDriver bool `json:"no_driver,omitempty"`
	// BrokenPods is the kind of owner whose pods never become ready on the
	// node, BrokenAll for all pods; "" for none.
	BrokenPods string `json:"broken_pods,omitempty"`
	// Unhealthy says that the load balancer never counts it as healthy.
	Unhealthy bool `json:"unhealthy,omitempty"`
	// neverRegisters matters during the launch only.
	neverRegisters bool
	// Labels of the group when the instance was launched.
	Labels map[string]string `json:"labels,omitempty"`
}

// live instances count towards the group's desired size.
func (r *record) live() bool { return r.State == StatePending || r.State == StateInService }

// InstanceFilter selects instances; empty fields select all.
type InstanceFilter struct {
	Group string
	State State
}

// Instances lists instances in the order of their launch.
func (s *Service) Instances(f InstanceFilter) []Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Instance{}
	for _, r := range s.records() {
		if (f.Group == "" || r.Group == f.Group) && (f.State == "" || r.State == f.State) {
			i := r.Instance
			i.TargetHealth = s.targetHealth(r, time.Now())
			out = append(out, i)
		}
	}
	return out
}

// targetHealth is what the load balancer of the instance's group says.
func (s *Service) targetHealth(r *record, now time.Time) TargetHealth {
	g := s.state.Groups[r.Group]
	switch {
	case g == nil || g.TargetHealth == nil || r.State == StateTerminated:
		return ""
	case r.State == StateTerminating:
		return TargetDraining
	case r.State == StatePending || now.Before(r.InServiceAt.Add(time.Duration(*g.TargetHealth))):
		return TargetInitial
	case r.Unhealthy || !r.DetectAt.IsZero() || slices.Contains(s.state.Faults.Unhealthy, r.ID):
		return TargetUnhealthy
	}
	return TargetHealthy
}

func (s *Service) records() []*record {
	return slices.SortedFunc(maps.Values(s.state.Instances), func(a, b *record) int { return cmp.Compare(a.Launch, b.Launch) })
}

func (s *Service) record(id string) (*record, error) {
	r, ok := s.state.Instances[id]
	if !ok {
		return nil, errorf(CodeNotFound, "instance %q does not exist", id)
	}
	return r, nil
}

// Terminate begins the end of an instance, protected or not. With decrement
// the group gets smaller, else a replacement is launched. An instance that is
// ending already is returned as it is, and nothing is decremented again.
func (s *Service) Terminate(id string, decrement bool) (Instance, error) {
	return change(s, func(now time.Time) (Instance, error) {
		r, err := s.record(id)
		if err != nil {
			return Instance{}, err
		}
		if !r.live() {
			return r.Instance, nil
		}
		g := s.state.Groups[r.Group]
		if decrement {
			if g.Desired-1 < g.Min {
				return Instance{}, errorf(CodeConflict, "terminate %s with decrement: group %q has desired %d and min %d; lower min first, or terminate without decrement", id, g.Name, g.Desired, g.Min)
			}
			g.Desired--
		}
		s.terminate(g, r, now, "on request")
		s.advance(now)
		return r.Instance, nil
	})
}

func (s *Service) terminate(g *Group, r *record, now time.Time, why string) {
	r.State = StateTerminating
	r.OffAt = now.Add(s.settings.Shutdown)
	g.note(now, ActivityTerminate, "terminating %s in %s %s", r.ID, r.Zone, why)
}

// Protect sets whether lowering desired may choose the instance.
func (s *Service) Protect(id string, protected bool) (Instance, error) {
	return change(s, func(time.Time) (Instance, error) {
		r, err := s.record(id)
		if err != nil {
			return Instance{}, err
		}
		if !r.live() {
			return Instance{}, errorf(CodeConflict, "protect %s: it is %s", id, r.State)
		}
		r.Protected = protected
		return r.Instance, nil
	})
}
