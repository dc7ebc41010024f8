package update

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// The config items that an update reads; docs/config-items.md says what they
// mean. A pool's own item wins over the cluster's.
const (
	itemSurge          = "roll_surge"
	itemMaxUnavailable = "roll_max_unavailable"
	itemRaiseMax       = "roll_raise_max"
	itemCanary         = "roll_canary"
	itemMinReady       = "roll_min_ready"
	itemDeregistration = "roll_deregistration"
	itemNodeReady      = "roll_node_ready_timeout"
	itemBlockedAfter   = "roll_blocked_after"
	itemRetryRefused   = "roll_retry_refused"
	itemJobGrace       = "roll_job_grace"
	itemProbeImage     = "roll_probe_image"
	itemProbeCommand   = "roll_probe_command"
	itemMaxAge         = "node_max_age"
	itemHealthTimeout  = "health_timeout"

	// Contract 4.12.
	itemStrategy         = "update_strategy"
	itemNoSchedule       = "decommission_node_no_schedule_taint"
	itemDrainGrace       = "drain_grace_period"
	itemDrainPodLife     = "drain_min_pod_lifetime"
	itemDrainHealthy     = "drain_min_healthy_sibling_lifetime"
	itemDrainUnhealthy   = "drain_min_unhealthy_sibling_lifetime"
	itemDrainForceEvery  = "drain_force_evict_interval"
	itemDrainPoll        = "drain_poll_interval"
	itemDrainForce       = "drain_force"
	rollItemPrefix       = "roll_"
	defaultSurge         = 3
	defaultForceInterval = 5 * time.Minute
)

// rollItems are all items that begin with rollItemPrefix.
var rollItems = []string{itemSurge, itemMaxUnavailable, itemRaiseMax, itemCanary, itemMinReady, itemDeregistration,
	itemNodeReady, itemBlockedAfter, itemRetryRefused, itemJobGrace, itemProbeImage, itemProbeCommand}

// strategies are the values of itemStrategy.
var strategies = []string{string(roll.Rolling), string(roll.CLC), string(roll.ZoneByZone), string(roll.OnDelete)}

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

// share is a number of nodes, or a percentage of the pool such as "10%".
func (s *settings) share(key string, otherwise int) (count, percent int) {
	v, ok := s.value(key)
	if !ok {
		return otherwise, 0
	}
	digits, isPercent := strings.CutSuffix(v, "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || isPercent && (n < 1 || n > 100) {
		s.bad(key, v, "a number of nodes, or a percentage such as 10%")
		return otherwise, 0
	}
	if isPercent {
		return 0, n
	}
	return n, 0
}

func (s *settings) yes(key string, otherwise bool) bool {
	v, ok := s.value(key)
	if !ok {
		return otherwise
	}
	if v != "true" && v != "false" {
		s.bad(key, v, "true or false")
		return otherwise
	}
	return v == "true"
}

// strategy is how nodes are replaced; the pool's own item wins here too, although
// the contract knows it for clusters only.
func (s *settings) strategy() roll.Strategy {
	v, ok := s.value(itemStrategy)
	if !ok {
		return roll.Rolling
	}
	if !slices.Contains(strategies, v) {
		s.bad(itemStrategy, v, "one of "+strings.Join(strategies, ", "))
	}
	return roll.Strategy(v)
}

// forcing is the staged forcing with the contract's defaults (5.6). The poll
// interval is checked and has no meaning here: drains are watched, not polled.
func (s *settings) forcing() roll.Forcing {
	s.duration(itemDrainPoll, 0)
	return roll.Forcing{
		Enabled:                     s.yes(itemDrainForce, true),
		GracePeriod:                 s.duration(itemDrainGrace, 6*time.Hour),
		MinPodLifetime:              s.duration(itemDrainPodLife, 72*time.Hour),
		MinHealthySiblingLifetime:   s.duration(itemDrainHealthy, time.Hour),
		MinUnhealthySiblingLifetime: s.duration(itemDrainUnhealthy, 6*time.Hour),
		Interval:                    s.duration(itemDrainForceEvery, defaultForceInterval),
	}
}

