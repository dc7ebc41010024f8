package httpapi

import (
	"net/http"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// ratePerSecond is how many requests one principal may send, on average,
	// and rateBurst how many at once, where the options do not say otherwise.
	ratePerSecond = 2000
	rateBurst     = 2
	// mostBuckets bounds the memory of the limiter.
	mostBuckets = 10000
)

// rates limits how many requests a principal sends: a bucket for each, filled
// at a steady rate (the token bucket of traffic shaping). It is safe for
// concurrent use.
type rates struct {
	perSecond float64
	now       func() time.Time

	mu      sync.Mutex // guards buckets
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// take counts one request, or refuses it.
func (r *rates) take(name string) error {
	if r.perSecond < 0 {
		return nil
	}
	now, size := r.now(), r.perSecond*rateBurst
	r.mu.Lock()
	defer r.mu.Unlock()
	b, known := r.buckets[name]
	if !known {
		if len(r.buckets) >= mostBuckets {
			clear(r.buckets) // all begin anew: too lenient for a moment, and bounded
		}
		b = bucket{left: size, at: now}
	}
	b.left = min(size, b.left+r.perSecond*max(0, now.Sub(b.at).Seconds()))
	b.at = now
	if b.left < 1 {
		r.buckets[name] = b
		return fairway.Errorf(fairway.CodeUnavailable, "%w", &httpError{http.StatusTooManyRequests, "too many requests"}).
			WithHint("send fewer than %.0f a second, or wait a second", r.perSecond)
	}
	b.left--
	r.buckets[name] = b
	return nil
}
