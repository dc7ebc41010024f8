package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fairwayhq/fairway"
)

// Run runs a demo to its end and returns its summary. The error is nil only if
// everything converged, no budget was broken and no request failed; it is an
// ExitError with code 3 when the change was halted by design (then with a
// summary), 130 when ctx was canceled, and with 1 when the summary is not ok.
// Whatever was started is gone when Run returns.
func Run(ctx context.Context, opts Options) (*Summary, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if opts.Executable == "" {
		if opts.Executable, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find the fairway program: %w", err)
		}
	}
	if opts.Localkube, err = findLocalkube(opts.Localkube, opts.Executable, os.Getenv); err != nil {
		return nil, err
	}
	data, err := openDataDir(opts.DataDir, opts.Clusters)
	if err != nil {
		return nil, err
	}
	defer data.close()
	d := &demo{opts: opts, data: data, fleet: fleet(opts.Clusters), screen: newScreen(opts.Stderr, os.Getenv), began: time.Now()}
	defer d.screen.close()
	summary, err := d.run(ctx)
	if ctx.Err() != nil {
		d.screen.title("Interrupted: stopping everything")
		err = &ExitError{Code: exitInterrupted, Err: fmt.Errorf("the demo was interrupted: %w", context.Canceled)}
	}
	// Looked at before anything is stopped: a full disk ends children in many
	// ways, and none of them says so.
	err = explainFull(err, data.path)
	d.stop()
	d.screen.close()
	return summary, err
}

// demo is one run of the supervisor.
type demo struct {
	opts   Options
	data   *dataDir
	fleet  []fleetCluster
	screen *screen
	began  time.Time

	repo    *repo
	base    string // the first revision
	kubes   []*kubeProcess
	manager *keeper
	watcher *process

	// stopOperators ends the operators; nil before they run.
	stopOperators func()
}

// run is the story of the demo.
func (d *demo) run(ctx context.Context) (*Summary, error) {
	diff, name, err := d.change()
	if err != nil {
		return nil, err
	}
	if d.repo, d.base, err = createRepo(ctx, d.data.join(configRepo), configuration(), channels); err != nil {
		return nil, err
	}
	// A change that does not fit is found out before minutes are spent on it.
	if err := d.repo.check(ctx, channels[0], name, diff); err != nil {
		return nil, err
	}
	d.screen.note("data folder %s, logs in %s", d.data.path, d.data.join(logsDir))
	if err := d.startFleet(ctx); err != nil {
		return nil, err
	}
	if err := d.provision(ctx); err != nil {
		return nil, err
	}
	if err := d.startWorkloads(ctx); err != nil {
		return nil, err
	}
	return d.carry(ctx, name, diff)
}

// change returns the diff to merge and what messages call it.
func (d *demo) change() ([]byte, string, error) {
	if d.opts.Change == "" {
		diff, err := builtinChange()
		return diff, "the built-in change", err
	}
	diff, err := os.ReadFile(d.opts.Change)
	if err != nil {
		return nil, "", fairway.Errorf(fairway.CodeInvalid, "read the change: %w", err).WithHint("--change takes a file with the output of `git diff`")
	}
	return diff, d.opts.Change, nil
}

