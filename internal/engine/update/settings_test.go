package update

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

func TestRollSettings(t *testing.T) {
	t.Parallel()
	worker := fairway.NodePool{Name: "workers", Profile: "worker-default"}
	standard := roll.Settings{Strategy: roll.Rolling, Surge: 3, Canary: true, MinReady: 30 * time.Second, Deregistration: 30 * time.Second,
		NodeReadyTimeout: 15 * time.Minute, BlockedAfter: 10 * time.Minute, RetryRefused: 2 * time.Second, JobGrace: 5 * time.Minute,
		Forcing: roll.Forcing{Enabled: true, GracePeriod: 6 * time.Hour, MinPodLifetime: 72 * time.Hour,
			MinHealthySiblingLifetime: time.Hour, MinUnhealthySiblingLifetime: 6 * time.Hour, Interval: 5 * time.Minute}}
	for name, c := range map[string]struct {
		cluster map[string]string
		pool    fairway.NodePool
		change  func(*roll.Settings)
	}{
		"nothing is set":   {nil, worker, func(*roll.Settings) {}},
		"the cluster sets": {map[string]string{itemSurge: "7", itemMinReady: "5s", itemNoSchedule: "true"}, worker, func(s *roll.Settings) { s.Surge, s.MinReady, s.NoScheduleTaint = 7, 5*time.Second, true }},
		"the pool wins": {map[string]string{itemSurge: "7", itemStrategy: "clc"}, fairway.NodePool{Name: "w", ConfigItems: map[string]string{itemSurge: "2", itemStrategy: "on-delete"}},
			func(s *roll.Settings) { s.Surge, s.Strategy = 2, roll.OnDelete }},
		"control-plane nodes": {map[string]string{itemSurge: "20%", itemNoSchedule: "true", itemMaxUnavailable: "4"}, fairway.NodePool{Name: "m", Profile: "master-default"},
			func(s *roll.Settings) { s.Surge, s.Short, s.OneAtATime, s.Canary = 1, 1, true, false }},
		"anything but true is no": {map[string]string{itemNoSchedule: "yes"}, worker, func(*roll.Settings) {}},
		"a percentage of both":    {map[string]string{itemSurge: "10%", itemMaxUnavailable: "20%"}, worker, func(s *roll.Settings) { s.Surge, s.SurgePercent, s.ShortPercent = 0, 10, 20 }},
		"a percentage":            {map[string]string{itemSurge: "10%"}, worker, func(s *roll.Settings) { s.Surge, s.SurgePercent = 0, 10 }},
		"spot":                    {nil, fairway.NodePool{Name: "s", DiscountStrategy: "spot"}, func(s *roll.Settings) { s.Spot = true }},
		"strategies":              {map[string]string{itemStrategy: "replace-zone-by-zone"}, worker, func(s *roll.Settings) { s.Strategy = roll.ZoneByZone }},
		"clc":                     {map[string]string{itemStrategy: "clc", itemDrainPoll: "10s"}, worker, func(s *roll.Settings) { s.Strategy = roll.CLC }},
		"forcing": {map[string]string{itemDrainGrace: "2h", itemDrainPodLife: "8h", itemDrainHealthy: "1m", itemDrainUnhealthy: "2m", itemDrainForceEvery: "3m"}, worker, func(s *roll.Settings) {
			s.Forcing = roll.Forcing{Enabled: true, GracePeriod: 2 * time.Hour, MinPodLifetime: 8 * time.Hour, MinHealthySiblingLifetime: time.Minute,
				MinUnhealthySiblingLifetime: 2 * time.Minute, Interval: 3 * time.Minute}
		}},
		"never by force": {map[string]string{itemDrainForce: "false"}, worker, func(s *roll.Settings) { s.Forcing.Enabled = false }},
		"the rest": {map[string]string{itemMaxUnavailable: "2", itemRaiseMax: "true", itemCanary: "false", itemProbeImage: "probe:1", itemJobGrace: "1h", itemMaxAge: "720h", "node_image": "x"}, worker,
			func(s *roll.Settings) {
				s.Short, s.RaiseMax, s.Canary, s.Probe, s.JobGrace, s.MaxAge = 2, true, false, true, time.Hour, 720*time.Hour
			}},
	} {
		want := standard
		c.change(&want)
		got, err := rollSettings(c.cluster, c.pool)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for key, value := range map[string]string{itemSurge: "many", itemMinReady: "30", itemDeregistration: "-1s", itemBlockedAfter: "", itemStrategy: "fast",
		itemRaiseMax: "yes", itemCanary: "1", itemMaxUnavailable: "0%", itemDrainGrace: "6", itemDrainPoll: "often", itemMaxAge: "30d", itemProbeCommand: "[1"} {
		// Bad values are errors whatever the strategy (contract 4.12).
		for _, strategy := range []string{"rolling", "clc"} {
			items := map[string]string{itemStrategy: strategy}
			items[key] = value
			_, err := rollSettings(items, worker)
			if fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.Contains(err.Error(), key) || fairway.ErrorHint(err) == "" {
				t.Errorf("%s=%q: %v, want an error that names the item and a hint", key, value, err)
			}
		}
	}
	for value, isFine := range map[string]bool{"1%": true, "100%": true, "0%": false, "101%": false, "%": false, "5 %": false, "-3": false, "0": true} {
		if _, err := rollSettings(map[string]string{itemSurge: value}, worker); (err == nil) != isFine {
			t.Errorf("surge %q: %v", value, err)
		}
	}
}

// A misspelt item of ours would silently leave a limit at its default.
func TestRollSettings_UnknownItem(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{"roll_serge": "did you mean roll_surge?", "roll_min_redy": "did you mean roll_min_ready?", "roll_x_y_z_something_else": "roll_surge, "} {
		for _, pool := range []fairway.NodePool{{Name: "w"}, {Name: "w", ConfigItems: map[string]string{key: "1"}}} {
			cluster := map[string]string{}
			if pool.ConfigItems == nil {
				cluster[key] = "1"
			}
			_, err := rollSettings(cluster, pool)
			if fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.Contains(err.Error(), key) || !strings.Contains(fairway.ErrorHint(err), want) {
				t.Errorf("%s: %v, hint %q, want %q", key, err, fairway.ErrorHint(err), want)
			}
		}
	}
	if _, err := rollSettings(map[string]string{"rollout_window": "x", "drain_something": "y"}, fairway.NodePool{Name: "w"}); err != nil {
		t.Errorf("items of others: %v", err)
	}
}

func TestRollProbe(t *testing.T) {
	t.Parallel()
	for command, want := range map[string][]string{
		"":                               {},
		" nslookup  kubernetes.default ": {"nslookup", "kubernetes.default"},
		`["sh", "-c", "a && b"]`:         {"sh", "-c", "a && b"},
	} {
		got := rollProbe(map[string]string{itemProbeImage: "probe:1", itemProbeCommand: command}, fairway.NodePool{})
		if diff := cmp.Diff(fairway.Probe{Image: "probe:1", Command: want}, got); diff != "" {
			t.Errorf("command %q (-want +got):\n%s", command, diff)
		}
	}
	pool := fairway.NodePool{ConfigItems: map[string]string{itemProbeImage: "probe:2"}}
	if got := rollProbe(map[string]string{itemProbeImage: "probe:1"}, pool); got.Image != "probe:2" {
		t.Errorf("image %q, want the pool's", got.Image)
	}
}
