package gitrepo

import (
	"context"
	"os"
	"syscall"
	"time"

	"github.com/fairwayhq/fairway"
)

// lockFile takes the lock of a mirror against other processes; waiting ends
// with ctx. The lock goes with the process, however it ends.
func lockFile(ctx context.Context, name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeUnavailable, "lock %s: %w", name, err)
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch err {
		case nil:
			return func() { f.Close() }, nil
		case syscall.EWOULDBLOCK, syscall.EINTR:
		default:
			f.Close()
			return nil, fairway.Errorf(fairway.CodeUnavailable, "lock %s: %w", name, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fairway.Errorf(fairway.CodeUnavailable, "wait for the lock %s: %w", name, context.Cause(ctx)).
				WithHint("another process is fetching into the same mirror")
		case <-time.After(wait):
		}
	}
}
