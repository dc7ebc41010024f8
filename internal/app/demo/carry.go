package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fairwayhq/fairway"
)

const (
	// healthTime is how long the workloads may take to be in full health.
	healthTime = 3 * time.Minute
	// settleTime is how long the watcher's evidence may lag behind the
	// manager's word.
	settleTime = 20 * time.Second
	// watcherTime is how long the watcher may take to answer a command.
	watcherTime = 10 * time.Second
)

// startWorkloads creates the workloads, the operators of the databases and the
// watcher, and waits for full health.
func (d *demo) startWorkloads(ctx context.Context) error {
	d.screen.title("Starting the workloads")
	began := time.Now()
	octx, cancel := context.WithCancel(context.Background())
	var operators sync.WaitGroup
	d.stopOperators = func() { cancel(); operators.Wait() }
	plan := watchPlan{}
	group, gctx := errgroup.WithContext(ctx)
	for _, k := range d.kubes {
		group.Go(func() error {
			if err := createWorkloads(gctx, k.client); err != nil {
				return fmt.Errorf("start the workloads of %s: %w", k.LocalID, err)
			}
			return nil
		})
		operators.Go(func() { newOperator(k.client, d.opts.Log.With("cluster", k.LocalID)).run(octx) })
		plan.Clusters = append(plan.Clusters, watchedCluster{
			ID: k.ID, LocalID: k.LocalID, Kubeconfig: k.kubeconfig, Namespace: shopNamespace, Service: webName, Workloads: watchedWorkloads(),
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := writeJSON(d.data.join(planFile), plan); err != nil {
		return err
	}
	var err error
	d.watcher, err = start(command{
		name: "the watcher", path: d.opts.Executable, log: d.data.join(logsDir, "watch.log"), pidFile: d.data.join("watch.pid"),
		args: []string{"demo", "watch", "--data", d.data.path},
	})
	if err != nil {
		return err
	}
	waiting := "the watcher's first report"
	err = d.until(ctx, healthTime, func(r *watchReport) bool {
		waiting = orElse(r.Waiting, waiting)
		d.screen.change(func(v *view) { v.Title = "Waiting for the workloads: " + waiting })
		return r.Healthy
	})
	if errors.Is(err, errStalled) {
		return fairway.Errorf(fairway.CodeUnavailable, "wait for the workloads: after %s %s", healthTime, waiting).
			WithHint("look at the pods: kubectl --kubeconfig %s -n %s get pods", d.kubes[0].kubeconfig, shopNamespace)
	}
	if err == nil {
		d.screen.note("workloads in full health after %s", seconds(time.Since(began)))
	}
	return err
}

// until looks at the watcher's reports until done says so, or returns
// errStalled when that takes too long.
func (d *demo) until(ctx context.Context, most time.Duration, done func(*watchReport) bool) error {
	for began := time.Now(); ; {
		r, err := d.report()
		if err != nil {
			return fmt.Errorf("read the watcher's report: %w", err)
		}
		if r != nil && done(r) {
			return nil
		}
		if time.Since(began) > most {
			return errStalled
		}
		if err := d.pause(ctx, reportEvery/2); err != nil {
			return err
		}
	}
}

// tell sends a command to the watcher.
func (d *demo) tell(command string) error {
	if _, err := io.WriteString(d.watcher.stdin, command+"\n"); err != nil {
		return fmt.Errorf("tell the watcher %q: %w", command, err)
	}
	return nil
}

// carry merges the change into the first channel, follows it to the last, and
// sums up.
func (d *demo) carry(ctx context.Context, name string, diff []byte) (*Summary, error) {
	if err := d.tell("baseline"); err != nil {
		return nil, err
	}
	if err := d.until(ctx, watcherTime, func(r *watchReport) bool { return !r.BaselineAt.IsZero() }); err != nil {
		return nil, fmt.Errorf("take the state before the change: %w", err)
	}
	e := evidence{fleet: d.fleet, began: d.began, merged: time.Now(), replacesAll: d.opts.Change == ""}
	var err error
	if e.revision, err = d.repo.merge(ctx, channels[0], name, "Merge "+name, diff); err != nil {
		return nil, err
	}
	d.screen.note("merged %s into %s as %s", name, channels[0], short(e.revision))
	d.screen.title("Carrying %s from %s", short(e.revision), channels[0])
	var hint string
	err = d.poll(ctx, e.revision, func(m *managed, s standing) (bool, error) {
		if r, err := d.report(); err == nil && r != nil {
			d.screen.change(func(v *view) { v.Requests = &r.Requests })
		}
		e.managed, e.halted, hint = m, s.halted, s.hint
		return s.done || s.halted != "", nil
	})
	if errors.Is(err, errStalled) {
		e.stalled, err = fmt.Sprintf("the change made no progress for %s", d.opts.stall), nil
	}
	if err != nil {
		return nil, err
	}
	if e.managed == nil {
		return nil, fairway.Errorf(fairway.CodeUnavailable, "follow the change: the manager did not answer").WithHint("the log %s says more", d.data.join(logsDir, "server.log"))
	}
	if e.halted == "" && e.stalled == "" {
		d.screen.title("Looking whether everything is well")
		err = d.until(ctx, settleTime, func(r *watchReport) bool {
			e.watched = r
			if m, err := ask(ctx, d.data); err == nil {
				e.managed = m
			}
			return e.settled() == ""
		})
		// What is still missing then is said by the summary.
		if err != nil && !errors.Is(err, errStalled) {
			return nil, err
		}
	}
	e.decided = time.Now()
	if e.watched, err = d.finish(); err != nil {
		return nil, err
	}
	return d.sum(ctx, e, hint)
}

// finish ends the watcher and returns its last report.
func (d *demo) finish() (*watchReport, error) {
	d.watcher.stop(stopGrace)
	r, err := d.report()
	if err != nil {
		return nil, fmt.Errorf("read the watcher's report: %w", err)
	}
	if r == nil || !r.Final {
		return nil, fairway.Errorf(fairway.CodeInternal, "sum up: the watcher left no last report: %w", d.watcher.ended())
	}
	d.watcher = nil
	return r, nil
}

// sum judges, writes the summary, and stays when asked to.
func (d *demo) sum(ctx context.Context, e evidence, hint string) (*Summary, error) {
	summary, code := e.judge()
	if err := writeJSON(d.data.join(summaryFile), summary); err != nil {
		return summary, err
	}
	d.screen.title("Done")
	if !d.opts.Keep {
		d.screen.close()
	}
	write := summary.WriteTable
	if d.opts.Output == "json" {
		write = summary.WriteJSON
	}
	if err := write(d.opts.Stdout); err != nil {
		return summary, fmt.Errorf("write the summary: %w", err)
	}
	if d.opts.Keep {
		d.keep(ctx)
	}
	if code == 0 {
		return summary, nil
	}
	said := fairway.Errorf(fairway.CodePrecondition, "the demo did not end well: %s", summary.Reasons[0])
	if hint == "" {
		hint = "the logs are in " + d.data.join(logsDir) + "; --keep leaves everything running to look at"
	}
	return summary, &ExitError{Code: code, Err: said.WithHint("%s", hint)}
}

// keep leaves everything running until ctx is over.
func (d *demo) keep(ctx context.Context) {
	d.screen.close()
	out := d.opts.Stderr
	fmt.Fprintf(out, "\nThe fleet keeps running; Ctrl-C ends it. In another terminal:\n")
	fmt.Fprintf(out, "  %s cluster list --data %s\n", d.opts.Executable, d.data.path)
	fmt.Fprintf(out, "  %s rollout list --data %s\n", d.opts.Executable, d.data.path)
	fmt.Fprintf(out, "  kubectl --kubeconfig %s get nodes\n", d.kubes[0].kubeconfig)
	fmt.Fprintf(out, "  git clone %s    (a push to %s is carried through the fleet)\n", d.repo.dir, channels[0])
	for ctx.Err() == nil {
		if err := d.pause(ctx, time.Second); err != nil && ctx.Err() == nil {
			fmt.Fprintf(out, "%v\n", err)
			return
		}
	}
}

// stop ends everything that was started, in the order in which it does not
// disturb the others.
func (d *demo) stop() {
	if d.watcher != nil {
		d.watcher.stop(stopGrace)
	}
	if d.manager != nil {
		d.manager.stop()
	}
	if d.stopOperators != nil {
		d.stopOperators()
	}
	var group sync.WaitGroup
	for _, k := range d.kubes {
		if k != nil && k.keeper != nil {
			group.Go(k.keeper.stop)
		}
	}
	group.Wait()
}
