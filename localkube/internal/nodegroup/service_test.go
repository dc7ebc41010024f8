package nodegroup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

var testSettings = Settings{
	Seed: 1, Region: "local-1", Zones: []string{"a", "b", "c"},
	Boot: 4 * time.Second, BootSpread: time.Second, InServiceDelay: 500 * time.Millisecond,
	Shutdown: time.Second, HealthCheck: time.Minute,
}

// bubble runs f with a service whose time passes as fast as it can.
func bubble(t *testing.T, settings Settings, f func(t *testing.T, s *Service)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nodegroups.json")
	synctest.Test(t, func(t *testing.T) {
		f(t, open(t, file, settings))
	})
}

// open runs a service until the end of the test.
func open(t *testing.T, file string, settings Settings) *Service {
	t.Helper()
	s, _ := openUntil(t, file, settings)
	return s
}

// openUntil also returns a function that ends the service as a kill does.
func openUntil(t *testing.T, file string, settings Settings) (s *Service, kill func()) {
	t.Helper()
	s, err := Open(file, settings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go s.Run(ctx)
	t.Cleanup(cancel)
	return s, func() { cancel(); synctest.Wait() }
}

func template(t *testing.T, s *Service, image string) TemplateRef {
	t.Helper()
	v, _, err := s.AddTemplate("workers", TemplateContent{Image: image})
	if err != nil {
		t.Fatal(err)
	}
	return TemplateRef{Name: v.Name, Version: v.Version}
}

// put creates or changes the group "g".
func put(t *testing.T, s *Service, u GroupUpdate) Group {
	t.Helper()
	g, err := s.PutGroup("g", u)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func group(t *testing.T, s *Service, minimum, desired int) Group {
	t.Helper()
	ref := template(t, s, "image-1")
	return put(t, s, GroupUpdate{Min: &minimum, Desired: &desired, Max: new(50), LaunchTemplate: &ref})
}

func in(s *Service, state State) []Instance { return s.Instances(InstanceFilter{State: state}) }

func liveInstances(s *Service) []Instance {
	return append(in(s, StatePending), in(s, StateInService)...)
}

func zones(instances []Instance) map[string]int {
	count := map[string]int{}
	for _, i := range instances {
		count[i.Zone]++
	}
	return count
}

// pass lets time pass and everything due in it happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func wantCode(t *testing.T, err error, want Code) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != want {
		t.Errorf("error = %v, want code %s", err, want)
	}
}

func TestLaunchesAreBalancedOverZones(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		group(t, s, 0, 7)
		got := zones(liveInstances(s))
		if got["a"] != 3 || got["b"] != 2 || got["c"] != 2 {
			t.Errorf("zones = %v, want a:3 b:2 c:2", got)
		}
	})
}

func TestInstancesBootWithinTheSpreadAndComeIntoService(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		group(t, s, 0, 20)
		if n := len(in(s, StatePending)); n != 20 {
			t.Errorf("%d are Pending after launch, want 20", n)
		}
		machines, next := s.Machines()
		before, after := 0, 0
		for _, m := range machines {
			boot := m.RegisterAt.Sub(m.LaunchedAt)
			if boot < 3*time.Second || boot > 5*time.Second {
				t.Errorf("boot time %s, want 4s +- 1s", boot)
			}
			if m.Power != PowerBooting {
				t.Errorf("power = %s at launch, want booting", m.Power)
			}
		}
		if next <= 0 || next > 5*time.Second {
			t.Errorf("next = %s, want the first boot", next)
		}
		pass(6 * time.Second)
		for _, m := range first(s.Machines()) {
			if m.State != StateInService || m.Power != PowerOn {
				t.Errorf("%s is %s and %s after the boot time, want InService and on", m.ID, m.State, m.Power)
			}
			switch d := m.InServiceAt.Sub(m.RegisterAt); d {
			case 500 * time.Millisecond:
				after++
			case -500 * time.Millisecond:
				before++
			default:
				t.Errorf("InService %s after the node, want 500ms before or after", d)
			}
		}
		if before == 0 || after == 0 {
			t.Errorf("InService came before the node %d times and after it %d times, want both", before, after)
		}
	})
}

