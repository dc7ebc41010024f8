package plan

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

var update = flag.Bool("update", false, "write testdata anew")

// The form of the JSON is relied on: whoever changes this file changes the schema.
func TestPlan_GoldenJSON(t *testing.T) {
	t.Parallel()
	in := secretWorld(t, "decrypted-by-kms", "plain-secret-text", "horse-staple-battery")
	in.Cluster.ID, in.Cluster.LocalID, in.Cluster.Alias, in.Cluster.Channel = "aws:1:eu:kube-1", "kube-1", "shop", "beta"
	in.Bundle.Revision = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	in.Now = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	in.Observed.By = ByFields
	live := object(t, strings.Replace(managed, "kind: ConfigMap\nmetadata:\n  name: x", "kind: ConfigMap\nmetadata:\n  name: c", 1))
	in.Observed.Live[KeyOf(live.Ref())] = live
	in.manifest(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: drifted}\ndata: {d: \"5\"}")
	live = object(t, strings.Replace(managed, "name: x", "name: drifted", 1))
	in.Observed.Live[KeyOf(live.Ref())] = live
	in.manifest(t, "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: one}")
	in.Observed.Deleted = []Deletion{{Ref: fairway.ObjectRef{APIVersion: "v1", Kind: "Namespace", Name: "x"}, Phase: "after", Entry: "Namespace/x", Contents: "2 objects"}}
	in.Observed.Left = []fairway.ObjectRef{{APIVersion: "v1", Kind: "ConfigMap", Namespace: "shop", Name: "left"}}
	in.rolls(fairway.Group{Max: 9})
	in.Pools[0].Differs = []string{"image a becomes b"}
	in.Stacks = []Stack{{Name: "kube-1", Before: nodesStack, After: strings.Replace(nodesStack, "AvailabilityZone: a", "AvailabilityZone: b", 1)}}
	ends := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	in.Bundle.Acceptances = []fairway.Acceptance{
		{Check: "removed-api", Object: "PodDisruptionBudget/one", Reason: "goes soon", Until: "2027-01-31", Ends: ends, Where: "main/plan-accept.yaml:2"},
		{Check: "stack", Object: "stack *", Reason: "was empty", Until: "2026-12-31", Ends: ends.AddDate(0, -1, 0), Where: "main/plan-accept.yaml:3"},
		{Check: "webhook", Object: "x", Reason: "x", Until: "2027-01-31", Ends: ends, Where: "main/plan-accept.yaml:4"},
	}
	got, err := json.MarshalIndent(Together([]*Plan{Build(in)}, []Fault{{Cluster: "lost", Error: "no answer", Hint: "look"}}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	const file = "testdata/fleet.json"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the JSON of plans changed; `go test ./internal/pure/plan -update` writes the file anew: %s", cmp.Diff(string(want), string(got)))
	}
}

// However much there is to say, a comment stays within what forges take, and
// names what it leaves out.
func TestMarkdown_TooMuch(t *testing.T) {
	t.Parallel()
	var plans []*Plan
	var faults []Fault
	for i := range 200 {
		p := &Plan{Cluster: fmt.Sprintf("c%d", i), Alias: fmt.Sprintf("kube-%d-%s", i, strings.Repeat("n", i)), Changes: true, Blocked: i%2 == 0, Verdict: "x"}
		for j := range 40 {
			p.Findings = append(p.Findings, Finding{Check: CheckWebhook, Severity: Block, Object: fmt.Sprint("o", i, j), Reason: strings.Repeat("<why> ", 200), Remedy: "@somebody"})
			p.Deletions = append(p.Deletions, Deletion{Ref: fairway.ObjectRef{Kind: "ConfigMap", Name: strings.Repeat("x", 200)}})
		}
		plans = append(plans, p)
		faults = append(faults, Fault{Cluster: fmt.Sprintf("lost-%d", i), Error: strings.Repeat("é*", 4000)})
	}
	var many []*Plan
	for i := range 1500 {
		many = append(many, &Plan{Cluster: "c", Alias: fmt.Sprintf("kube-%d", i), Changes: true, Departed: []fairway.ObjectRef{{Name: fmt.Sprint(i)}}})
	}
	for name, f := range map[string]*Fleet{
		"many":       Together(many, nil),
		"everything": Together(plans, faults), "plans": Together(plans, nil), "faults": Together(nil, faults), "one": Together(plans[:1], nil), "few": Together(plans[:12], nil),
	} {
		f.Unused = strings.Fields(strings.Repeat("main/plan-accept.yaml:1 ", 100))
		var out strings.Builder
		if err := f.Markdown(&out); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if len(text) > 65_536 || strings.Contains(text, "@somebody") || strings.Contains(text, "<why>") {
			t.Errorf("%s: %d bytes", name, len(text))
		}
		if len(f.Failed) > 0 && (!strings.Contains(text, "lost-0") || !strings.Contains(text, "175 more: lost-25, ")) {
			t.Errorf("%s: the failed are not named", name)
		}
		if name == "many" && !strings.Contains(text, "more: kube-") {
			t.Errorf("%s: what is left out is not named: %s", name, text[len(text)-3000:])
		}
		t.Logf("%s: %d bytes", name, len(text))
	}
}
