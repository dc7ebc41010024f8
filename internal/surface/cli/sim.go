package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/fairwayhq/fairway/internal/pure/sim/rollbench"
)

// sim is `fairway sim`: what the product's decisions do in simulated worlds.
func (e *env) sim() *cobra.Command {
	return group(&cobra.Command{
		Use:   "sim",
		Short: "Play rolls of nodes in simulated worlds, in virtual time",
		Long: `Plays rolls of nodes in simulated worlds, in virtual time. The worlds are simulated; what decides is the code that rolls real clusters.
Nothing outside this process is touched.`,
		Example: `  fairway sim roll                       how long rolls take beside the least time possible
  fairway sim seeds --seeds 10000        that they hurt nothing, whatever goes wrong`,
	},
		e.simRoll(), e.simSeeds())
}

// simRoll is `fairway sim roll`.
func (e *env) simRoll() *cobra.Command {
	var o struct {
		file, id, output string
		seed             uint64
		compare          bool
	}
	c := &cobra.Command{
		Use:   "roll",
		Short: "Measure rolls in an exactly defined world, beside the least time possible",
		Long: `Rolls a pool of nodes in a world whose every number is defined by a scenario and a seed, and measures how long it takes, how much capacity is
left at the worst moment, and whether a disruption budget was broken or a volume detached too early. "ratio" is the time by the least time that any system needs.

A scenario file is JSON: {"base": {...}, "scenarios": [{"id": "mine", "n": 30, "pdb": "maxUnavailable:1", "surge": "10%"}]}. What a scenario leaves out it has
from base, and what base leaves out has the usual value. With -o json there is one line for each scenario and seed.

The exit code is 0 also when a roll gets stuck: that is a result.`,
		Example: `  fairway sim roll                                          the scenarios that come with the program
  fairway sim roll --id s06-n100-pdb1-s10 --seed 7          one of them, with another seed
  fairway sim roll --scenario mine.json -o json | jq .ratio your own
  fairway sim roll --compare                                beside other systems, and with the usual settings`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return usagef("a scenario file is given with --scenario FILE", "unexpected argument %q", args[0])
			case o.output != "table" && o.output != "json":
				return usagef("table or json", "unknown output %q of a simulation", o.output)
			case o.compare && (o.file != "" || o.output == "json"):
				return usagef("other systems are known for the scenarios that come with the program, and printed as tables", "--compare goes with neither --scenario nor -o json")
			}
			all, err := e.scenarios(o.file)
			if err != nil {
				return err
			}
			if o.id != "" {
				one, err := rollbench.Find(all, o.id)
				if err != nil {
					return usageError{err}
				}
				all = []rollbench.Scenario{one}
			}
			if c.Flags().Changed("seed") {
				for i := range all {
					all[i].Seeds = []uint64{o.seed}
				}
			}
			if o.compare {
				return e.compare(c.Context(), all)
			}
			if o.output == "json" {
				return e.play(c.Context(), all, func(r rollbench.Result) error {
					line, err := r.JSON()
					if err == nil {
						_, err = fmt.Fprintf(e.Stdout, "%s\n", line)
					}
					return err
				})
			}
			t := resultTable(e.Width)
			if err := e.play(c.Context(), all, func(r rollbench.Result) error { addResult(t, r); return nil }); err != nil {
				return err
			}
			return t.write(e.Stdout)
		},
	}
	f := c.Flags()
	f.StringVar(&o.file, "scenario", "", "a scenario `FILE`, - for standard input (default: the scenarios that come with the program)")
	f.StringVar(&o.id, "id", "", "only the scenario with this `ID`")
	f.Uint64Var(&o.seed, "seed", 0, "this seed `N` in place of those of the file")
	f.StringVarP(&o.output, "output", "o", "table", "table or json")
	f.BoolVar(&o.compare, "compare", false, "set the medians beside those of other systems, and print them again with the usual settings")
	return c
}

// scenarios reads a scenario file, or those that come with the program.
func (e *env) scenarios(file string) ([]rollbench.Scenario, error) {
	text, err := rollbench.Standard, error(nil)
	switch file {
	case "":
	case "-":
		text, err = io.ReadAll(e.Stdin)
	default:
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, usagef("`fairway sim roll --help` shows what a scenario file looks like", "read the scenarios: %w", err)
	}
	all, err := rollbench.Parse(text)
	if err != nil {
		return nil, usageError{err}
	}
	return all, nil
}

