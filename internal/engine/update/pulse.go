package update

import (
	"slices"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

const (
	// pulseCalls and pulseAge bound which requests count as the newest ones.
	pulseCalls = 60
	pulseAge   = 30 * time.Second
	// pulseLooks is how many looks the latency is the median of: one slow look
	// says little.
	pulseLooks = 3
	// pulseUsual is how many looks at most tell what is usual.
	pulseUsual = 20
)

// pulse is how the API server of a cluster has answered lately, as a roll has
// seen it itself. It is safe for concurrent use.
type pulse struct {
	mu      sync.Mutex
	calls   []call          // newest last
	looks   []time.Duration // of the newest looks, newest last
	first   []time.Duration // of the first looks, before anything was drained
	settled bool            // first is complete
}

// call is one request.
type call struct {
	at     time.Time
	failed bool
}

// call counts a request. It failed when it was not answered, or was told to
// come again later; what the API server refuses for a reason is an answer.
func (p *pulse) call(err error, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call{now, fairway.ErrorCode(err) == fairway.CodeUnavailable})
	if extra := len(p.calls) - pulseCalls; extra > 0 {
		p.calls = slices.Delete(p.calls, 0, extra)
	}
}

// look counts the request that goes with every look, and how long it took.
func (p *pulse) look(took time.Duration, err error, now time.Time) {
	p.call(err, now)
	if err != nil {
		return // how long a failure took says nothing
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.looks = append(p.looks, took); len(p.looks) > pulseLooks {
		p.looks = slices.Delete(p.looks, 0, 1)
	}
	if !p.settled && len(p.first) < pulseUsual {
		p.first = append(p.first, took)
	}
}

// settle ends the time in which looks tell what is usual: something is drained.
func (p *pulse) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled = len(p.first) > 0
}

// api returns what a decision is told.
func (p *pulse) api(now time.Time) roll.API {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := roll.API{Latency: median(p.looks), Usual: median(p.first)}
	for _, c := range p.calls {
		if now.Sub(c.at) > pulseAge {
			continue
		}
		a.Requests++
		if c.failed {
			a.Errors++
		}
	}
	return a
}

// median returns the middle of some times, 0 for none.
func median(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}
