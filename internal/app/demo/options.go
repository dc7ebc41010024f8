package demo

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fairwayhq/fairway"
)

// Options say how a demo runs. The zero value is a demo of four clusters in the
// default folder that prints nothing.
type Options struct {
	// DataDir is the folder of the demo; "" means fairway/demo below
	// XDG_STATE_HOME or ~/.local/state.
	DataDir string
	// Clusters is the number of clusters, 1 to 9; 0 means 4.
	Clusters int
	// Change is a file with a git diff to merge instead of the built-in change.
	Change string
	// Keep stays in the foreground after the summary until ctx is canceled.
	Keep bool
	// Output is the form of the summary on Stdout: "table" (or "") or "json".
	Output string
	// Localkube is the path of the localkube program; "" looks at
	// FAIRWAY_LOCALKUBE, beside the executable, and in the user's cache.
	Localkube string
	// Executable is the path of fairway itself; "" means os.Executable.
	Executable string
	// Stdout takes the summary, Stderr progress and messages; nil discards.
	Stdout, Stderr io.Writer
	// Log takes what is of interest for finding faults; nil discards.
	Log *slog.Logger

	// stall is how long a change may show no progress at all.
	stall time.Duration
}

// WatchOptions say what a watcher watches.
type WatchOptions struct {
	// DataDir is the folder of the demo.
	DataDir string
	// Clusters are the local ids of the clusters to watch; empty means all.
	Clusters []string
	// Rate is the number of requests per second over all clusters; 0 means 100.
	Rate int
	// Deregistration is how long a load balancer goes on sending to a target
	// after it began to take it out; 0 means 5 s.
	Deregistration time.Duration
	// Stdin takes the supervisor's commands, one per line: "baseline" when the
	// change is about to begin, "finish" (or the end of the input) to end. nil
	// means the process's own, which a terminal leaves unused.
	Stdin io.Reader
	// Stdout takes one JSON object per line for everything noteworthy; nil discards.
	Stdout io.Writer
	// Log takes what is of interest for finding faults; nil discards.
	Log *slog.Logger
}

// ExitError ends the process with a certain code: 1 when something was
// disturbed or did not converge, 3 when the change was halted by design, 130
// when a person interrupted.
type ExitError struct {
	Code int
	Err  error
}

// Error returns the text of the cause.
func (e *ExitError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ExitError) Unwrap() error { return e.Err }

// ExitCode returns the process's exit code.
func (e *ExitError) ExitCode() int { return e.Code }

const (
	defaultClusters = 4
	maxClusters     = 9
	// defaultRate is the prober's requests per second over all clusters.
	defaultRate = 100
	// defaultStall is how long a change may show no progress before the demo
	// gives up on it.
	defaultStall = 10 * time.Minute
)

// withDefaults checks the options and fills what was left open.
func (o Options) withDefaults() (Options, error) {
	if o.Clusters == 0 {
		o.Clusters = defaultClusters
	}
	if o.Clusters < 1 || o.Clusters > maxClusters {
		return o, fairway.Errorf(fairway.CodeInvalid, "a demo of %d clusters", o.Clusters).
			WithHint("--clusters takes 1 (dev only), 2 (dev and alpha) or up to %d (more of beta)", maxClusters)
	}
	switch o.Output {
	case "":
		o.Output = "table"
	case "table", "json":
	default:
		return o, fairway.Errorf(fairway.CodeInvalid, "output %q of the demo", o.Output).WithHint("-o takes table or json")
	}
	if o.DataDir == "" {
		dir, err := defaultDataDir()
		if err != nil {
			return o, err
		}
		o.DataDir = dir
	}
	dir, err := filepath.Abs(o.DataDir)
	if err != nil {
		return o, fmt.Errorf("find the data folder %s: %w", o.DataDir, err)
	}
	o.DataDir = dir
	if o.Change != "" {
		if _, err := os.Stat(o.Change); err != nil {
			return o, fairway.Errorf(fairway.CodeInvalid, "read the change: %w", err).
				WithHint("--change takes a file with the output of `git diff`")
		}
	}
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.stall == 0 {
		o.stall = defaultStall
	}
	return o, nil
}

func (o WatchOptions) withDefaults() (WatchOptions, error) {
	if o.DataDir == "" {
		return o, fairway.Errorf(fairway.CodeInvalid, "no data folder given to the demo's watcher").WithHint("pass --data DIR of a running demo")
	}
	if o.Rate == 0 {
		o.Rate = defaultRate
	}
	if o.Rate < 0 {
		return o, fairway.Errorf(fairway.CodeInvalid, "a rate of %d requests per second", o.Rate)
	}
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// defaultDataDir follows the XDG base directory specification.
func defaultDataDir() (string, error) {
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "fairway", "demo"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fairway.Errorf(fairway.CodeInvalid, "choose a data folder: %w", err).WithHint("pass --data DIR")
	}
	return filepath.Join(home, ".local", "state", "fairway", "demo"), nil
}
