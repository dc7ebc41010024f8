package kube

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/fairwayhq/fairway"
)

// backoff is a schedule of repetitions: the first pause, doubled until the
// longest, each varied by half, given up after a total time.
type backoff struct {
	first, longest, total time.Duration
}

// retry calls do until it succeeds, fails for good, or the time is up, and
// returns the last error. A cancelled context ends a pause at once.
func (b backoff) retry(ctx context.Context, again func(error) bool, do func() error) error {
	deadline := time.Now().Add(b.total)
	for pause := b.first; ; pause = min(2*pause, b.longest) {
		err := do()
		if err == nil || !again(err) || ctx.Err() != nil {
			return err
		}
		wait := pause/2 + rand.N(pause)
		if time.Now().Add(wait).After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// passes reports whether an error may be gone when the same is done again.
func passes(err error) bool {
	code := fairway.ErrorCode(err)
	return code == fairway.CodeUnavailable || code == fairway.CodeConflict
}
