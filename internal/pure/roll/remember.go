package roll

import (
	"slices"

	"github.com/fairwayhq/fairway"
)

// remember brings the history up to date with what is seen now.
func (v *view) remember() {
	h := &v.History
	if h.Began.IsZero() {
		h.Began = v.now
	}
	for name, pods := range v.services {
		s, known := h.Services[name]
		seen := len(pods)
		if !known || s.Seen != seen {
			s.Seen, s.Since = seen, v.now
		}
		ready := !slices.ContainsFunc(pods, func(p *fairway.Pod) bool { return p.Deleting || !p.Ready })
		if seen >= s.Members || ready && v.now.Sub(s.Since) >= scaledDown {
			s.Members = seen
		}
		s.leads(pods, v.now)
		put(&h.Services, name, s)
	}
	if v.paused != "" {
		h.PausedAt = v.now
	}
	var drains map[string]Progress
	for _, p := range v.pools {
		if p.launching() == 0 {
			delete(h.NoRoomSince, p.Pool)
		} else if _, known := h.NoRoomSince[p.Pool]; !known {
			put(&h.NoRoomSince, p.Pool, v.now)
		}
		for _, m := range p.of(broken) {
			// Seen for a while as well: one jump of the clock is no failure.
			if max(v.now.Sub(m.away), m.lackingFor) >= p.lateAfter()/2 {
				put(&h.NotJoined, m.ID, NotJoined{Pool: p.Pool, LaunchedAt: m.LaunchedAt})
			}
		}
		for _, m := range p.of(draining) {
			d, known := h.Drains[m.node.Name]
			left := m.node.VolumesAttached
			for i := range m.pods {
				left += 2
				if m.pods[i].Deleting {
					left--
				}
			}
			if !known {
				d = Progress{Left: left, Since: m.drainStart(), Told: v.now}
			} else if left < d.Left || v.paused != "" || v.brake != "" { // a drain that must stand still is not stuck
				d.Left, d.Since = left, v.now
			}
			m.told = d.Told
			put(&drains, m.node.Name, d)
		}
	}
	h.Drains = drains
	for _, p := range v.pools {
		for _, m := range p.of(quarantined) {
			if m.old() && v.retries(m) {
				m.kind, m.again = fresh, true
			}
		}
	}
}