func first[A, B any](a A, _ B) A { return a }

func TestSameSeedSameTimes(t *testing.T) {
	t.Parallel()
	plan := func(seed int64) (out []string) {
		settings := testSettings
		settings.Seed = seed
		bubble(t, settings, func(t *testing.T, s *Service) {
			group(t, s, 0, 5)
			for _, m := range first(s.Machines()) {
				out = append(out, fmt.Sprint(m.ID, m.Zone, m.RegisterAt.Sub(m.LaunchedAt)))
			}
		})
		return out
	}
	if one, again := plan(7), plan(7); !slices.Equal(one, again) {
		t.Errorf("seed 7 gave %v and then %v", one, again)
	}
	if one, other := plan(7), plan(8); slices.Equal(one, other) {
		t.Errorf("seeds 7 and 8 both gave %v", one)
	}
}

func TestTerminateReplacesUnlessDecremented(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		group(t, s, 1, 3)
		pass(10 * time.Second)
		victim := in(s, StateInService)[0]
		for range 2 { // the second is the same request again
			got, err := s.Terminate(victim.ID, false)
			if err != nil || got.State != StateTerminating {
				t.Fatalf("Terminate = %s, %v", got.State, err)
			}
		}
		if n := len(liveInstances(s)); n != 3 {
			t.Errorf("%d live instances after terminate, want 3: one is replaced", n)
		}
		if replacement := in(s, StatePending)[0]; replacement.Zone != victim.Zone {
			t.Errorf("replacement is in %s, want %s, the emptiest zone", replacement.Zone, victim.Zone)
		}
		pass(time.Second)
		if n := len(in(s, StateTerminated)); n != 1 {
			t.Errorf("%d are Terminated after the shutdown time, want 1", n)
		}

		pass(10 * time.Second)
		victim = in(s, StateInService)[0]
		for range 2 {
			if _, err := s.Terminate(victim.ID, true); err != nil {
				t.Fatal(err)
			}
		}
		g, _ := s.Group("g")
		if g.Desired != 2 || len(liveInstances(s)) != 2 {
			t.Errorf("desired %d with %d live, want 2 and 2: one decrement, however often it is asked for", g.Desired, len(liveInstances(s)))
		}
	})
}

func TestDecrementBelowMinIsAConflict(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		group(t, s, 2, 2)
		victim := liveInstances(s)[0]
		_, err := s.Terminate(victim.ID, true)
		wantCode(t, err, CodeConflict)
		if n := len(in(s, StateTerminating)); n != 0 {
			t.Errorf("%d are Terminating after a refused request", n)
		}
	})
}

func TestLoweringDesiredPicksLikeAnAutoScalingGroup(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		group(t, s, 0, 4) // a:2 b:1 c:1 of version 1
		newer := template(t, s, "image-2")
		put(t, s, GroupUpdate{Desired: new(7), LaunchTemplate: &newer}) // b, c, then a of version 2
		old := map[string]bool{}
		for _, i := range liveInstances(s) {
			old[i.ID] = i.LaunchTemplate.Version == 1
		}
		put(t, s, GroupUpdate{Desired: new(6)})
		gone := in(s, StateTerminating)
		if len(gone) != 1 || gone[0].Zone != "a" || !old[gone[0].ID] {
			t.Fatalf("chose %+v, want one of version 1 from the most crowded zone a", gone)
		}
		for _, i := range liveInstances(s) {
			if _, err := s.Protect(i.ID, i.LaunchTemplate.Version == 1); err != nil {
				t.Fatal(err)
			}
		}
		put(t, s, GroupUpdate{Desired: new(0)})
		for _, i := range liveInstances(s) {
			if !i.Protected {
				t.Errorf("%s is live, though it is not protected", i.ID)
			}
		}
		if n := len(liveInstances(s)); n != 3 {
			t.Errorf("%d live instances, want the 3 protected ones", n)
		}
		// By its id even a protected one goes.
		if i, err := s.Terminate(liveInstances(s)[0].ID, false); err != nil || i.State != StateTerminating {
			t.Errorf("Terminate a protected instance = %s, %v", i.State, err)
		}
	})
}

