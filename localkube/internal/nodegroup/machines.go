package nodegroup

import (
	"maps"
	"time"
)

// Power is what a machine is doing, seen from Kubernetes.
type Power string

// The powers, in order.
const (
	// PowerBooting has no Node yet.
	PowerBooting Power = "booting"
	// PowerOn has a Node and a kubelet.
	PowerOn Power = "on"
	// PowerOff has a Node but nothing runs on it any more.
	PowerOff Power = "off"
	// PowerGone has no Node any more.
	PowerGone Power = "gone"
)

// Machine is an instance with what its Node is made of.
type Machine struct {
	Instance
	Power Power
	// Notice is false for a vanished machine: nobody told Kubernetes.
	Notice     bool
	Launch     uint64
	Registered bool
	NeverReady bool
	NoDriver   bool
	BrokenPods string
	RegisterAt time.Time
	Labels     map[string]string
	Taints     []Taint
	Capacity   Capacity
}

// Machines lists all machines as they are now, and how long until the next
// one is to get its Node; zero if none is booting.
func (s *Service) Machines() (machines []Machine, next time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, r := range s.records() {
		m := s.machine(r, now)
		if wait := r.RegisterAt.Sub(now); m.Power == PowerBooting && !r.RegisterAt.IsZero() && (next == 0 || wait < next) {
			next = max(wait, time.Millisecond)
		}
		machines = append(machines, m)
	}
	return machines, next
}

func (s *Service) machine(r *record, now time.Time) Machine {
	t := s.template(r.LaunchTemplate)
	return Machine{
		Instance: r.Instance, Power: r.power(now), Notice: r.DetectAt.IsZero(), Launch: r.Launch,
		Registered: r.Registered, NeverReady: r.NeverReady, NoDriver: r.NoDriver, BrokenPods: r.BrokenPods, RegisterAt: r.RegisterAt,
		Labels: maps.Clone(r.Labels), Taints: t.Taints, Capacity: t.Capacity,
	}
}

func (r *record) power(now time.Time) Power {
	switch {
	case r.State == StateTerminated:
		return PowerGone
	case r.State == StateTerminating || !r.DetectAt.IsZero():
		return PowerOff
	case r.Registered || due(r.RegisterAt, now):
		return PowerOn
	}
	return PowerBooting
}

// NodeRegistered remembers that the machine's Node was made.
func (s *Service) NodeRegistered(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.record(id)
	if err != nil || r.Registered {
		return nil // it is gone, or known
	}
	r.Registered = true
	return s.save()
}
