package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/app"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// An update that is going to delete a namespace with what is in it waits for a
// second person before anything is touched, over the death of the server around
// the writes of its plan and of the approval. A change that says that it is a no-op
// must be one.
func TestApproval(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}})
	p := f.startProcess()
	f.awaitProvisioned()
	f.noOp(p)
	f.apply("dev-1", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"old"}}`, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kept","namespace":"old"}}`)
	before, armed := p.started(), 0
	arm := func(name string) {
		for _, when := range []string{".before", ".after"} {
			armed++
			if err := os.WriteFile(filepath.Join(p.fail, name+when), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	arm("plan")
	f.write("cluster/manifests/deletions.yaml", "pre_apply:\n- {kind: Namespace, name: old}\n")
	f.commit("the old namespace goes")
	u := f.awaitApproval(p, "Namespace/old with what it holds (1 objects)")
	if u.Plan == nil || u.Plan.ApprovalDigest == "" || len(u.Plan.Authors) == 0 || u.Plan.Authors[0] != "test <test@localhost>" {
		t.Fatalf("the plan is %+v", u.Plan)
	}
	f.staysWaiting(p, u.ID)

	// A newer revision takes its place, and waits for itself.
	f.write("cluster/manifests/deletions.yaml", "pre_apply:\n- {kind: Namespace, name: old}\n# for good\n")
	revision := f.commit("the old namespace goes for good")
	f.await("the newer revision waits", time.Minute, func() (bool, string) {
		if ok, why := p.find(); !ok {
			return false, why
		}
		u = f.awaitApproval(p, "Namespace/old")
		return u.Revision == revision, fmt.Sprintf("%+v", u)
	})
	rollouts, err := f.client.Rollouts(t.Context(), "dev")
	if err != nil || rollouts[0].State != fairway.RolloutRunning {
		t.Errorf("the rollout is not just waiting: %+v %v", rollouts, err)
	}
	f.await("the rollout says what it waits for", 20*time.Second, func() (bool, string) {
		rollouts, err := f.client.Rollouts(t.Context(), "dev")
		return err == nil && strings.Contains(rollouts[0].Reason, "fairway update approve "+u.ID), fmt.Sprint(rollouts, err)
	})
	if _, err := f.client.ApproveUpdate(t.Context(), u.ID, "another", ""); fairway.ErrorCode(err) != fairway.CodeConflict {
		t.Errorf("approve another plan: %v", err)
	}
	arm(app.ApproveFailpointName)
	f.await("it is approved", time.Minute, func() (bool, string) {
		if ok, why := p.find(); !ok {
			return false, why
		}
		_, err := f.client.ApproveUpdate(t.Context(), "dev-1", u.Plan.ApprovalDigest, "as agreed")
		if fairway.ErrorCode(err) == fairway.CodeConflict { // it went on already
			return true, ""
		}
		return err == nil, fmt.Sprint(err)
	})
	p.awaitDone("dev", revision, 3*time.Minute)
	if h, err := f.kube("dev-1").Health(t.Context(), fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "old", Name: "kept"}); err != nil || h.State == fairway.HealthCurrent {
		f.await("what was in the namespace is gone", time.Minute, func() (bool, string) {
			h, err := f.kube("dev-1").Health(t.Context(), fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "old", Name: "kept"})
			return err == nil && h.State == fairway.HealthNotFound, fmt.Sprint(h, err)
		})
	}
	v, err := f.client.Update(t.Context(), u.ID)
	if err != nil || len(v.Approvals) != 1 || v.Approvals[0].Reason != "as agreed" || v.State != fairway.UpdateDone {
		t.Errorf("the update is %+v, error %v", v, err)
	}
	if deaths := p.started() - before; deaths != armed {
		left, _ := filepath.Glob(filepath.Join(p.fail, "*"))
		t.Errorf("the server died %d times, want %d; not reached: %v", deaths, armed, left)
	}
}

// noOp merges a change that says that it does nothing and is right, and one that
// is wrong: that one fails before anything is written.
func (f *fleet) noOp(p *process) {
	f.t.Helper()
	f.write("README.md", "more words\n")
	right := f.commit("Words\n\nFairway: no-op")
	p.awaitDone("dev", right, time.Minute)
	f.replace("cluster/config-defaults.yaml", "fairway-node-2026.10.1", "fairway-node-2026.10.2")
	wrong := f.commit("Nothing, really\n\nFairway: no-op")
	r := f.awaitRollout("dev", wrong, fairway.RolloutHalted, time.Minute)
	updates, err := f.client.Updates(f.t.Context(), fairway.UpdateFilter{RolloutID: r.ID})
	if err != nil || len(updates) != 1 || !strings.Contains(updates[0].Error, "no-op") || updates[0].NodesDone != 0 || updates[0].Hint == "" {
		f.t.Errorf("updates %+v, error %v", updates, err)
	}
	steps, err := f.client.Update(f.t.Context(), updates[0].ID)
	if err != nil || len(steps.Steps) != 2 || steps.Steps[1].Name != fairway.StepPlan || steps.Steps[1].State != fairway.StepFailed {
		f.t.Errorf("steps %+v, error %v", steps, err)
	}
	f.replace("cluster/config-defaults.yaml", "fairway-node-2026.10.2", "fairway-node-2026.10.1")
}

// awaitApproval waits until the newest update of the one cluster waits for
// approval, over the deaths of the server.
func (f *fleet) awaitApproval(p *process, what string) *client.UpdateView {
	f.t.Helper()
	var out *client.UpdateView
	f.await("the update waits for approval", time.Minute, func() (bool, string) {
		if ok, why := p.find(); !ok {
			return false, why
		}
		c, err := f.client.Cluster(f.t.Context(), "dev-1")
		if err != nil {
			return false, err.Error()
		}
		if !strings.HasPrefix(c.State.Waiting, fairway.WaitingForApproval) || !strings.Contains(c.State.Waiting, what) || !strings.Contains(c.State.Actor, "fairway update approve "+c.State.UpdateID) {
			return false, fmt.Sprintf("%+v", c.State)
		}
		out, err = f.client.Update(f.t.Context(), c.State.UpdateID)
		return err == nil, fmt.Sprint(err)
	})
	return out
}

// staysWaiting checks that nothing is done to the cluster while an update waits:
// the namespace stays as it is, and the lease is free.
func (f *fleet) staysWaiting(p *process, id string) {
	f.t.Helper()
	k := f.kube("dev-1")
	f.await("the lease is free", 30*time.Second, func() (bool, string) {
		err := k.HoldLease(f.t.Context(), "a person", 20*time.Second)
		return err == nil, fmt.Sprint(err)
	})
	if err := k.ReleaseLease(f.t.Context(), "a person"); err != nil {
		f.t.Error(err)
	}
	if h, err := k.Health(f.t.Context(), fairway.ObjectRef{APIVersion: "v1", Kind: "Namespace", Name: "old"}); err != nil || h.State != fairway.HealthCurrent {
		f.t.Errorf("the namespace was touched: %+v, error %v", h, err)
	}
	u, err := f.client.Update(f.t.Context(), id)
	if err != nil || u.State != fairway.UpdateRunning || u.Error != "" {
		f.t.Errorf("the update is %+v, error %v", u, err)
	}
}
