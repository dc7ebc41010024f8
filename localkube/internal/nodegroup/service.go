package nodegroup

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// retrySave is how long the loop waits after it could not write its state.
const retrySave = time.Second

// Service holds the groups and their instances. Its methods may be called
// concurrently.
type Service struct {
	settings Settings
	file     string
	log      *slog.Logger
	// kick wakes the loop, changed wakes package machine.
	kick, changed chan struct{}

	mu sync.Mutex
	// The rest is guarded by mu.
	state     state
	retryAt   map[string]time.Time
	throttle  throttle
	errorDraw *rand.Rand
}

// Open reads the state in file, or starts with none.
func Open(file string, settings Settings, log *slog.Logger) (*Service, error) {
	st, err := readState(file)
	if err != nil {
		return nil, err
	}
	return &Service{
		settings:  settings,
		file:      file,
		log:       log,
		kick:      make(chan struct{}, 1),
		changed:   make(chan struct{}, 1),
		state:     st,
		retryAt:   map[string]time.Time{},
		errorDraw: rand.New(rand.NewPCG(uint64(st.Faults.ErrorSeed), 0)),
	}, nil
}

// Run lets time pass for the instances until ctx ends.
func (s *Service) Run(ctx context.Context) {
	for {
		wait := s.tick()
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.kick:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// tick does what is due and returns how long until there is more to do.
func (s *Service) tick() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.advance(now) {
		if err := s.save(); err != nil {
			s.log.Error("save node groups", "error", err)
			return retrySave
		}
		wake(s.changed)
	}
	return s.next(now)
}

// change runs f under the lock, saves what it did, and wakes who must know.
func change[T any](s *Service, f func(now time.Time) (T, error)) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := f(time.Now())
	if err != nil {
		return v, err
	}
	if err := s.save(); err != nil {
		return v, err
	}
	wake(s.kick)
	wake(s.changed)
	return v, nil
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}

// Changed yields after instances may have changed.
func (s *Service) Changed() <-chan struct{} { return s.changed }