// progressAfter is how long a simulation lasts before a person is told how far it is.
const progressAfter = 2 * time.Second

// play runs all seeds of all scenarios on all processors and hands the results
// on in their order.
func (e *env) play(ctx context.Context, all []rollbench.Scenario, each func(rollbench.Result) error) error {
	type job struct {
		scenario rollbench.Scenario
		seed     uint64
		result   chan rollbench.Result
	}
	var jobs []job
	for _, s := range all {
		for _, seed := range s.Seeds {
			jobs = append(jobs, job{s, seed, make(chan rollbench.Result, 1)})
		}
	}
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		go func() {
			for i := int(next.Add(1)) - 1; i < len(jobs) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				jobs[i].result <- rollbench.Run(jobs[i].scenario, jobs[i].seed)
			}
		}()
	}
	var tick <-chan time.Time
	if f, ok := e.Stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		ticker := time.NewTicker(progressAfter)
		defer ticker.Stop()
		tick = ticker.C
	}
	for done, j := range jobs {
		for waiting := true; waiting; {
			select {
			case r := <-j.result:
				if err := each(r); err != nil {
					return err
				}
				waiting = false
			case <-tick:
				fmt.Fprintf(e.Stderr, "played %d of %d rolls\n", done, len(jobs))
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

func resultTable(width int) *table {
	return &table{width: width, header: []string{"SCENARIO", "SEED", "OUTCOME", "SECONDS", "BOUND", "RATIO", "CAPACITY", "APPS", "BUDGETS BROKEN", "VOLUMES LOST", "OLD LEFT", "EVICTIONS", "REFUSED"}}
}

func addResult(t *table, r rollbench.Result) {
	t.add(r.Scenario, fmt.Sprint(r.Seed), r.Outcome, fmt.Sprintf("%.0f", r.Seconds), fmt.Sprintf("%.0f", r.LowerBoundSeconds), fmt.Sprintf("%.3f", r.Ratio),
		percent(r.MinSchedulableFraction), percent(r.MinAppAvailable), fmt.Sprint(r.PDBViolations), fmt.Sprint(r.UnsafeVolumes), fmt.Sprint(r.OldLeft), fmt.Sprint(r.Evictions), fmt.Sprint(r.EvictionsRefused))
}

func percent(f float64) string { return fmt.Sprintf("%.0f %%", 100*f) }

// compare prints the medians of the scenarios beside those of other systems,
// and once more with the settings that the product has unless they are changed.
func (e *env) compare(ctx context.Context, all []rollbench.Scenario) error {
	fmt.Fprintln(e.Stdout, "Time by the least time possible; bound and ratio are medians over the seeds, each of its own. Capacity is the least at any moment.")
	t := &table{width: e.Width, header: append([]string{"SCENARIO", "BOUND", "FAIRWAY", "CAPACITY", "BUDGETS BROKEN"}, rollbench.Systems...)}
	err := e.medians(ctx, all, func(m rollbench.Result) {
		row := []string{m.Scenario, fmt.Sprintf("%.0f s", m.LowerBoundSeconds), m.Outcome + fmt.Sprintf(", %.3f", m.Ratio), percent(m.MinSchedulableFraction), fmt.Sprint(m.PDBViolations)}
		others := rollbench.Others(m.Scenario)
		for i := range rollbench.Systems {
			if others == nil {
				row = append(row, "-")
				continue
			}
			row = append(row, others[i])
		}
		t.add(row...)
	})
	if err == nil {
		err = t.write(e.Stdout)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(e.Stdout, "\nFairway with its usual settings: a new node stays ready for 30 s before it counts, the first one stands alone, forcing is on.")
	usual := make([]rollbench.Scenario, len(all))
	for i, s := range all {
		usual[i] = s.WithDefaults()
	}
	t = resultTable(e.Width)
	if err := e.medians(ctx, usual, func(m rollbench.Result) { addResult(t, m) }); err != nil {
		return err
	}
	return t.write(e.Stdout)
}

// medians plays scenarios and hands on the median of each.
func (e *env) medians(ctx context.Context, all []rollbench.Scenario, each func(rollbench.Result)) error {
	var of []rollbench.Result
	i := 0
	return e.play(ctx, all, func(r rollbench.Result) error {
		if of = append(of, r); len(of) == len(all[i].Seeds) {
			each(rollbench.Median(of))
			of, i = nil, i+1
		}
		return nil
	})
}
