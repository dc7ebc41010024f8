package update

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

func TestPulse(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := &pulse{}
	check := func(what string, want roll.API) {
		t.Helper()
		if diff := cmp.Diff(want, p.api(now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("nothing known", roll.API{})
	p.settle() // a roll that acts at once must not make nothing the usual
	for _, ms := range []int{30, 10, 20} {
		p.look(time.Duration(ms)*time.Millisecond, nil, now)
	}
	check("three looks", roll.API{Latency: 20 * time.Millisecond, Usual: 20 * time.Millisecond, Requests: 3})

	p.settle()
	for range 3 {
		p.look(time.Second, nil, now)
	}
	check("slow since something is drained", roll.API{Latency: time.Second, Usual: 20 * time.Millisecond, Requests: 6})

	busy := fairway.Errorf(fairway.CodeUnavailable, "too many requests")
	p.look(30*time.Second, busy, now)
	p.call(busy, now)
	p.call(fairway.Errorf(fairway.CodeInvalid, "a refusal is an answer"), now)
	p.call(errors.New("so is this"), now)
	check("failures", roll.API{Latency: time.Second, Usual: 20 * time.Millisecond, Requests: 10, Errors: 2})

	now = now.Add(pulseAge + time.Second)
	check("what is long past is forgotten", roll.API{Latency: time.Second, Usual: 20 * time.Millisecond})
	for range 2 * pulseCalls {
		p.call(busy, now)
	}
	check("no more than the newest count", roll.API{Latency: time.Second, Usual: 20 * time.Millisecond, Requests: pulseCalls, Errors: pulseCalls})
}
