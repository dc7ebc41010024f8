package pdb

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/fairwayhq/fairway"
)

// leadership is whether this process is the one of several that acts. Two may
// believe it for a moment when clocks misbehave, which does no harm: every write
// carries what it was decided on as its precondition.
type leadership struct {
	Options
	taken func() // called whenever this process begins to lead

	until atomic.Pointer[time.Time] // leads until then; nil for not at all
}

// is reports whether this process may act now.
func (l *leadership) is() bool {
	if l.DryRun {
		return true
	}
	until := l.until.Load()
	return until != nil && l.Now().Before(*until)
}

// run takes and renews the lease until ctx ends, and gives it back then.
func (l *leadership) run(ctx context.Context) {
	if l.DryRun {
		return
	}
	for ctx.Err() == nil {
		pause := l.renew(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	held := l.until.Swap(nil) != nil
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := l.Cluster.ReleaseLease(end, l.Holder); err != nil {
		l.Log.Warn("the lease was not given back; another replica takes over when it ends", "error", err)
	} else if held {
		l.Log.Info("gave the lease back", "holder", l.Holder)
	}
}

// renew takes or renews the lease once and returns when to do it again.
func (l *leadership) renew(ctx context.Context) time.Duration {
	led, began := l.is(), l.Now()
	try, cancel := context.WithTimeout(ctx, l.LeaseTTL/2)
	defer cancel()
	err := l.Cluster.HoldLease(try, l.Holder, l.LeaseTTL)
	switch {
	case err == nil:
		// Counted from before the request, and a fifth shorter than what others
		// are told: they never begin before we end.
		until := began.Add(l.LeaseTTL - l.LeaseTTL/5)
		l.until.Store(&until)
		if !led {
			l.Log.Info("this replica acts", "holder", l.Holder)
			l.taken()
		}
		return l.LeaseTTL / 3
	case ctx.Err() != nil:
	case fairway.ErrorCode(err) == fairway.CodePrecondition:
		if l.until.Swap(nil) != nil {
			l.Log.Warn("another replica acts now", "error", err)
		} else {
			l.Log.Debug("another replica acts", "error", err)
		}
	default:
		l.Log.Warn("the lease cannot be renewed", "leading", led, "error", err, "hint", fairway.ErrorHint(err))
	}
	return min(l.LeaseTTL/5, 2*time.Second)
}
