package kube

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/fairwayhq/fairway"
)

const (
	// followWithin is how soon a second look must come for watches to be begun,
	// followIdle after which time without a look they end.
	followWithin = 5 * time.Second
	followIdle   = 30 * time.Second
	// relistEvery is how often everything is listed again all the same, in case
	// that a watch fell silent. A list that takes long is made less often:
	// lists take one part in relistShare of the time at most.
	relistEvery = 30 * time.Second
	relistShare = 50
	// overdue is how late that list may be before the watches are not trusted.
	overdue = 15 * time.Second
	// shownWithin is how long a look waits for the watches to show this
	// process's own writes before it lists instead.
	shownWithin = 2 * time.Second
	// brokenFirst and brokenMost bound the pause after a list or watch that failed.
	brokenFirst = 200 * time.Millisecond
	brokenMost  = 5 * time.Second
)

// lookout keeps what Workloads reads up to date by watches for as long as
// somebody asks often.
type lookout struct {
	cluster *Cluster
	cancel  context.CancelFunc
	idle    *time.Timer

	mu   sync.Mutex // guards everything below
	seen seen
	// until is up to when each kind is trusted; zero while it is not followed.
	until []time.Time
	// stirred is closed by the next event, changed by the next that makes
	// Workloads differ, relist when everything is to be listed at once.
	stirred, changed, relist chan struct{}
}

// follow notes a look. It returns the lookout, or nil while there is none: the
// second look within a short time begins one.
func (c *Cluster) follow() *lookout {
	c.mu.Lock()
	defer c.mu.Unlock()
	often := time.Since(c.lookedAt) < followWithin
	c.lookedAt = time.Now()
	if c.lookout != nil {
		c.lookout.idle.Reset(followIdle)
		return c.lookout
	}
	if often {
		c.lookout = c.newLookout()
	}
	return nil // it knows nothing yet
}

// followed reports whether there is a lookout.
func (c *Cluster) followed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lookout != nil
}

// newLookout begins to follow; the caller holds c.mu.
func (c *Cluster) newLookout() *lookout {
	ctx, cancel := context.WithCancel(context.Background())
	l := &lookout{cluster: c, cancel: cancel, until: make([]time.Time, len(kinds)),
		stirred: make(chan struct{}), changed: make(chan struct{}), relist: make(chan struct{})}
	l.idle = time.AfterFunc(followIdle, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		// A look may have come between the timer's end and the lock.
		if time.Since(c.lookedAt) >= followIdle && c.lookout == l {
			c.lookout = nil
			cancel()
		}
	})
	for i := range kinds {
		go l.run(ctx, i)
	}
	return l
}

// look returns what the watches know, or nil when they are not to be trusted:
// while one of them is not running, when the list that checks them is overdue,
// and when they do not show a write of this process within shownWithin.
func (l *lookout) look(ctx context.Context) *fairway.Workloads {
	late := time.NewTimer(shownWithin)
	defer late.Stop()
	for {
		l.mu.Lock()
		if !l.trusted() {
			l.mu.Unlock()
			return nil
		}
		if l.cluster.written.shownBy(&l.seen) {
			w := l.seen.workloads()
			w.Changed = l.changed
			l.mu.Unlock()
			return w
		}
		stirred := l.stirred
		l.mu.Unlock()
		select {
		case <-stirred:
		case <-ctx.Done():
			return nil
		case <-late.C:
			l.cluster.log.Info("watches are late; listing again")
			l.mu.Lock()
			clear(l.until)
			stir(&l.relist)
			l.mu.Unlock()
			return nil
		}
	}
}

func (l *lookout) trusted() bool {
	now := time.Now()
	for _, until := range l.until {
		if now.After(until) {
			return false
		}
	}
	return true
}

// stir wakes whoever waits for a channel, and puts a new one in its place.
func stir(c *chan struct{}) {
	close(*c)
	*c = make(chan struct{})
}

// run follows one kind until ctx is over.
func (l *lookout) run(ctx context.Context, i int) {
	pause := brokenFirst
	for {
		begin := time.Now()
		err := l.once(ctx, i)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			pause = brokenFirst
			continue
		}
		l.mu.Lock()
		l.until[i] = time.Time{}
		l.mu.Unlock()
		l.cluster.log.Debug("watch broken", "kind", kinds[i].name, "error", err)
		if time.Since(begin) > brokenMost {
			pause = brokenFirst
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause/2 + rand.N(pause)):
		}
		pause = min(2*pause, brokenMost)
	}
}

// once lists a kind and follows it from there until it is time for the next
// list. An error means that the kind is not followed any more.
func (l *lookout) once(ctx context.Context, i int) error {
	begin := time.Now()
	put, version, err := kinds[i].read(ctx, l.cluster)
	if err != nil {
		return err
	}
	last := max(relistEvery, relistShare*time.Since(begin))
	last += rand.N(last / 4) // not all kinds and clusters at the same moment
	l.mu.Lock()
	relist := l.relist
	if put(&l.seen) {
		stir(&l.changed)
	}
	stir(&l.stirred)
	l.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, last)
	defer cancel()
	events, err := l.cluster.watch(ctx, kinds[i].path, version, last)
	if err != nil {
		return err
	}
	defer events.Stop()
	l.mu.Lock()
	l.until[i] = begin.Add(last + overdue)
	l.mu.Unlock()
	for {
		select {
		case <-relist:
			return nil
		case e, open := <-events.ResultChan():
			if !open && ctx.Err() == nil {
				return errors.New("the API server ended the watch")
			}
			if !open {
				return nil
			}
			if err := l.take(i, e); err != nil {
				return err
			}
		}
	}
}

// take takes over one event.
func (l *lookout) take(i int, e watch.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	changes := false
	switch e.Type {
	case watch.Added, watch.Modified:
		changes = kinds[i].set(&l.seen, e.Object)
	case watch.Deleted:
		changes = kinds[i].drop(&l.seen, e.Object)
	case watch.Error:
		return apierrors.FromObject(e.Object)
	}
	if changes {
		stir(&l.changed)
	}
	stir(&l.stirred)
	return nil
}

// watch follows the objects below a path from a resource version on.
func (c *Cluster) watch(ctx context.Context, path, version string, last time.Duration) (watch.Interface, error) {
	return c.watches.Get().AbsPath(path).MaxRetries(0).
		Param("watch", "true").Param("resourceVersion", version).Param("allowWatchBookmarks", "true").
		// The server's end comes later than ours: a watch that it ends early is broken.
		Param("timeoutSeconds", strconv.Itoa(int((last + relistEvery).Seconds()))).
		Watch(ctx)
}
