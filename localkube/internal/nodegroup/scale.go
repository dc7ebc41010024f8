package nodegroup

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// retryRefused is how long a group waits after a refused launch.
const retryRefused = 5 * time.Second

// scale launches or terminates instances until the group has its size.
func (s *Service) scale(g *Group, now time.Time) {
	for len(s.liveOf(g)) > g.Desired {
		r := s.victim(g)
		if r == nil {
			return // all are protected; the group stays above its size
		}
		s.terminate(g, r, now, "because desired was lowered")
	}
	if now.Before(s.retryAt[g.Name]) {
		return
	}
	for len(s.liveOf(g)) < g.Desired {
		zone, refused := s.zoneFor(g)
		if refused != "" {
			g.note(now, ActivityRefused, "%s", refused)
		}
		if zone == "" {
			s.retryAt[g.Name] = now.Add(retryRefused)
			return
		}
		s.launch(g, zone, now)
	}
}

func (s *Service) liveOf(g *Group) []*record {
	var out []*record
	for _, r := range s.records() {
		if r.Group == g.Name && r.live() {
			out = append(out, r)
		}
	}
	return out
}

// zoneFor picks the zone with the fewest instances, the lowest name among
// equals. A zone without capacity is passed over as a cloud does, with a
// sentence about the refusal; no zone at all means nothing can be launched.
func (s *Service) zoneFor(g *Group) (zone, refused string) {
	total := 0
	for _, r := range s.state.Instances {
		if r.live() {
			total++
		}
	}
	if q := s.state.Faults.Quota; q != nil && total >= *q {
		return "", fmt.Sprintf("launch refused: the quota of %d instances is used up", *q)
	}
	count := zoneCounts(s.liveOf(g))
	zones := slices.SortedFunc(slices.Values(g.Zones), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[a], count[b]), cmp.Compare(a, b))
	})
	for _, z := range zones {
		if !slices.Contains(s.state.Faults.RefuseZones, z) {
			return z, refused
		}
		refused = fmt.Sprintf("launch refused: no capacity for %s in %s", s.template(g.LaunchTemplate).InstanceType, z)
	}
	return "", refused
}

func zoneCounts(records []*record) map[string]int {
	count := map[string]int{}
	for _, r := range records {
		count[r.Zone]++
	}
	return count
}

// victim picks what lowering desired terminates: an unprotected instance from
// the most crowded zone that has one, there the one of the oldest template
// version, then the oldest.
func (s *Service) victim(g *Group) *record {
	live := s.liveOf(g)
	count := zoneCounts(live)
	candidates := slices.DeleteFunc(live, func(r *record) bool { return r.Protected })
	if len(candidates) == 0 {
		return nil
	}
	return slices.MinFunc(candidates, func(a, b *record) int {
		return cmp.Or(
			cmp.Compare(count[b.Zone], count[a.Zone]),
			cmp.Compare(a.Zone, b.Zone),
			cmp.Compare(a.LaunchTemplate.Version, b.LaunchTemplate.Version),
			cmp.Compare(a.Launch, b.Launch),
		)
	})
}

// launch begins the life of an instance. Everything about it that is a matter
// of chance is drawn here, from the seed and the number of the launch.
func (s *Service) launch(g *Group, zone string, now time.Time) {
	s.state.Launches++
	k := s.state.Launches
	draw := rand.New(rand.NewPCG(uint64(s.settings.Seed), k))
	t := s.template(g.LaunchTemplate)
	id := s.instanceID(k)
	labels := maps.Clone(g.Labels)
	maps.Copy(labels, t.Labels)
	r := &record{
		Instance: Instance{
			ID: id, Group: g.Name, Zone: zone, LaunchTemplate: g.LaunchTemplate,
			Image: t.Image, InstanceType: t.InstanceType, State: StatePending,
			NodeName: id, ProviderID: "localkube:///" + zone + "/" + id, LaunchedAt: now.UTC(),
			Spot: t.Spot,
		},
		Launch: k,
		Labels: labels,
	}
	up := now.Add(s.settings.Boot + around(draw, s.settings.BootSpread))
	// Not earlier than the launch; before or after the node is ready.
	delay := s.settings.InServiceDelay
	if draw.IntN(2) == 0 {
		delay = -delay
	}
	up = up.Add(s.state.Faults.take(r))
	r.RegisterAt, r.ServiceAt = up, later(now, up.Add(delay))
	if r.neverRegisters {
		r.RegisterAt = time.Time{}
	}
	s.state.Instances[id] = r
	g.note(now, ActivityLaunch, "launching %s in %s from %s version %d", id, zone, t.Name, t.Version)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// around draws from -spread to +spread.
func around(draw *rand.Rand, spread time.Duration) time.Duration {
	return time.Duration((2*draw.Float64() - 1) * float64(spread))
}

// instanceID is the same for the same seed, region and launch.
func (s *Service) instanceID(launch uint64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%d", s.settings.Seed, s.settings.Region, launch))
	return fmt.Sprintf("i-0%016x", binary.BigEndian.Uint64(sum[:8]))
}
