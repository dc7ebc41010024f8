package update

import (
	"context"
	"time"
)

const (
	// lookEvery is the longest pause between two looks at a cluster in a roll,
	// lookSoon the shortest.
	lookEvery = 400 * time.Millisecond
	lookSoon  = 100 * time.Millisecond
	// lookRest is how many times as long as a look with its decision took the
	// pause after it is at least: looking takes a twentieth of the time at most,
	// however large the cluster.
	lookRest = 19
	// lookLate and lookLateLists bound that pause all the same, for looks from
	// watches, whose length is this machine's affair, and for lists, whose length
	// is the API server's.
	lookLate      = 300 * time.Millisecond
	lookLateLists = time.Second
)

// rest waits for the time of the next look: next at the latest, and earlier
// when the cluster says that something changed. The cloud says nothing, so
// that it is looked at every lookEvery in any case.
func (x *rolling) rest(ctx context.Context, next time.Duration) error {
	late := lookLate
	if x.changed == nil {
		late = lookLateLists
	}
	least := min(max(lookSoon, lookRest*x.spent), late)
	if err := x.pause(ctx, least); err != nil {
		return err
	}
	wait := min(next, lookEvery) - least
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-x.changed:
		return nil
	case <-timer.C:
		return nil
	}
}
