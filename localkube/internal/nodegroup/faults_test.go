package nodegroup

import (
	"slices"
	"testing"
	"time"
)

func setFaults(t *testing.T, s *Service, f Faults) {
	t.Helper()
	if _, err := s.SetFaults(f); err != nil {
		t.Fatal(err)
	}
}

func TestRefusedZoneIsPassedOver(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		setFaults(t, s, Faults{RefuseZones: []string{"a"}})
		group(t, s, 0, 3)
		if got := zones(liveInstances(s)); got["a"] != 0 || got["b"]+got["c"] != 3 {
			t.Errorf("zones = %v, want nothing in a and 3 in all", got)
		}
		setFaults(t, s, Faults{RefuseZones: []string{"a", "b", "c"}})
		put(t, s, GroupUpdate{Desired: new(5)})
		pass(20 * time.Second)
		g, _ := s.Group("g")
		if n := len(liveInstances(s)); n != 3 || g.Activities[len(g.Activities)-1].Kind != ActivityRefused {
			t.Errorf("%d live, last activity %+v, want 3 and a refusal", n, g.Activities[len(g.Activities)-1])
		}
		setFaults(t, s, Faults{})
		if n := len(liveInstances(s)); n != 5 {
			t.Errorf("%d live once there is capacity, want 5", n)
		}
	})
}

func TestQuotaHoldsForAllGroups(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		setFaults(t, s, Faults{Quota: new(2)})
		group(t, s, 0, 5)
		if n := len(liveInstances(s)); n != 2 {
			t.Errorf("%d live with a quota of 2", n)
		}
		setFaults(t, s, Faults{Quota: new(4)})
		if n := len(liveInstances(s)); n != 4 {
			t.Errorf("%d live with a quota of 4", n)
		}
	})
}

func TestTargetHealth(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		setFaults(t, s, Faults{UnhealthyNext: 1})
		group(t, s, 0, 2)
		states := func() (out []TargetHealth) {
			for _, i := range s.Instances(InstanceFilter{}) {
				out = append(out, i.TargetHealth)
			}
			return out
		}
		pass(10 * time.Second)
		if got := states(); !slices.Equal(got, []TargetHealth{"", ""}) {
			t.Errorf("without a load balancer: %q", got)
		}
		put(t, s, GroupUpdate{TargetHealth: new(Duration(time.Minute))})
		if got := states(); !slices.Equal(got, []TargetHealth{TargetInitial, TargetInitial}) {
			t.Errorf("at first: %q", got)
		}
		pass(time.Minute)
		if got := states(); !slices.Equal(got, []TargetHealth{TargetUnhealthy, TargetHealthy}) {
			t.Errorf("after a minute: %q", got)
		}
		second := s.Instances(InstanceFilter{})[1].ID
		setFaults(t, s, Faults{Unhealthy: []string{second}})
		if got := states(); got[1] != TargetUnhealthy {
			t.Errorf("with the fault: %q", got)
		}
		setFaults(t, s, Faults{})
		if _, err := s.Terminate(second, false); err != nil {
			t.Fatal(err)
		}
		if got := states(); !slices.Equal(got, []TargetHealth{TargetUnhealthy, TargetDraining, TargetInitial}) {
			t.Errorf("while one ends: %q", got)
		}
		_, err := s.SetFaults(Faults{Unhealthy: []string{"i-nowhere"}})
		wantCode(t, err, CodeNotFound)
	})
}

func TestNodeFaults(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		setFaults(t, s, Faults{NoDriverNext: 1, BrokenPodsNext: 2, BrokenPods: "DaemonSet"})
		group(t, s, 0, 4)
		machines, _ := s.Machines()
		for i, want := range []struct {
			noDriver bool
			broken   string
		}{{true, ""}, {false, "DaemonSet"}, {false, "DaemonSet"}, {false, ""}} {
			if m := machines[i]; m.NoDriver != want.noDriver || m.BrokenPods != want.broken {
				t.Errorf("launch %d: no driver %v, broken pods %q, want %v, %q", i+1, m.NoDriver, m.BrokenPods, want.noDriver, want.broken)
			}
		}
	})
}

func TestLaunchFaultsHitTheNextLaunches(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		setFaults(t, s, Faults{NeverRegisterNext: 1, NeverReadyNext: 1, SlowBootNext: 1, SlowBootExtra: Duration(time.Minute)})
		group(t, s, 0, 4)
		pass(10 * time.Second)
		machines, _ := s.Machines()
		if m := machines[0]; m.Power != PowerBooting || m.State != StateInService {
			t.Errorf("never registers: power %s, state %s, want booting and InService", m.Power, m.State)
		}
		if m := machines[1]; m.Power != PowerOn || !m.NeverReady {
			t.Errorf("never ready: power %s, never ready %v", m.Power, m.NeverReady)
		}
		if m := machines[2]; m.State != StatePending || m.Power != PowerBooting {
			t.Errorf("slow: state %s and %s after 10 s, want Pending and booting", m.State, m.Power)
		}
		if m := machines[3]; m.Power != PowerOn || m.NeverReady {
			t.Errorf("the fourth launch is hit too: %+v", m)
		}
		if f := s.Faults(); f.NeverRegisterNext+f.NeverReadyNext+f.SlowBootNext != 0 {
			t.Errorf("faults after four launches = %+v, want them used up", f)
		}
		pass(time.Minute)
		if m := first(s.Machines())[2]; m.State != StateInService || m.Power != PowerOn {
			t.Errorf("slow: state %s and %s after a minute more, want InService and on", m.State, m.Power)
		}
	})
}

func TestVanishedInstanceIsNoticedAndReplaced(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		group(t, s, 0, 2)
		pass(10 * time.Second)
		id := liveInstances(s)[0].ID
		setFaults(t, s, Faults{Vanish: []string{id}})
		m := first(s.Machines())[0]
		if m.State != StateInService || m.Power != PowerOff || m.Notice {
			t.Errorf("vanished: %s, %s, notice %v, want InService, off, none", m.State, m.Power, m.Notice)
		}
		if n := len(liveInstances(s)); n != 2 {
			t.Errorf("%d instances before anyone noticed, want 2", n)
		}
		pass(time.Minute)
		if m := first(s.Machines())[0]; m.State != StateTerminated || m.Power != PowerGone {
			t.Errorf("after the health check: %s, %s, want Terminated, gone", m.State, m.Power)
		}
		if n := len(in(s, StatePending)); n != 1 {
			t.Errorf("%d replacements, want 1", n)
		}
	})
}

func TestThrottleCountsPerSecond(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		setFaults(t, s, Faults{ThrottlePerSecond: 2})
		for range 2 {
			if err := s.interfere(); err != nil {
				t.Error(err)
			}
		}
		wantCode(t, s.interfere(), CodeThrottled)
		pass(time.Second)
		if err := s.interfere(); err != nil {
			t.Errorf("a second later: %v", err)
		}
	})
}

func TestErrorsAreDrawnWithTheirSeed(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		draw := func() (fails []int) {
			setFaults(t, s, Faults{ErrorRate: 0.3, ErrorSeed: 5})
			for i := range 100 {
				if s.interfere() != nil {
					fails = append(fails, i)
				}
			}
			return fails
		}
		one, again := draw(), draw()
		if len(one) < 15 || len(one) > 45 {
			t.Errorf("%d of 100 requests failed at a rate of 0.3", len(one))
		}
		if len(one) != len(again) || one[0] != again[0] {
			t.Errorf("the same seed failed %v, then %v", one, again)
		}
	})
}
