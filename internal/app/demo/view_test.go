package demo

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		check(t, os.MkdirAll("testdata", 0o755))
		check(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	check(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func testView() view {
	return view{
		Title: "Carrying 3f2a91c004 from dev", Elapsed: 83 * time.Second, Requests: &RequestSummary{OK: 6100},
		Channels: []channelView{
			{Name: "dev", State: "done", Clusters: []clusterView{{Name: "dev-1", State: moodDone, Doing: "up to date", Done: 9, Total: 9, Elapsed: 48 * time.Second}}},
			{Name: "alpha", State: "running", Clusters: []clusterView{{Name: "alpha-1", State: moodBusy, Doing: "draining i-0123456789: evicts shop/web-ccb957c94-7c8s8",
				Waiting: "shop/web-ccb957c94-p9jpw waits for PodDisruptionBudget shop/web (2 of 12 may be down now)", Done: 3, Total: 9, Elapsed: 12 * time.Second}}},
			{Name: "beta", State: "waits for alpha", Clusters: []clusterView{{Name: "beta-1", Doing: "up to date"}, {Name: "beta-2", State: moodBad, Doing: "apply Deployment/x: rejected"}}},
		},
	}
}

func TestBlock(t *testing.T) {
	t.Parallel()
	tests := []struct{ width, height int }{{120, 40}, {79, 24}, {40, 6}}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%dx%d", tt.width, tt.height), func(t *testing.T) {
			t.Parallel()
			lines := testView().block(tt.width, tt.height, plainPaint)
			golden(t, fmt.Sprintf("block-%d.txt", tt.width), strings.Join(lines, "\n")+"\n")
			for i, c := range testView().block(tt.width, tt.height, colourPaint) {
				if w := lipgloss.Width(c); w > tt.width {
					t.Errorf("coloured line %d is %d wide, want at most %d: %q", i, w, tt.width, c)
				}
			}
			if len(lines) > tt.height {
				t.Errorf("%d lines, want at most %d", len(lines), tt.height)
			}
		})
	}
}

func TestNews(t *testing.T) {
	t.Parallel()
	told := map[string]time.Duration{}
	v := testView()
	var got []string
	got = append(got, v.news(view{}, told)...)
	next := func(after time.Duration, change func(v *view)) {
		now := v.clone()
		now.Elapsed += after
		change(&now)
		got = append(got, now.news(v, told)...)
		v = now
	}
	next(time.Second, func(*view) {}) // nothing happens, nothing is said
	next(time.Second, func(v *view) { v.Channels[1].Clusters[0].Waiting = "a word too soon" })
	next(2*time.Second, func(v *view) { v.Channels[1].Clusters[0].Waiting = "another word" })
	next(time.Second, func(v *view) { v.Channels[1].Clusters[0].Done = 4 })
	next(time.Second, func(v *view) { v.Channels[1].State = "soaking" })
	next(time.Second, func(v *view) { v.Requests = &RequestSummary{OK: 7000} })
	golden(t, "news.txt", strings.Join(got, "\n")+"\n")
}

func TestSummaryTable(t *testing.T) {
	t.Parallel()
	e := goodEvidence()
	e.watched.Clusters[1].Workloads[0].MinReady = 9
	e.watched.Clusters[0].LeaderMoves = 2
	s, _ := e.judge()
	var out bytes.Buffer
	check(t, s.WriteTable(&out))
	golden(t, "summary.txt", out.String())
}

func TestSummaryJSON_IsTheContract(t *testing.T) {
	t.Parallel()
	s, _ := goodEvidence().judge()
	var out bytes.Buffer
	check(t, s.WriteJSON(&out))
	golden(t, "summary.json", out.String())
}

func TestScreen_PlainWithoutTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := newScreen(&out, func(string) string { return "" })
	s.title("Starting")
	s.note("a line that stays")
	s.title("Starting") // the same again
	s.close()
	s.close()
	if got, want := out.String(), "    0s  Starting\n    0s  a line that stays\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestScreen_RedrawsInPlace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &screen{out: &out, began: time.Now(), colour: plainPaint, told: map[string]time.Duration{}, size: func() (int, int) { return 60, 20 }}
	s.title("One")
	s.note("stays")
	s.title("Two")
	got := out.String()
	for _, want := range []string{"One\x1b[K\n\x1b[J", "\x1b[1A\r\x1b[Jstays\n", "Two\x1b[K\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not contain %q", got, want)
		}
	}
	if s.drawn != 1 {
		t.Errorf("%d lines drawn, want 1", s.drawn)
	}
}
