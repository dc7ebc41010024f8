package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/kube"
	"github.com/fairwayhq/fairway/internal/adapter/kubeconfig"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/engine/update"
	"github.com/fairwayhq/fairway/internal/surface/cli"
)

// provisionOnce is `fairway provision`: one update of an existing cluster, with a
// store of its own that is gone afterwards.
func provisionOnce(ctx context.Context, o cli.ProvisionOptions, stderr io.Writer) (_ *fairway.Update, err error) {
	if o.Lookups != "" {
		return nil, fairway.Errorf(fairway.CodeInvalid, "provision takes no look-ups").
			WithHint("an existing cluster has no stacks to look anything up for")
	}
	s := &subject{}
	defer s.close()
	sources, err := s.open(ctx, o.SubjectOptions)
	if err != nil {
		return nil, err
	}
	configuration, err := combined(sources)
	if err != nil {
		return nil, err
	}
	clusters, rejected, err := registryClusters(ctx, o.SubjectOptions, sources, stderr)
	if err != nil {
		return nil, err
	}
	s.input.Siblings = clusters
	if s.input.Cluster, err = choose(clusters, rejected, o.Cluster); err != nil {
		return nil, err
	}
	if err := s.resolve(ctx, sources); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "fairway-provision-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := sqlstore.Open(ctx, filepath.Join(dir, "fairway.db"), time.Now)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	subject := s.input.Cluster
	for i := range s.input.Siblings {
		c := s.input.Siblings[i].Clone()
		if c.ID == subject.ID {
			// Whatever the registry says of its machines, they are not ours here.
			c.LifecycleStatus = fairway.StatusReady
			subject = c
		}
		if err := store.CreateCluster(ctx, c); err != nil {
			return nil, err
		}
	}
	kubes := func(path string, _ *fairway.Cluster) (fairway.Kubernetes, error) {
		return kube.New(kube.Options{Kubeconfig: path, Log: slog.New(slog.DiscardHandler)})
	}
	updater := update.New(update.Options{
		Store: store, Source: configuration, Holder: "fairway-provision-" + strings.ToLower(rand.Text()[:8]), Log: slog.New(slog.DiscardHandler),
		Providers: map[string]fairway.Provider{subject.Provider: kubeconfig.New(kubeconfig.Options{Path: o.Kubeconfig, NewKubernetes: kubes})},
	})
	u := &fairway.Update{
		ID: strings.ToLower(rand.Text()), ClusterID: subject.ID, Channel: subject.Channel, Revision: s.version, Version: subject.Version(s.version),
		State: fairway.UpdatePending, CreatedAt: time.Now(),
	}
	if err := store.CreateUpdate(ctx, u); err != nil {
		return nil, err
	}
	return carryOut(ctx, store, updater, u.ID, o.ApproveDeletions, stderr)
}

// carryOut works on an update until it is over, and says what it does. One that
// waits for approval goes on with approve, and else ends here.
func carryOut(ctx context.Context, store fairway.Store, updater *update.Updater, id string, approve bool, stderr io.Writer) (*fairway.Update, error) {
	ended := make(chan struct{})
	told := make(chan struct{})
	go func() {
		defer close(told)
		tell(ctx, store, id, stderr, ended)
	}()
	defer func() { close(ended); <-told }()
	for {
		again, err := updater.Run(ctx, id)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if again < 0 {
			return store.Update(ctx, id)
		}
		if asks, err := needsApproval(ctx, store, id); err != nil || asks != nil {
			if err == nil {
				err = answer(ctx, store, asks, approve, stderr)
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			fmt.Fprintf(stderr, "%v; trying again\n", err)
			again = max(again, 2*time.Second)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(again):
		}
	}
}

// needsApproval returns the plan of an update that waits for approval, else nil.
func needsApproval(ctx context.Context, store fairway.Store, id string) (*fairway.UpdatePlan, error) {
	u, err := store.Update(ctx, id)
	if err != nil || !strings.HasPrefix(u.Waiting, fairway.WaitingForApproval) {
		return nil, err
	}
	return store.Plan(ctx, id)
}

// answer says yes to a plan that waits for approval, or says what it waits for.
func answer(ctx context.Context, store fairway.Store, p *fairway.UpdatePlan, approve bool, stderr io.Writer) error {
	fmt.Fprintf(stderr, "needs approval: %s\n", p.Approval)
	for _, d := range p.Deletions {
		text := "  " + d.Ref.String()
		if d.Contents != "" {
			text += " with " + d.Contents
		}
		fmt.Fprintln(stderr, text)
	}
	if !approve {
		return cli.Incomplete(fairway.Errorf(fairway.CodePrecondition, "nothing was deleted: the update %s", p.Approval).
			WithHint("look at it with `fairway plan`; when somebody other than the author of the change agrees, run it again with --approve-deletions"))
	}
	_, err := store.ApprovePlan(ctx, p.UpdateID, p.ApprovalDigest, fairway.Principal{Name: "--approve-deletions"}, "")
	return err
}

// tellEvery is how often is looked for news of an update.
const tellEvery = 200 * time.Millisecond

// tell prints what an update does whenever that is something else.
func tell(ctx context.Context, store fairway.Store, id string, stderr io.Writer, ended <-chan struct{}) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	last, seq := "", int64(0)
	look := func() {
		if u, err := store.Update(ctx, id); err == nil && !u.State.IsOver() {
			now := u.Doing
			if u.Waiting != "" {
				now += "; waits for " + u.Waiting
			}
			if now != last && now != "" {
				fmt.Fprintln(stderr, now)
				last = now
			}
		}
		events, err := store.Events(ctx, "", seq, 0)
		if err != nil {
			return
		}
		for _, e := range events {
			seq = e.Seq
			fmt.Fprintln(stderr, e.Message)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ended:
			look()
			return
		case <-tick.C:
			look()
		}
	}
}
