package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// screen shows the progress: a block that is redrawn in a terminal, plain lines
// elsewhere.
type screen struct {
	out   io.Writer
	began time.Time
	// size returns the terminal's size; nil where the output is no terminal.
	size   func() (width, height int)
	colour paint

	mu    sync.Mutex
	view  view
	drawn int // lines of the block that stand on the terminal
	// shown is the view that the plain lines have told; told see view.news.
	shown view
	told  map[string]time.Duration

	quit   chan struct{}
	closed sync.WaitGroup
	once   sync.Once
}

// redrawEvery is how often the block is drawn anew, for the clock in it.
const redrawEvery = 250 * time.Millisecond

// newScreen chooses the form: a block for a terminal that can be redrawn,
// unless CI is set; colours unless NO_COLOR is set.
func newScreen(out io.Writer, getenv func(string) string) *screen {
	s := &screen{out: out, began: time.Now(), colour: plainPaint, told: map[string]time.Duration{}, quit: make(chan struct{})}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && getenv("CI") == "" && getenv("TERM") != "dumb" {
		s.size = func() (int, int) {
			width, height, err := term.GetSize(int(f.Fd()))
			if err != nil || width <= 0 || height <= 0 {
				return 80, 24
			}
			return width, height
		}
		if getenv("NO_COLOR") == "" {
			s.colour = colourPaint
		}
	}
	s.closed.Go(s.run)
	return s
}

func (s *screen) run() {
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-tick.C:
			s.mu.Lock()
			s.draw()
			s.mu.Unlock()
		}
	}
}

// title says what the demo does now.
func (s *screen) title(format string, args ...any) {
	s.change(func(v *view) { v.Title = fmt.Sprintf(format, args...) })
}

// change changes what is shown.
func (s *screen) change(f func(v *view)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.view)
	s.draw()
}

// note prints a line that stays.
func (s *screen) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if s.size == nil {
		fmt.Fprintf(s.out, "%6s  %s\n", seconds(time.Since(s.began)), text)
		return
	}
	s.wipe()
	fmt.Fprintln(s.out, text)
	s.draw()
}

// close ends the redrawing; the last block stays.
func (s *screen) close() {
	s.once.Do(func() {
		close(s.quit)
		s.closed.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.draw()
	})
}

// draw brings the output up to date; the caller holds the lock.
func (s *screen) draw() {
	s.view.Elapsed = time.Since(s.began)
	if s.size == nil {
		now := s.view.clone()
		lines := now.news(s.shown, s.told)
		s.shown = now
		if len(lines) > 0 {
			fmt.Fprintln(s.out, strings.Join(lines, "\n"))
		}
		return
	}
	if s.view.Title == "" {
		return
	}
	width, height := s.size()
	lines := s.view.block(width-1, height-1, s.colour)
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drawn)
	}
	for _, line := range lines {
		b.WriteString("\r" + line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J") // what an earlier, longer block left
	io.WriteString(s.out, b.String())
	s.drawn = len(lines)
}

// wipe removes the block; the caller holds the lock.
func (s *screen) wipe() {
	if s.drawn > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\r\x1b[J", s.drawn)
		s.drawn = 0
	}
}

// clone copies what change may alter.
func (v view) clone() view {
	channels := make([]channelView, len(v.Channels))
	for i, ch := range v.Channels {
		ch.Clusters = append([]clusterView(nil), ch.Clusters...)
		channels[i] = ch
	}
	v.Channels = channels
	return v
}
