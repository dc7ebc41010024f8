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
	standard := roll.Settings{Surge: 3, MinReady: 30 * time.Second, Deregistration: 30 * time.Second,
		NodeReadyTimeout: 15 * time.Minute, BlockedAfter: 10 * time.Minute, RetryRefused: 2 * time.Second}
	for name, c := range map[string]struct {
		cluster map[string]string
		pool    fairway.NodePool
		change  func(*roll.Settings)
	}{
		"nothing is set":          {nil, worker, func(*roll.Settings) {}},
		"the cluster sets":        {map[string]string{itemSurge: "7", itemMinReady: "5s", itemNoSchedule: "true"}, worker, func(s *roll.Settings) { s.Surge, s.MinReady, s.NoScheduleTaint = 7, 5*time.Second, true }},
		"the pool wins":           {map[string]string{itemSurge: "7"}, fairway.NodePool{Name: "w", ConfigItems: map[string]string{itemSurge: "2"}}, func(s *roll.Settings) { s.Surge = 2 }},
		"control-plane nodes":     {map[string]string{itemSurge: "7", itemNoSchedule: "true"}, fairway.NodePool{Name: "m", Profile: "master-default"}, func(s *roll.Settings) { s.Surge, s.OneAtATime = 1, true }},
		"anything but true is no": {map[string]string{itemNoSchedule: "yes"}, worker, func(*roll.Settings) {}},
	} {
		want := standard
		c.change(&want)
		got, err := rollSettings(c.cluster, c.pool)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for key, value := range map[string]string{itemSurge: "many", itemMinReady: "30", itemDeregistration: "-1s", itemBlockedAfter: ""} {
		_, err := rollSettings(map[string]string{key: value}, worker)
		if fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.Contains(err.Error(), key) || fairway.ErrorHint(err) == "" {
			t.Errorf("%s=%q: %v, want an error that names the item and a hint", key, value, err)
		}
	}
}