// startFleet starts the control planes and then the manager.
func (d *demo) startFleet(ctx context.Context) error {
	d.screen.title("Starting %s", plural(len(d.fleet), "control plane"))
	d.kubes = make([]*kubeProcess, len(d.fleet))
	group, gctx := errgroup.WithContext(ctx)
	for i, c := range d.fleet {
		group.Go(func() error {
			var err error
			d.kubes[i], err = startKube(gctx, d.data, d.opts.Localkube, c, d.restarted("the control plane of "+c.LocalID))
			if err == nil {
				d.opts.Log.Debug("control plane answers", "cluster", c.LocalID, "seconds", time.Since(d.began).Seconds())
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	d.screen.note("%s in %s", plural(len(d.fleet), "control plane"), seconds(time.Since(d.began)))
	urls := map[string]string{}
	for _, k := range d.kubes {
		urls[k.LocalID] = k.url
	}
	registry, err := registryYAML(d.fleet, urls)
	if err != nil {
		return err
	}
	if err := writeFile(d.data.join(registryFile), registry); err != nil {
		return err
	}
	d.screen.title("Starting the manager")
	d.manager, err = startManager(ctx, d.data, d.opts.Executable, d.restarted("the manager"))
	return err
}

func (d *demo) restarted(name string) func(error) {
	return func(why error) {
		d.screen.note("%s was started again", name)
		d.opts.Log.Debug("child started again", "child", name, "reason", why)
	}
}

// provision waits until every cluster runs the first revision.
func (d *demo) provision(ctx context.Context) error {
	d.screen.title("Provisioning %s at %s", plural(len(d.fleet), "cluster"), short(d.base))
	began := time.Now()
	waiting := "the manager's first answer"
	err := d.poll(ctx, d.base, func(m *managed, s standing) (bool, error) {
		if s.halted != "" {
			return false, withHint(fairway.Errorf(fairway.CodePrecondition, "provision the clusters: %s", s.halted), s.hint)
		}
		var ok bool
		ok, waiting = provisioned(d.fleet, m, d.base)
		return ok, nil
	})
	if errors.Is(err, errStalled) {
		return fairway.Errorf(fairway.CodeUnavailable, "provision the clusters: no progress for %s; %s", d.opts.stall, waiting).
			WithHint("the log %s says more", d.data.join(logsDir, "server.log"))
	}
	if err == nil {
		d.screen.note("%s provisioned in %s", plural(len(d.fleet), "cluster"), seconds(time.Since(began)))
	}
	return err
}

func withHint(e *fairway.Error, hint string) error {
	if hint != "" {
		return e.WithHint("%s", hint)
	}
	return e
}

var errStalled = errors.New("no progress")

// poll asks the manager again and again until done says so. It returns
// errStalled when nothing moves for the stall time. A manager that does not
// answer is waited for: it is being started again.
func (d *demo) poll(ctx context.Context, revision string, done func(*managed, standing) (bool, error)) error {
	pace, moved := "", time.Now()
	for {
		m, err := ask(ctx, d.data)
		if err == nil {
			now := time.Now()
			s := stand(d.fleet, m, revision, now)
			if s.pace != pace {
				pace, moved = s.pace, now
			}
			d.screen.change(func(v *view) { v.Channels = s.channels })
			if ok, err := done(m, s); ok || err != nil {
				return err
			}
		}
		if time.Since(moved) > d.opts.stall {
			return errStalled
		}
		if err := d.pause(ctx, pollEvery); err != nil {
			return err
		}
	}
}

// pause waits, and returns an error when something that the demo cannot do
// without is gone for good.
func (d *demo) pause(ctx context.Context, t time.Duration) error {
	var watcher <-chan struct{}
	if d.watcher != nil {
		watcher = d.watcher.done
	}
	for _, k := range d.keepers() {
		select {
		case <-k.ended:
			return fairway.Errorf(fairway.CodeUnavailable, "keep %s running: %w", k.command.name, k.err).WithHint("the log %s says more", k.command.log)
		default:
		}
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-watcher:
		return fairway.Errorf(fairway.CodeUnavailable, "watch the clusters: %w", d.watcher.ended()).
			WithHint("without its watcher the demo can claim nothing; run it again")
	case <-time.After(t):
		return nil
	}
}

func (d *demo) keepers() []*keeper {
	var all []*keeper
	if d.manager != nil {
		all = append(all, d.manager)
	}
	for _, k := range d.kubes {
		if k != nil && k.keeper != nil {
			all = append(all, k.keeper)
		}
	}
	return all
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// report reads what the watcher saw so far; nil before it wrote anything.
func (d *demo) report() (*watchReport, error) {
	r := &watchReport{}
	err := readJSON(d.data.join(watchFile), r)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return r, err
}
