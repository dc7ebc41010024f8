package wave

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// lookAgain is how long a decision without a deadline of its own holds.
	lookAgain = 2 * time.Second
	// skew is how far a clock may be behind the one that stamped the evidence.
	skew = time.Minute
)

// Next returns what the rollout does now. It never starts a wave before all of
// the waves before it have converged on the revision and soaked, never starts
// anything while the rollout is halted, and never starts clusters of two
// regions at once. Clusters that left the registry count no more; clusters that
// are new join the last wave.
func Next(s Snapshot, now time.Time) Decision {
	r := s.Rollout
	keep := Decision{State: r.State, Wave: r.Wave, SoakSince: r.SoakSince, Reason: r.Reason, Hint: r.Hint, Next: lookAgain}
	if r.State.IsOver() || r.State == fairway.RolloutHalted {
		return keep
	}
	waves := present(r.Waves, s.Clusters)
	at := min(max(r.Wave, 0), max(0, len(waves)-1))
	soakSince := r.SoakSince
	if at != r.Wave {
		soakSince = time.Time{}
	}
	if soakSince.After(now) {
		// The clock went back: the soak begins anew rather than end an hour late or early.
		soakSince = now
	}
	for ; ; at++ {
		if at >= len(waves) {
			return Decision{State: fairway.RolloutDone, Wave: max(0, len(waves)-1), Reason: done(waves, r.Revision)}
		}
		p := progress{waves: waves, at: at, settings: s.Settings, now: now}
		if halt, hint := p.aborted(); halt != "" {
			return Decision{State: fairway.RolloutHalted, Wave: at, Reason: halt, Hint: hint, Next: lookAgain}
		}
		if halt, hint := p.overBudget(); halt != "" {
			return Decision{State: fairway.RolloutHalted, Wave: at, Reason: halt, Hint: hint, Next: lookAgain}
		}
		if start := p.starts(soakSince); len(start) > 0 {
			return Decision{State: fairway.RolloutRunning, Wave: at, Start: start, Next: lookAgain,
				Reason: fmt.Sprintf("%s: starts %s%s", p.name(), list(start), p.skipped())}
		}
		if unsettled := p.unsettled(); unsettled != "" {
			d := Decision{State: fairway.RolloutRunning, Wave: at, Reason: p.name() + ": " + unsettled + p.skipped(), Next: lookAgain}
			if p.hasUnhealthy() {
				d.Hint = "look at the cluster; the rollout goes on by itself once the cluster is healthy again"
			}
			return d
		}
		if !p.soaks() {
			soakSince = time.Time{}
			continue
		}
		if soakSince.IsZero() {
			soakSince = now
		}
		end := soakSince.Add(s.Settings.Soak)
		if wait := p.soaking(end); wait != "" {
			next := min(max(end.Sub(now), 100*time.Millisecond), lookAgain)
			return Decision{State: fairway.RolloutSoaking, Wave: at, SoakSince: soakSince, Reason: p.name() + ": " + wait + p.skipped(), Next: next}
		}
		if start := p.starts(soakSince); len(start) > 0 {
			// What soaked was the first cluster alone; now the others of its wave.
			return Decision{State: fairway.RolloutRunning, Wave: at, Start: start, Next: lookAgain,
				Reason: fmt.Sprintf("%s: starts %s%s", p.name(), list(start), p.skipped())}
		}
		soakSince = time.Time{}
	}
}

// present returns the waves with the clusters that still exist; those that no
// wave names join the last one.
func present(planned [][]string, clusters []Cluster) [][]Cluster {
	byID := map[string]Cluster{}
	for _, c := range clusters {
		byID[c.ID] = c
	}
	waves := make([][]Cluster, len(planned))
	for i, names := range planned {
		for _, id := range names {
			if c, ok := byID[id]; ok {
				waves[i] = append(waves[i], c)
				delete(byID, id)
			}
		}
	}
	var joined []Cluster
	for _, c := range clusters {
		if _, ok := byID[c.ID]; ok {
			joined = append(joined, c)
			delete(byID, c.ID)
		}
	}
	if len(joined) > 0 {
		if len(waves) == 0 {
			// A rollout that was planned without clusters is still careful with the first.
			waves = make([][]Cluster, 1)
		}
		last := len(waves) - 1
		waves[last] = append(waves[last], spread(joined)...)
	}
	return waves
}

// progress is what the clusters of the waves up to one have reached.
type progress struct {
	waves    [][]Cluster
	at       int
	settings Settings
	now      time.Time
}

// begun returns the clusters of this wave and all before it.
func (p progress) begun() []Cluster { return slices.Concat(p.waves[:p.at+1]...) }

// aborted says that a person wanted no more of the rollout on some cluster, or
// "": whatever the budget, nothing else starts then.
func (p progress) aborted() (reason, hint string) {
	for _, c := range p.begun() {
		if c.State == Aborted {
			return fmt.Sprintf("halted: the update of cluster %s was aborted by %s", c.ID, orElse(c.Message, "a person")),
				"nothing else starts; merge a commit, which begins a new rollout, or change the registry entry of the cluster, which updates it again"
		}
	}
	return "", ""
}

// overBudget says why the rollout halts, or "".
func (p progress) overBudget() (reason, hint string) {
	for i := range p.at + 1 {
		var bad []Cluster
		for _, c := range p.waves[i] {
			if c.State == Failed || c.State == Partial {
				bad = append(bad, c)
			}
		}
		budget := p.budget(i)
		if len(bad) <= budget {
			continue
		}
		c := bad[0]
		what := "failed"
		if c.State == Partial {
			what = "could not be rolled completely"
		}
		reason = fmt.Sprintf("halted: cluster %s %s: %s", c.ID, what, orElse(c.Message, "it gave no reason"))
		if len(bad) > 1 || budget > 0 {
			reason += fmt.Sprintf(" (%d of %d clusters of wave %d failed, %d may)", len(bad), len(p.waves[i]), i+1, budget)
		}
		return reason, "nothing else starts; fix the cause on the channel's branch, which begins a new rollout"
	}
	return "", ""
}

