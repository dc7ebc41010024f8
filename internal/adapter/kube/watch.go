package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/fairwayhq/fairway"
)

const (
	// absentPause is how long a kind that the cluster does not have is left
	// alone before it is looked for again.
	absentPause = 10 * time.Second
	// shortWatch is a watch that ended so soon that opening the next one at
	// once would be a storm.
	shortWatch = 5 * time.Second
	// resumeAttempts is how often in a row a watch may fail to be resumed
	// before everything is listed again.
	resumeAttempts = 5
)

// watchPauses are the pauses between attempts to list or watch.
var watchPauses = backoff{first: 200 * time.Millisecond, longest: 15 * time.Second}

// Budgets is a cluster as the PDB controller sees it. It is safe for concurrent
// use and needs no closing.
type Budgets struct {
	*Cluster
	stream *rest.RESTClient // as typed, but its answers may last
}

var _ fairway.BudgetCluster = (*Budgets)(nil)

// NewBudgets is New for the PDB controller. Without Config and Kubeconfig it
// takes the service account of the pod that it runs in.
func NewBudgets(o Options) (*Budgets, error) {
	if o.Config == nil && o.Kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, fairway.Errorf(fairway.CodeInvalid, "find the cluster that this program runs in: %w", err).
				WithHint("outside of a cluster, name a kubeconfig with --kubeconfig")
		}
		o.Config = config
	}
	cluster, err := New(o)
	if err != nil {
		return nil, err
	}
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	config.WarningHandlerWithContext = warnings{cluster.log}
	config.Timeout = 0 // it would end a watch
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	b := &Budgets{Cluster: cluster}
	b.stream, err = newTyped(config, client)
	return b, err
}

// paths are where the followed kinds live.
var paths = map[fairway.WorkloadKind]string{
	fairway.KindDeployment:       "/apis/apps/v1/deployments",
	fairway.KindStatefulSet:      "/apis/apps/v1/statefulsets",
	fairway.KindRollout:          "/apis/argoproj.io/v1alpha1/rollouts",
	fairway.KindDisruptionBudget: "/apis/policy/v1/poddisruptionbudgets",
}

// Follow tells the sink of all objects of the kinds and of every change, until
// ctx ends. Each kind is listed in pages once and watched from there on; an
// interrupted watch is taken up where it ended, and only when the API server
// has forgotten that version is everything listed again.
func (b *Budgets) Follow(ctx context.Context, kinds []fairway.WorkloadKind, to fairway.BudgetSink) {
	var group sync.WaitGroup
	for _, kind := range kinds {
		group.Go(func() { (&follower{Budgets: b, kind: kind, to: to}).run(ctx) })
	}
	group.Wait()
}

// follower follows one kind.
type follower struct {
	*Budgets
	kind     fairway.WorkloadKind
	to       fairway.BudgetSink
	version  string // the newest resource version that was told; "" before a list
	failures int    // in a row
	absent   bool   // was so at the last look
}

func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		if f.version == "" {
			f.to.Begin(f.kind)
			if err := f.list(ctx); err != nil {
				f.failed(ctx, "list", err)
				continue
			}
			f.absent = false
			f.to.State(f.kind, fairway.WatchCurrent)
		}
		began := time.Now()
		err := f.watch(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case apierrors.IsGone(err) || apierrors.IsResourceExpired(err):
			f.log.Debug("list again: the watch is too old to be resumed", "kind", f.kind)
			f.version = ""
			wait(ctx, rand.N(watchPauses.first))
		case err != nil:
			f.failed(ctx, "watch", err)
		case time.Since(began) < shortWatch:
			f.failures++
			f.pause(ctx)
		default:
			f.failures = 0
		}
	}
}

// failed says that changes do not arrive, and waits before the next attempt.
func (f *follower) failed(ctx context.Context, doing string, err error) {
	if ctx.Err() != nil {
		return
	}
	if f.kind == fairway.KindRollout && (apierrors.IsNotFound(err) || apierrors.IsForbidden(err)) {
		f.to.State(f.kind, fairway.WatchAbsent)
		if !f.absent && apierrors.IsForbidden(err) {
			f.log.Warn("kind is left out: it may not be read", "kind", f.kind, "error", err)
		}
		f.absent, f.version, f.failures = true, "", 0
		wait(ctx, absentPause*9/10+rand.N(absentPause/5))
		return
	}
	f.to.State(f.kind, fairway.WatchLost)
	f.failures++
	f.log.Warn("changes do not arrive", "kind", f.kind, "doing", doing, "attempt", f.failures, "error", translate(err, doing+" "+paths[f.kind]))
	if f.failures >= resumeAttempts {
		f.version = ""
	}
	f.pause(ctx)
}

// pause waits longer with every failure.
func (f *follower) pause(ctx context.Context) {
	pause := watchPauses.first << min(f.failures-1, 10)
	pause = min(pause, watchPauses.longest)
	wait(ctx, pause/2+rand.N(pause))
}

// wait returns after a time, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// list tells of everything there is, page by page.
func (f *follower) list(ctx context.Context) error {
	for next := ""; ; {
		request := f.typed.Get().AbsPath(paths[f.kind]).MaxRetries(0).SetHeader("Accept", runtime.ContentTypeJSON).
			Param("limit", strconv.Itoa(pageSize))
		if next != "" {
			request.Param("continue", next)
		}
		page, err := request.Stream(ctx)
		if err != nil {
			return err
		}
		version, more, err := readList(page, func(decode func(any) error) error {
			_, err := f.tell(decode, false)
			return err
		})
		page.Close()
		if err != nil {
			return err
		}
		if next = more; next == "" {
			f.version = version
			return nil
		}
	}
}

// watch tells of changes until the watch ends; nil for an end without a reason.
func (f *follower) watch(ctx context.Context) error {
	stream, err := f.stream.Get().AbsPath(paths[f.kind]).MaxRetries(0).SetHeader("Accept", runtime.ContentTypeJSON).
		Param("watch", "true").Param("allowWatchBookmarks", "true").Param("resourceVersion", f.version).
		// The watches of many programs must not end all at once.
		Param("timeoutSeconds", strconv.Itoa(300+rand.IntN(300))).
		Stream(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	f.to.State(f.kind, fairway.WatchCurrent)
	for frames := json.NewDecoder(stream); ; {
		var frame struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := frames.Decode(&frame); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		f.failures = 0
		if err := f.frame(frame.Type, frame.Object); err != nil {
			return err
		}
	}
}

// frame tells of one event of a watch.
func (f *follower) frame(kind string, object json.RawMessage) error {
	switch kind {
	case "ADDED", "MODIFIED", "DELETED":
		version, err := f.tell(func(into any) error { return json.Unmarshal(object, into) }, kind == "DELETED")
		if err == nil {
			f.version = version
		}
		return err
	case "BOOKMARK":
		var o watchedObject
		if err := json.Unmarshal(object, &o); err != nil {
			return err
		}
		f.version = o.Metadata.ResourceVersion
		return nil
	case "ERROR":
		var s metav1.Status
		if err := json.Unmarshal(object, &s); err != nil {
			return err
		}
		return &apierrors.StatusError{ErrStatus: s}
	}
	return fmt.Errorf("unknown event %q in a watch", kind)
}
