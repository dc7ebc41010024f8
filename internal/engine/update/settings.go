package update

import (
	"fmt"
	"strconv"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// The config items that an update reads, with their defaults. A pool's own
// item wins over the cluster's.
const (
	itemSurge          = "roll_surge"
	itemMinReady       = "roll_min_ready"
	itemDeregistration = "roll_deregistration"
	itemNodeReady      = "roll_node_ready_timeout"
	itemBlockedAfter   = "roll_blocked_after"
	itemRetryRefused   = "roll_retry_refused"
	itemNoSchedule     = "decommission_node_no_schedule_taint" // contract 4.12
	itemHealthTimeout  = "health_timeout"
)

// settings reads config items and remembers the first bad one.
type settings struct {
	items, fallback map[string]string
	where           string
	err             error
}

func (s *settings) value(key string) (string, bool) {
	if v, ok := s.items[key]; ok {
		return v, true
	}
	v, ok := s.fallback[key]
	return v, ok
}

func (s *settings) bad(key, value, want string) {
	if s.err == nil {
		s.err = fairway.Errorf(fairway.CodeInvalid, "config item %s of %s is %q, not %s", key, s.where, value, want).
			WithHint("correct the item in the registry or in config-defaults.yaml")
	}
}

func (s *settings) duration(key string, otherwise time.Duration) time.Duration {
	v, ok := s.value(key)
	if !ok {
		return otherwise
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		s.bad(key, v, "a duration such as 30s or 10m")
		return otherwise
	}
	return d
}

func (s *settings) count(key string, otherwise int) int {
	v, ok := s.value(key)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		s.bad(key, v, "a number of nodes")
		return otherwise
	}
	return n
}

// rollSettings returns how the nodes of a pool are rolled.
func rollSettings(cluster map[string]string, p fairway.NodePool) (roll.Settings, error) {
	s := &settings{items: p.ConfigItems, fallback: cluster, where: "node pool " + p.Name}
	noSchedule, _ := s.value(itemNoSchedule)
	out := roll.Settings{
		Surge: s.count(itemSurge, 3),
		// 30 s: what a new node needs to show that it stays ready (promise 14).
		MinReady: s.duration(itemMinReady, 30*time.Second),
		// 30 s: the deregistration delay that load balancers are run with here (promise 8).
		Deregistration:   s.duration(itemDeregistration, 30*time.Second),
		NodeReadyTimeout: s.duration(itemNodeReady, 15*time.Minute),
		BlockedAfter:     s.duration(itemBlockedAfter, 10*time.Minute),
		RetryRefused:     s.duration(itemRetryRefused, 2*time.Second),
		NoScheduleTaint:  noSchedule == "true" && !p.IsMaster(),
		OneAtATime:       p.IsMaster(),
	}
	if p.IsMaster() {
		out.Surge = min(out.Surge, 1)
	}
	return out, s.err
}

// healthTimeout is how long applied objects may take to become healthy.
func healthTimeout(cluster map[string]string) (time.Duration, error) {
	s := &settings{items: cluster, where: "the cluster"}
	return s.duration(itemHealthTimeout, 10*time.Minute), s.err
}

func joinList(items []string, most int) string {
	if len(items) <= most {
		return fmt.Sprint(items)
	}
	return fmt.Sprintf("%v and %d more", items[:most], len(items)-most)
}