// unknown refuses items that look like settings of a roll and are none: a
// misspelt limit would silently be another one.
func (s *settings) unknown() {
	for _, items := range []map[string]string{s.items, s.fallback} {
		for _, key := range slices.Sorted(maps.Keys(items)) {
			if s.err != nil || !strings.HasPrefix(key, rollItemPrefix) || slices.Contains(rollItems, key) {
				continue
			}
			hint := "the items that begin with " + rollItemPrefix + " are " + strings.Join(rollItems, ", ")
			if near := nearest.To(key, slices.Values(rollItems)); near != "" {
				hint = "did you mean " + near + "?"
			}
			s.err = fairway.Errorf(fairway.CodeInvalid, "config item %s of %s does not exist", key, s.where).WithHint("%s", hint)
		}
	}
}

// rollSettings returns how the nodes of a pool are rolled.
func rollSettings(cluster map[string]string, p fairway.NodePool) (roll.Settings, error) {
	s := &settings{items: p.ConfigItems, fallback: cluster, where: "node pool " + p.Name}
	s.unknown()
	noSchedule, _ := s.value(itemNoSchedule)
	out := roll.Settings{
		Strategy: s.strategy(),
		RaiseMax: s.yes(itemRaiseMax, false),
		Canary:   s.yes(itemCanary, true),
		Probe:    rollProbe(cluster, p).Image != "",
		Spot:     p.IsSpot(),
		// 30 s: what a new node needs to show that it stays ready (promise 14).
		MinReady: s.duration(itemMinReady, 30*time.Second),
		// 30 s: the deregistration delay that load balancers are run with here (promise 8).
		Deregistration:   s.duration(itemDeregistration, 30*time.Second),
		NodeReadyTimeout: s.duration(itemNodeReady, 15*time.Minute),
		BlockedAfter:     s.duration(itemBlockedAfter, 10*time.Minute),
		RetryRefused:     s.duration(itemRetryRefused, 2*time.Second),
		JobGrace:         s.duration(itemJobGrace, 5*time.Minute),
		MaxAge:           s.duration(itemMaxAge, 0),
		Forcing:          s.forcing(),
		NoScheduleTaint:  noSchedule == "true" && !p.IsMaster(),
		OneAtATime:       p.IsMaster(),
	}
	out.Surge, out.SurgePercent = s.share(itemSurge, defaultSurge)
	out.Short, out.ShortPercent = s.share(itemMaxUnavailable, 0)
	if p.IsMaster() {
		// One at a time is a canary each time.
		out.Surge, out.SurgePercent, out.Short, out.Canary = 1, 0, min(out.Short, 1), false
	}
	s.probeCommand()
	return out, s.err
}

// probeCommand reads the command of the probe: words between blanks, or a JSON
// list of texts.
func (s *settings) probeCommand() []string {
	v, _ := s.value(itemProbeCommand)
	if !strings.HasPrefix(strings.TrimSpace(v), "[") {
		return strings.Fields(v)
	}
	var words []string
	if json.Unmarshal([]byte(v), &words) != nil {
		s.bad(itemProbeCommand, v, `a command such as "nslookup kubernetes.default", or a JSON list of its words`)
	}
	return words
}

// rollProbe returns the probe that a new node of the pool has to pass; no image
// is no probe. What is wrong with the items, rollSettings says.
func rollProbe(cluster map[string]string, p fairway.NodePool) fairway.Probe {
	s := &settings{items: p.ConfigItems, fallback: cluster}
	image, _ := s.value(itemProbeImage)
	return fairway.Probe{Image: image, Command: s.probeCommand()}
}

// healthTimeout is how long applied objects may take to become healthy.
func healthTimeout(cluster map[string]string) (time.Duration, error) {
	s := &settings{items: cluster, where: "the cluster"}
	return s.duration(itemHealthTimeout, 10*time.Minute), s.err
}

// checkSettings returns the first item that cannot be read, before anything is
// touched, whatever the strategy of its pool.
func checkSettings(b *fairway.Bundle) error {
	if _, err := healthTimeout(b.Settings); err != nil {
		return err
	}
	for _, spec := range b.Pools {
		if _, err := rollSettings(b.Settings, spec.Pool); err != nil {
			return err
		}
	}
	return nil
}

func joinList(items []string, most int) string {
	if len(items) <= most {
		return fmt.Sprint(items)
	}
	return fmt.Sprintf("%v and %d more", items[:most], len(items)-most)
}
