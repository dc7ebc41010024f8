package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairwayhq/fairway"
)

const (
	// reportEvery is how often the watcher writes what it saw.
	reportEvery = 250 * time.Millisecond
	// proberTick is how often requests that have come due are sent.
	proberTick = 5 * time.Millisecond
)

// Watch is the watcher process: it follows nodes, pods and endpoints of every
// cluster by watches of its own, sends requests through modelled load
// balancers, and keeps what it saw in watch.json of the data folder. It returns
// nil when it is told to finish or ctx is over.
func Watch(ctx context.Context, opts WatchOptions) error {
	opts, err := opts.withDefaults()
	if err != nil {
		return err
	}
	var plan watchPlan
	if err := readJSON(filepath.Join(opts.DataDir, planFile), &plan); err != nil {
		return fairway.Errorf(fairway.CodeNotFound, "watch the demo in %s: %w", opts.DataDir, err).
			WithHint("the watcher is started by `fairway demo`; it needs the folder of a running demo")
	}
	w := &watcher{opts: opts, report: watchReport{PID: os.Getpid(), StartedAt: time.Now()}, notes: json.NewEncoder(opts.Stdout)}
	// The supervisor asks by SIGTERM; it must not cost the last report.
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	var group sync.WaitGroup
	for _, c := range plan.Clusters {
		if len(opts.Clusters) > 0 && !slices.Contains(opts.Clusters, c.LocalID) {
			continue
		}
		client, err := dial(c.Kubeconfig)
		if err != nil {
			return err
		}
		wc := &watchedNow{observer: newObserver(c, time.Now()), broken: map[string]string{}}
		if opts.Deregistration > 0 {
			wc.observer.balancer.deregistration = opts.Deregistration
		}
		w.clusters = append(w.clusters, wc)
		for _, m := range w.mirrors(wc) {
			m.client = client
			group.Go(func() { m.run(ctx) })
		}
	}
	if len(w.clusters) == 0 {
		return fairway.Errorf(fairway.CodeNotFound, "watch %s: the demo in %s has no such cluster", some(opts.Clusters, 5), opts.DataDir)
	}
	if opts.Stdin == nil && !term.IsTerminal(int(os.Stdin.Fd())) {
		opts.Stdin = os.Stdin
	}
	if opts.Stdin != nil {
		go w.obey(opts.Stdin, cancel)
	}
	group.Go(func() { w.probe(ctx) })
	err = w.write(ctx)
	cancel()
	group.Wait()
	return errors.Join(err, w.save(true))
}

// watcher is the state of the watcher process.
type watcher struct {
	opts     WatchOptions
	clusters []*watchedNow

	mu     sync.Mutex // guards everything below, and the clusters
	report watchReport
	notes  *json.Encoder
}

// watchedNow is one cluster and how well it is seen.
type watchedNow struct {
	observer *observer
	broken   map[string]string // by resource
	synced   int               // complete lists so far
	breaks   int
}

// mirrors returns the watches of a cluster, without their client.
func (w *watcher) mirrors(c *watchedNow) []*mirror {
	o := c.observer
	locked := func(f func(now time.Time, u *unstructured.Unstructured)) func(*unstructured.Unstructured) {
		return func(u *unstructured.Unstructured) {
			w.mu.Lock()
			defer w.mu.Unlock()
			f(time.Now(), u)
		}
	}
	all := []*mirror{
		{
			resource: nodesResource,
			set:      locked(func(now time.Time, u *unstructured.Unstructured) { o.setNode(now, nodeOf(u)) }),
			gone:     locked(func(now time.Time, u *unstructured.Unstructured) { o.nodeGone(now, u.GetName()) }),
		},
		{
			resource: podsResource, namespace: o.plan.Namespace,
			set:  locked(func(now time.Time, u *unstructured.Unstructured) { o.setPod(now, podOf(u)) }),
			gone: locked(func(now time.Time, u *unstructured.Unstructured) { o.podGone(now, string(u.GetUID())) }),
		},
		{
			resource: slicesResource, namespace: o.plan.Namespace,
			set: locked(func(now time.Time, u *unstructured.Unstructured) {
				if service, endpoints := endpointsOf(u); service == o.plan.Service {
					o.setEndpoints(now, u.GetName(), endpoints)
				}
			}),
			gone: locked(func(now time.Time, u *unstructured.Unstructured) { o.sliceGone(now, u.GetName()) }),
		},
	}
	for _, m := range all {
		name := m.resource.Resource
		m.synced = func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(c.broken, name)
			c.synced++
		}
		m.broken = func(err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if c.broken[name] == "" {
				c.breaks++
				w.note("watch.broken", o.plan.ID, err.Error())
			}
			c.broken[name] = err.Error()
		}
	}
	return all
}

// obey carries out the supervisor's commands until there are no more.
func (w *watcher) obey(in io.Reader, finish func()) {
	defer finish()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		switch strings.TrimSpace(lines.Text()) {
		case "baseline":
			w.mu.Lock()
			for _, c := range w.clusters {
				c.observer.baseline()
			}
			w.report.BaselineAt = time.Now()
			w.note("watch.baseline", "", "the state before the change is taken")
			w.mu.Unlock()
		case "finish":
			return
		}
	}
}

// probe sends requests at the rate of the options, to the clusters in turn.
func (w *watcher) probe(ctx context.Context) {
	tick := time.NewTicker(proberTick)
	defer tick.Stop()
	began, sent := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// Counted from the start, so that a late tick costs no request.
		due := int(time.Since(began).Seconds() * float64(w.opts.Rate))
		w.mu.Lock()
		for ; sent < due; sent++ {
			o := w.clusters[sent%len(w.clusters)].observer
			failed := o.requests.Failed
			o.request(time.Now())
			if o.requests.Failed > failed && len(o.failures) < keptFailures {
				last := o.failures[len(o.failures)-1]
				w.note("request.failed", o.plan.ID, fmt.Sprintf("pod %s on node %s: %s", last.Pod, last.Node, last.Reason))
			}
		}
		w.mu.Unlock()
	}
}

// write keeps watch.json up to date until ctx is over.
func (w *watcher) write(ctx context.Context) error {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		if err := w.save(false); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (w *watcher) save(final bool) error {
	w.mu.Lock()
	r := w.report
	r.UpdatedAt, r.Final, r.Healthy = time.Now(), final, true
	for _, c := range w.clusters {
		cr := c.observer.report()
		cr.Breaks = c.breaks
		for _, why := range c.broken {
			cr.Broken = why
		}
		err := c.observer.healthy()
		if cr.Broken != "" {
			err = errors.New(cr.Broken)
		}
		if err != nil && r.Healthy {
			r.Healthy, r.Waiting = false, fmt.Sprintf("%s: %v", cr.ID, err)
		}
		r.Requests.OK += cr.Requests.OK
		r.Requests.Failed += cr.Requests.Failed
		r.Clusters = append(r.Clusters, cr)
	}
	w.mu.Unlock()
	return writeJSON(filepath.Join(w.opts.DataDir, watchFile), r)
}

// note writes one line about something noteworthy; the caller holds the lock.
func (w *watcher) note(kind, cluster, message string) {
	// Nobody may be reading; the report is what counts.
	_ = w.notes.Encode(map[string]any{"at": time.Now().UTC(), "kind": kind, "cluster_id": cluster, "message": message})
}