// budget is how many clusters of a wave may fail. A wave that is the first to
// touch any cluster is the canary, whatever its number.
func (p progress) budget(wave int) int {
	if wave == 0 || !p.proven(wave) {
		return max(0, p.settings.CanaryBudget)
	}
	switch b := p.settings.FailureBudget; {
	case b < 0:
		return 0
	case b > 0:
		return b
	}
	return max(1, int(math.Floor(0.02*float64(len(p.waves[wave])))))
}

// proven reports whether a cluster of an earlier wave runs the revision.
func (p progress) proven(wave int) bool {
	for _, w := range p.waves[:wave] {
		for _, c := range w {
			if c.State == Converged || c.State == Unhealthy {
				return true
			}
		}
	}
	return false
}

// starts returns the clusters to start now: of one region, within the limit,
// and only one while no cluster has shown that the revision works.
func (p progress) starts(soakSince time.Time) []string {
	var waiting []Cluster
	var canary *Cluster
	running, touched := 0, 0
	region := ""
	all := p.begun()
	for i, c := range all {
		switch c.State {
		case Waiting:
			waiting = append(waiting, c)
			continue
		case Blocked:
			continue
		case Updating:
			running++
			region = c.Region
		}
		touched++
		if canary == nil {
			canary = &all[i]
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	limit := p.settings.MaxParallel
	if !p.proven(p.at) {
		switch {
		case touched == 0:
			limit = 1
		case touched == 1 && !p.soaked(*canary, soakSince):
			return nil
		}
	}
	if running == 0 {
		// The region under way is finished before the next begins.
		region = waiting[0].Region
		for _, c := range all {
			if why := p.unsettledOne(c); why != "" && c.State != Waiting {
				return nil
			}
		}
	}
	var start []string
	for _, c := range waiting {
		if c.Region == region && (limit <= 0 || running+len(start) < limit) {
			start = append(start, c.ID)
		}
	}
	return start
}

// soaked reports whether the only cluster that has the revision so far has
// stayed healthy long enough for the others of its wave.
func (p progress) soaked(c Cluster, since time.Time) bool {
	return p.unsettledOne(c) == "" && !since.IsZero() && p.late(c, since.Add(p.settings.Soak)) == ""
}

// unsettled says what the wave waits for before it can soak, or "".
func (p progress) unsettled() string {
	canaryOnly := !p.proven(p.at)
	first := ""
	settled, waiting := 0, 0
	for _, c := range p.begun() {
		why := p.unsettledOne(c)
		switch {
		case c.State == Waiting:
			waiting++
		case why == "" && c.State != Blocked:
			settled++
		case first == "":
			first = why
		}
	}
	if first == "" && waiting > 0 && !(canaryOnly && settled == 1) {
		first = fmt.Sprintf("%d clusters wait for their turn", waiting)
	}
	return first
}

// unsettledOne says what a cluster still lacks, or "". Failures within the
// budget and blocked clusters lack nothing.
func (p progress) unsettledOne(c Cluster) string {
	switch c.State {
	case Failed, Partial, Blocked, Aborted:
		return ""
	case Converged:
		switch {
		case c.HealthAt.IsZero() || c.HealthAt.Before(c.ConvergedAt) || c.HealthAt.After(p.now.Add(skew)):
			return fmt.Sprintf("waits for evidence of the health of %s that is younger than its update", c.ID)
		case !c.Healthy:
			return fmt.Sprintf("cluster %s is not healthy: %s", c.ID, orElse(c.Message, "it gave no reason"))
		}
		return ""
	case Unhealthy:
		return fmt.Sprintf("cluster %s is not healthy: %s", c.ID, orElse(c.Message, "it gave no reason"))
	case Updating:
		if c.Message != "" {
			return fmt.Sprintf("cluster %s waits for %s", c.ID, c.Message)
		}
		return fmt.Sprintf("waits for cluster %s to converge", c.ID)
	}
	return fmt.Sprintf("cluster %s waits for its turn", c.ID)
}

func (p progress) hasUnhealthy() bool {
	return slices.ContainsFunc(p.begun(), func(c Cluster) bool {
		return c.State == Unhealthy || c.State == Converged && !c.Healthy && !c.HealthAt.IsZero()
	})
}

// soaks reports whether a cluster of the wave has something to show; waves
// whose clusters all left or are blocked are passed at once.
func (p progress) soaks() bool {
	return slices.ContainsFunc(p.waves[p.at], func(c Cluster) bool { return c.State != Blocked })
}

// soaking says what the soak waits for, or "" when it is over.
func (p progress) soaking(end time.Time) string {
	if p.now.Before(end) {
		return fmt.Sprintf("converged and healthy; soaks for %s more", end.Sub(p.now).Round(time.Second))
	}
	for _, c := range p.begun() {
		if late := p.late(c, end); late != "" {
			return late
		}
	}
	return ""
}

// late says that a converged cluster lacks evidence from after the soak, or "".
func (p progress) late(c Cluster, end time.Time) string {
	if p.now.Before(end) || c.State == Converged && c.HealthAt.Before(end) {
		return fmt.Sprintf("has soaked; waits for evidence that %s is still healthy", c.ID)
	}
	return ""
}
