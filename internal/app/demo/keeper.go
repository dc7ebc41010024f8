package demo

import (
	"context"
	"sync"
	"time"
)

const (
	// restartFirst and restartMost bound the pause before a child is started again.
	restartFirst = 200 * time.Millisecond
	restartMost  = 5 * time.Second
	// hopeless is how many times in a row a child may end by itself soon after
	// its start before the demo gives up on it.
	hopeless = 4
	soon     = 10 * time.Second
	// stopGrace is how long a child may take to end when asked to.
	stopGrace = 10 * time.Second
)

// keeper keeps one child running: it starts it again whenever it ends.
type keeper struct {
	command command
	// prepare runs before every start; nil for nothing.
	prepare func() error
	// restarted is told of every start after the first; nil for nobody.
	restarted func(why error)

	mu       sync.Mutex
	current  *process // nil between two lives
	restarts int

	quit  chan struct{}
	ended chan struct{} // closed when the keeper has given up or was stopped
	err   error         // why it gave up; read after ended
	once  sync.Once
}

// keep starts the child and keeps it running until stop.
func keep(c command, prepare func() error, restarted func(why error)) (*keeper, error) {
	k := &keeper{command: c, prepare: prepare, restarted: restarted, quit: make(chan struct{}), ended: make(chan struct{})}
	p, err := k.start()
	if err != nil {
		return nil, err
	}
	go k.run(p)
	return k, nil
}

func (k *keeper) start() (*process, error) {
	if k.prepare != nil {
		if err := k.prepare(); err != nil {
			return nil, err
		}
	}
	p, err := start(k.command)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.current = p
	k.mu.Unlock()
	return p, nil
}

func (k *keeper) run(p *process) {
	defer close(k.ended)
	pause, failures := restartFirst, 0
	for {
		select {
		case <-k.quit:
			p.stop(stopGrace)
			return
		case <-p.done:
		}
		k.mu.Lock()
		k.current = nil
		k.mu.Unlock()
		if time.Since(p.began) > soon {
			pause, failures = restartFirst, 0
		}
		// Whoever kills a child from outside wants to see it come back; only
		// one that ends by itself again and again is hopeless.
		if !p.wasKilled() {
			failures++
		}
		if failures >= hopeless {
			k.err = p.ended()
			return
		}
		select {
		case <-k.quit:
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, restartMost)
		why := p.ended()
		var err error
		if p, err = k.start(); err != nil {
			k.err = err
			return
		}
		k.mu.Lock()
		k.restarts++
		k.mu.Unlock()
		if k.restarted != nil {
			k.restarted(why)
		}
	}
}

// stop ends the child and waits until it is gone. It may be called many times.
func (k *keeper) stop() {
	k.once.Do(func() { close(k.quit) })
	<-k.ended
}

// pid returns the child's process id, 0 while it does not run.
func (k *keeper) pid() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current == nil {
		return 0
	}
	return k.current.cmd.Process.Pid
}

// wait returns nil when done says true, and an error when the child was given
// up or ctx is over.
func (k *keeper) wait(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-k.ended:
			if k.err != nil {
				return k.err
			}
			return context.Canceled
		case <-tick.C:
		}
	}
}
