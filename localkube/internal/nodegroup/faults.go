package nodegroup

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Faults is what goes wrong on purpose. The counters count down with every
// launch they hit.
type Faults struct {
	// NeverRegisterNext launches get no Node, though they come into service.
	NeverRegisterNext int `json:"never_register_next"`
	// NeverReadyNext launches get a Node that stays NotReady.
	NeverReadyNext int `json:"never_ready_next"`
	// SlowBootNext launches take SlowBootExtra longer.
	SlowBootNext  int      `json:"slow_boot_next"`
	SlowBootExtra Duration `json:"slow_boot_extra"`
	// NoDriverNext launches get a Node on which no storage driver registers.
	NoDriverNext int `json:"no_driver_next"`
	// BrokenPodsNext launches get a Node on which pods whose owner is of the
	// kind BrokenPods never become ready; "" means all pods, "Pod" those
	// without an owner.
	BrokenPodsNext int    `json:"broken_pods_next"`
	BrokenPods     string `json:"broken_pods"`
	// UnhealthyNext launches are never healthy for the load balancer of their
	// group, Unhealthy names instances that are not for now.
	UnhealthyNext int      `json:"unhealthy_next"`
	Unhealthy     []string `json:"unhealthy"`
	// Vanish names instances that are gone at once, without notice. It is an
	// order, not a state: it reads back empty.
	Vanish []string `json:"vanish"`
	// RefuseZones have no capacity.
	RefuseZones []string `json:"refuse_zones"`
	// Quota is the number of live instances of all groups; null is no limit.
	Quota *int `json:"quota"`
	// ThrottlePerSecond is the number of requests answered; 0 is no limit.
	ThrottlePerSecond int `json:"throttle_per_second"`
	// ErrorRate is the share of requests that fail, drawn with ErrorSeed.
	ErrorRate float64 `json:"error_rate"`
	ErrorSeed int64   `json:"error_seed"`
}

// BrokenAll is the record's BrokenPods for all pods.
const BrokenAll = "all"

// take uses up the fault that hits this launch, if any: one at most, in the
// order of the fields.
func (f *Faults) take(r *record) (extra time.Duration) {
	switch {
	case f.NeverRegisterNext > 0:
		f.NeverRegisterNext--
		r.neverRegisters = true
	case f.NeverReadyNext > 0:
		f.NeverReadyNext--
		r.NeverReady = true
	case f.SlowBootNext > 0:
		f.SlowBootNext--
		return time.Duration(f.SlowBootExtra)
	case f.NoDriverNext > 0:
		f.NoDriverNext--
		r.NoDriver = true
	case f.BrokenPodsNext > 0:
		f.BrokenPodsNext--
		r.BrokenPods = cmp.Or(f.BrokenPods, BrokenAll)
	case f.UnhealthyNext > 0:
		f.UnhealthyNext--
		r.Unhealthy = true
	}
	return 0
}

// Faults returns what is left of the faults.
func (s *Service) Faults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Faults.copy()
}

func (f Faults) copy() Faults {
	f.Vanish = []string{}
	f.RefuseZones = append([]string{}, f.RefuseZones...)
	f.Unhealthy = append([]string{}, f.Unhealthy...)
	return f
}

// SetFaults replaces all faults: what f leaves out is switched off.
func (s *Service) SetFaults(f Faults) (Faults, error) {
	return change(s, func(now time.Time) (Faults, error) {
		if err := s.validFaults(f); err != nil {
			return Faults{}, err
		}
		for _, id := range f.Vanish {
			if r := s.state.Instances[id]; r.live() && r.DetectAt.IsZero() {
				r.DetectAt = now.Add(s.settings.HealthCheck)
			}
		}
		s.state.Faults = f.copy()
		s.throttle = throttle{}
		s.errorDraw = rand.New(rand.NewPCG(uint64(f.ErrorSeed), 0))
		clear(s.retryAt) // capacity may be back
		s.advance(now)
		return s.state.Faults.copy(), nil
	})
}

func (s *Service) validFaults(f Faults) error {
	if min(f.NeverRegisterNext, f.NeverReadyNext, f.SlowBootNext, f.NoDriverNext, f.BrokenPodsNext, f.UnhealthyNext) < 0 || f.SlowBootExtra < 0 || f.ThrottlePerSecond < 0 || f.Quota != nil && *f.Quota < 0 {
		return errorf(CodeInvalid, "faults: numbers must not be negative")
	}
	if f.ErrorRate < 0 || f.ErrorRate > 1 {
		return errorf(CodeInvalid, "faults: error_rate is a share from 0 to 1, got %s", strconv.FormatFloat(f.ErrorRate, 'g', -1, 64))
	}
	for _, z := range f.RefuseZones {
		if !slices.Contains(s.settings.Zones, z) {
			return errorf(CodeInvalid, "faults: zone %q of refuse_zones does not exist; the zones are %v", z, s.settings.Zones)
		}
	}
	for _, id := range f.Vanish {
		if _, ok := s.state.Instances[id]; !ok {
			return errorf(CodeNotFound, "faults: instance %q of vanish does not exist", id)
		}
	}
	for _, id := range f.Unhealthy {
		if _, ok := s.state.Instances[id]; !ok {
			return errorf(CodeNotFound, "faults: instance %q of unhealthy does not exist", id)
		}
	}
	return nil
}

// throttle counts the requests of the running second.
type throttle struct {
	second int64
	count  int
}

// interfere fails a request when a fault says so.
func (s *Service) interfere() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.state.Faults
	if f.ThrottlePerSecond > 0 {
		if now := time.Now().Unix(); s.throttle.second != now {
			s.throttle = throttle{second: now}
		}
		if s.throttle.count++; s.throttle.count > f.ThrottlePerSecond {
			return errorf(CodeThrottled, "rate exceeded: more than %d requests per second (injected fault)", f.ThrottlePerSecond)
		}
	}
	if f.ErrorRate > 0 && s.errorDraw.Float64() < f.ErrorRate {
		return errorf(CodeInternal, "internal error (injected fault)")
	}
	return nil
}