func TestStateSurvivesAndTimersContinue(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "nodegroups.json")
	synctest.Test(t, func(t *testing.T) {
		s, kill := openUntil(t, file, testSettings)
		group(t, s, 0, 3)
		pass(2 * time.Second)
		before, _ := s.Machines()
		kill()

		time.Sleep(10 * time.Second) // the machines boot meanwhile
		s = open(t, file, testSettings)
		synctest.Wait()
		after, _ := s.Machines()
		for i, m := range after {
			if m.ID != before[i].ID || !m.RegisterAt.Equal(before[i].RegisterAt) || m.State != StateInService {
				t.Errorf("machine %d = %s %s %s, want %s in service, planned as before", i, m.ID, m.State, m.RegisterAt, before[i].ID)
			}
		}
		put(t, s, GroupUpdate{Desired: new(4)})
		if last := s.Instances(InstanceFilter{}); len(last) != 4 || slices.ContainsFunc(before, func(m Machine) bool { return m.ID == last[3].ID }) {
			t.Errorf("a launch after the restart gave %+v, want a new id", last)
		}
	})
}

func TestTerminatedInstancesAreForgotten(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		group(t, s, 0, 1)
		id := liveInstances(s)[0].ID
		if _, err := s.Terminate(id, true); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Minute)
		if n := len(in(s, StateTerminated)); n != 1 {
			t.Errorf("%d Terminated instances within ten minutes, want 1", n)
		}
		pass(2 * time.Second)
		if all := s.Instances(InstanceFilter{}); len(all) != 0 {
			t.Errorf("listed after ten minutes: %+v", all)
		}
	})
}

func TestGroupIsDeletedOnlyWhenEmpty(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		group(t, s, 0, 1)
		wantCode(t, s.DeleteGroup("g"), CodeConflict)
		put(t, s, GroupUpdate{Desired: new(0)})
		wantCode(t, s.DeleteGroup("g"), CodeConflict) // its instance is Terminating
		pass(2 * time.Second)
		if err := s.DeleteGroup("g"); err != nil {
			t.Error(err)
		}
		_, err := s.Group("g")
		wantCode(t, err, CodeNotFound)
	})
}

func TestPutGroupRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		before := group(t, s, 1, 2)
		for name, u := range map[string]GroupUpdate{
			"desired below min":   {Desired: new(0)},
			"desired above max":   {Desired: new(51)},
			"negative min":        {Min: new(-1)},
			"unknown zone":        {Zones: []string{"z"}},
			"no zone":             {Zones: []string{}},
			"unknown version":     {LaunchTemplate: &TemplateRef{Name: "workers", Version: 9}},
			"unknown template":    {LaunchTemplate: &TemplateRef{Name: "nobody", Version: 1}},
			"label of many words": {Labels: &map[string]string{"role": "two words"}},
		} {
			if _, err := s.PutGroup("g", u); err == nil {
				t.Errorf("%s: accepted", name)
			} else {
				wantCode(t, err, CodeInvalid)
			}
		}
		after, _ := s.Group("g")
		if after.Desired != before.Desired || after.Min != before.Min || after.LaunchTemplate != before.LaunchTemplate {
			t.Errorf("a refused change left %+v, want %+v", after, before)
		}
	})
}

func TestEqualTemplateContentIsOneVersion(t *testing.T) {
	t.Parallel()
	bubble(t, testSettings, func(t *testing.T, s *Service) {
		one, again, two := template(t, s, "x"), template(t, s, "x"), template(t, s, "y")
		if one.Version != 1 || again != one || two.Version != 2 {
			t.Errorf("versions = %d, %d, %d, want 1, 1, 2", one.Version, again.Version, two.Version)
		}
	})
}
