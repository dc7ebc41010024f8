package storetest

import (
	"testing"

	"github.com/fairwayhq/fairway"
)

func plans(t *testing.T, s fairway.Store) {
	must(t, s.CreateCluster(t.Context(), cluster("one")))
	u := update("u1", cluster("one").ID, fairway.UpdateRunning, 0)
	must(t, s.CreateUpdate(t.Context(), u))
	_, err := s.Plan(t.Context(), "u1")
	refuses(t, "a plan that was not made", err, fairway.CodeNotFound)
	p := &fairway.UpdatePlan{
		UpdateID: "u1", At: start, Digest: "d1", Verdict: "1 to create", Create: 1, Objects: 80,
		Changes:   []fairway.PlannedChange{{Action: fairway.ActionCreated, Ref: fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "a", Name: "b"}}},
		Deletions: []fairway.PlannedDeletion{{Ref: fairway.ObjectRef{APIVersion: "v1", Kind: "Namespace", Name: "shop"}, Phase: "after", Entry: "Namespace/shop", Contents: "2 objects"}},
		Pools:     []fairway.PlannedPool{{Pool: "workers", Nodes: 3, Replaced: 3, Outdated: 3}},
		Findings:  []fairway.PlanFinding{{Check: "webhook", Severity: "warn", Object: "o", Reason: "r", Remedy: "m"}},
		Authors:   []string{"Ada <ada@example.org>"},
	}
	must(t, s.SavePlan(t.Context(), p))
	wants(t, "what is stored comes back", got[*fairway.UpdatePlan](t)(s.Plan(t.Context(), "u1")), p)
	must(t, s.SaveUpdate(t.Context(), u))
	wants(t, "progress leaves it alone", got[*fairway.UpdatePlan](t)(s.Plan(t.Context(), "u1")), p)

	bob := fairway.Principal{Name: "token:bob", Display: "bob"}
	_, err = s.ApprovePlan(t.Context(), "u1", "", bob, "")
	refuses(t, "approve what needs no approval", err, fairway.CodeConflict)
	p.Approval = "deletes Namespace/shop with 2 objects"
	p.Seal()
	must(t, s.SavePlan(t.Context(), p))
	_, err = s.ApprovePlan(t.Context(), "u1", "", fairway.Principal{Name: "token:x", Display: "ADA@example.org"}, "")
	refuses(t, "approve one's own", err, fairway.CodeForbidden)
	_, err = s.ApprovePlan(t.Context(), "u1", "another", bob, "")
	refuses(t, "approve another plan", err, fairway.CodeConflict)
	wants(t, "nobody agreed so far", got[[]fairway.Approval](t)(s.Approvals(t.Context(), "u1")), []fairway.Approval{})
	a := got[*fairway.Approval](t)(s.ApprovePlan(t.Context(), "u1", p.ApprovalDigest, bob, "it is empty"))
	if !a.Covers(p) || a.By != "token:bob" || a.Reason != "it is empty" || a.At.IsZero() {
		t.Errorf("approved: %+v", a)
	}
	again := got[*fairway.Approval](t)(s.ApprovePlan(t.Context(), "u1", "", fairway.Principal{Name: "token:eve"}, ""))
	wants(t, "the first word stays", again, a)
	wants(t, "one approval", got[[]fairway.Approval](t)(s.Approvals(t.Context(), "u1")), []fairway.Approval{*a})
	// The cluster was created, then the plan approved.
	entry := chained(t, s, 2)[1]
	if entry.Event != fairway.ChangePlanApproved || entry.ID != u.ClusterID || entry.After["/what"] != p.Approval || entry.After["/reason"] != "it is empty" {
		t.Errorf("recorded: %+v", entry)
	}

	refuses(t, "a plan of no update", s.SavePlan(t.Context(), &fairway.UpdatePlan{UpdateID: "none"}), fairway.CodeNotFound)
	_, err = s.ApprovePlan(t.Context(), "none", "", bob, "")
	refuses(t, "approve no update", err, fairway.CodeNotFound)
	must(t, s.SaveUpdate(t.Context(), update("u1", u.ClusterID, fairway.UpdateCanceled, 0)))
	_, err = s.ApprovePlan(t.Context(), "u1", "", bob, "")
	refuses(t, "approve what is over", err, fairway.CodeConflict)
}
