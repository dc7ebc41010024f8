package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
	"github.com/fairwayhq/fairway/internal/pure/sim"
)

// mostBroken is after how many broken worlds `fairway sim seeds` stops.
const mostBroken = 10

// seedsReport is what `fairway sim seeds` prints.
type seedsReport struct {
	From             uint64         `json:"from"`
	Seeds            int            `json:"seeds"`
	Seconds          float64        `json:"seconds"`
	SeedsPerSecond   float64        `json:"seeds_per_second"`
	PerCore          float64        `json:"seeds_per_cpu_second"`
	DecisionsPerCore float64        `json:"decisions_per_cpu_second"`
	Nodes            int            `json:"median_nodes"`
	Pods             int            `json:"median_pods"`
	VirtualSeconds   int            `json:"median_virtual_seconds"`
	Decisions        int            `json:"decisions"`
	Events           int            `json:"events"`
	Evictions        int            `json:"evictions"`
	Refused          int            `json:"evictions_refused"`
	Forced           int            `json:"forced_deletions"`
	LeaderMoves      int            `json:"most_moves_of_a_leader"`
	Requests         float64        `json:"requests"`
	Failed           float64        `json:"failed_requests"`
	Outcomes         map[string]int `json:"outcomes"`
	Broken           []brokenWorld  `json:"broken"`
}

// brokenWorld is a world that broke an invariant; the first one also as small as
// it still does.
type brokenWorld struct {
	Seed  uint64        `json:"seed"`
	Rule  string        `json:"rule"`
	How   string        `json:"how"`
	World *sim.Scenario `json:"world,omitempty"`
}

// simSeeds is `fairway sim seeds`.
func (e *env) simSeeds() *cobra.Command {
	var o struct {
		seeds  int
		from   uint64
		seed   uint64
		output string
	}
	c := &cobra.Command{
		Use:   "seeds",
		Short: "Play random worlds in which everything goes wrong, and check that no roll hurts anything",
		Long: `Plays worlds on all processors: cloud groups, nodes, pods, budgets, volumes, databases, load balancers and an autoscaler, with faults of all kinds and a
manager that is killed, cut off and doubled. Everything in a world follows from its seed. After every event it is checked that nothing is broken that rolling nodes
promises. A world in which something is broken is made smaller for as long as it still is, and printed as JSON; the exit code is 1 then.`,
		Example: `  fairway sim seeds --seeds 100000            play the worlds 1 to 100,000
  fairway sim seeds --seed 4711               play one`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case o.output != "table" && o.output != "json":
				return usagef("table or json", "unknown output %q of a simulation", o.output)
			case o.seeds < 1:
				return usagef("for example --seeds 1000", "--seeds is %d, not 1 or more", o.seeds)
			}
			if c.Flags().Changed("seed") {
				o.from, o.seeds = o.seed, 1
			}
			r := e.playSeeds(c.Context(), o.from, o.seeds)
			if err := r.print(e, o.output); err != nil {
				return err
			}
			switch {
			case len(r.Broken) > 0:
				return fairway.Errorf(fairway.CodeInternal, "%d of %d worlds broke what rolling nodes promises", len(r.Broken), r.Seeds).
					WithHint("keep the world that is printed in internal/pure/sim/testdata, and correct internal/pure/roll")
			case r.Seeds < o.seeds:
				return c.Context().Err()
			}
			return nil
		},
	}
	f := c.Flags()
	f.IntVar(&o.seeds, "seeds", 1000, "how many worlds, `N`")
	f.Uint64Var(&o.from, "from", 1, "the first seed `S`")
	f.Uint64Var(&o.seed, "seed", 0, "only the world of this seed `X`")
	f.StringVarP(&o.output, "output", "o", "table", "table or json")
	return c
}

// playSeeds plays worlds, says how far it is to people, and makes the first
// broken world smaller.
func (e *env) playSeeds(ctx context.Context, from uint64, seeds int) seedsReport {
	defer debug.SetGCPercent(debug.SetGCPercent(2400)) // many short lives
	begin, used := time.Now(), cpuTime()
	var played atomic.Int64
	stop := e.tellSeeds(&played, seeds)
	p := sim.Play(ctx, from, seeds, mostBroken, roll.Decide, func(n int) { played.Store(int64(n)) })
	stop()
	wall, cpu := time.Since(begin).Seconds(), (cpuTime() - used).Seconds()
	r := seedsReport{From: from, Seeds: p.Seeds, Seconds: wall, SeedsPerSecond: float64(p.Seeds) / wall, PerCore: float64(p.Seeds) / cpu,
		DecisionsPerCore: float64(p.Decisions) / cpu, Nodes: p.Nodes, Pods: p.Pods, VirtualSeconds: p.Seconds, Decisions: p.Decisions, Events: p.Events,
		Evictions: p.Evictions, Refused: p.Refused, Forced: p.Forced, LeaderMoves: p.LeaderMoves, Requests: p.Requests, Failed: p.Failed,
		Outcomes: p.Outcomes, Broken: []brokenWorld{}}
	for i, b := range p.Broken {
		world := brokenWorld{Seed: b.Seed, Rule: b.Rule, How: b.Broken}
		if i == 0 {
			small := sim.Shrink(ctx, sim.Random(b.Seed), roll.Decide)
			world.World = &small
		}
		r.Broken = append(r.Broken, world)
	}
	return r
}

// tellSeeds tells people how many worlds have been played, until it is stopped.
func (e *env) tellSeeds(played *atomic.Int64, seeds int) (stop func()) {
	f, ok := e.Stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(progressAfter)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				fmt.Fprintf(e.Stderr, "played %d of %d worlds\n", played.Load(), seeds)
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// cpuTime is how long processors have worked for this process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (r seedsReport) print(e *env, output string) error {
	if output == "json" {
		return format{name: "json"}.print(e.Stdout, r, nil)
	}
	t := &table{width: e.Width}
	t.add("worlds", fmt.Sprintf("%d, from seed %d", r.Seeds, r.From))
	t.add("median world", fmt.Sprintf("%d nodes, %d pods, %d s", r.Nodes, r.Pods, r.VirtualSeconds))
	t.add("speed", fmt.Sprintf("%.0f worlds per second and core (processor time), %.0f in all on %d cores; %.0f decisions per second and core",
		r.PerCore, r.SeedsPerSecond, runtime.GOMAXPROCS(0), r.DecisionsPerCore))
	var outcomes []string
	for _, name := range slices.Sorted(maps.Keys(r.Outcomes)) {
		outcomes = append(outcomes, fmt.Sprintf("%s %d", name, r.Outcomes[name]))
	}
	t.add("outcomes", strings.Join(outcomes, ", "))
	t.add("decisions", fmt.Sprintf("%d, checked after each of %d events", r.Decisions, r.Events))
	t.add("evictions", fmt.Sprintf("%d, %d refused, %d pods deleted by force", r.Evictions, r.Refused, r.Forced))
	t.add("leaders", fmt.Sprintf("moved %d times at most", r.LeaderMoves))
	t.add("requests", fmt.Sprintf("%.0f, %.0f failed", r.Requests, r.Failed))
	t.add("broken", fmt.Sprint(len(r.Broken)))
	if err := t.write(e.Stdout); err != nil {
		return err
	}
	for _, b := range r.Broken {
		fmt.Fprintf(e.Stdout, "\nseed %d %s\n", b.Seed, b.How)
		if b.World == nil {
			continue
		}
		text, err := json.MarshalIndent(b.World, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(e.Stdout, "made smaller:\n%s\n", text)
	}
	return nil
}
