package plan

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// fieldsOf compares an object with a live one and returns the changes in lines.
func fieldsOf(t *testing.T, desired, live string) (changes, drift []string) {
	t.Helper()
	c := comparison{manager: defaultManager}
	c.compare(object(t, desired), object(t, live))
	write := func(fields []Field) []string {
		var out []string
		for _, f := range fields {
			out = append(out, fmt.Sprintf("%s %s %v -> %v", f.Op, f.Path, f.From, f.To))
		}
		return out
	}
	return write(c.changes), write(c.drift)
}

const managed = `apiVersion: v1
kind: ConfigMap
metadata:
  name: x
  managedFields:
  - {manager: fairway, operation: Apply, apiVersion: v1, fieldsV1: {"f:data": {"f:a": {}, "f:b": {}, "f:c": {}}}}
  - {manager: hand, operation: Update, apiVersion: v1, time: "2026-01-01T00:00:00Z", fieldsV1: {"f:data": {"f:c": {}, "f:d": {}}}}
data: {a: "1", b: "2", c: "3", d: "4", e: "5"}
`

// Which manager owns a field decides what an apply does with it.
func TestCompare_Owners(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data           string
		changes, drift []string
	}{
		"the same":                             {`{a: "1", b: "2", c: "3"}`, nil, nil},
		"a value that is ours":                 {`{a: "9", b: "2", c: "3"}`, []string{"set data.a 1 -> 9"}, nil},
		"a field less":                         {`{a: "1", c: "3"}`, []string{"remove data.b 2 -> <nil>"}, nil},
		"a field less that another holds too":  {`{a: "1", b: "2"}`, []string{"release data.c 3 -> <nil>"}, nil},
		"a value that another has written":     {`{a: "1", b: "2", c: "3", d: "9"}`, nil, []string{"set data.d 4 -> 9"}},
		"a value of another, taken over as is": {`{a: "1", b: "2", c: "3", d: "4"}`, []string{"own data.d 4 -> 4"}, nil},
		"a value of nobody":                    {`{a: "1", b: "2", c: "3", e: "9"}`, []string{"set data.e 5 -> 9"}, nil},
		"a field more":                         {`{a: "1", b: "2", c: "3", f: "6"}`, []string{"add data.f <nil> -> 6"}, nil},
		"null is nothing":                      {`{a: "1", b: null, c: "3"}`, []string{"remove data.b 2 -> <nil>"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changes, drift := fieldsOf(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: "+c.data, managed)
			if diff := cmp.Diff(c.changes, changes); diff != "" {
				t.Error("changes", diff)
			}
			if diff := cmp.Diff(c.drift, drift); diff != "" {
				t.Error("drift", diff)
			}
		})
	}
}

// An object that was applied like this before differs by what others did, and
// what the API server makes of it is no difference.
func TestBuild_SameRender(t *testing.T) {
	t.Parallel()
	desired := object(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: written-otherwise, b: \"2\", c: \"3\", lost: \"1\"}")
	in := world("v1.36.3")
	in.Bundle.Components[0].Objects = []fairway.Object{desired}
	in.Observed.Live[KeyOf(desired.Ref())] = object(t, managed)
	if p := Build(in); p.Summary.Change != 1 || p.Summary.Drift != 0 {
		t.Errorf("nobody remembers what was applied: %+v", p.Summary)
	}
	in.Observed.Applied = map[Key]string{KeyOf(desired.Ref()): "f7a4f6b7bbb9b4a5bd4e6ed4a6e7d5b1"}
	if p := Build(in); p.Summary.Change != 1 {
		t.Errorf("another was applied: %+v", p.Summary)
	}
	in.Observed.Applied = map[Key]string{KeyOf(desired.Ref()): digest(desired)}
	p := Build(in)
	if p.Summary.Change != 0 || p.Summary.Drift != 1 || len(p.Drift[0].Fields) != 1 || p.Drift[0].Fields[0].Path != "data.lost" {
		t.Errorf("the same was applied: %+v %+v", p.Summary, p.Drift)
	}
}

// Who applied an object without any field cannot be told from it.
// What somebody else changed is left alone where the component says so, unless
// the configuration of the object itself changes.
func TestBuild_LeftAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy           fairway.DriftPolicy
		data             string
		drift, leftAlone int
	}{
		"by default":                      {"", `{a: "1", b: "2", c: "3", d: "9"}`, 1, 0},
		"to be repaired":                  {fairway.DriftRepair, `{a: "1", b: "2", c: "3", d: "9"}`, 1, 0},
		"to be reported":                  {fairway.DriftReport, `{a: "1", b: "2", c: "3", d: "9"}`, 0, 1},
		"to be reported, with a change":   {fairway.DriftReport, `{a: "7", b: "2", c: "3", d: "9"}`, 1, 0},
		"to be reported, nothing differs": {fairway.DriftReport, `{a: "1", b: "2", c: "3"}`, 0, 0},
	} {
		want := object(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: "+c.data)
		b := &fairway.Bundle{Components: []fairway.Component{{Name: "one", Objects: []fairway.Object{want}}},
			Policies: map[string]fairway.ComponentPolicy{"*": {Drift: c.policy}}}
		p := Build(Input{Cluster: &fairway.Cluster{ID: "c"}, Bundle: b, Observed: Observed{Basis: BasisLive, Live: map[Key]fairway.Object{KeyOf(want.Ref()): object(t, managed)}}})
		if len(p.Drift) != c.drift || len(p.LeftAlone) != c.leftAlone || p.Summary.Drift != c.drift || p.Summary.LeftAlone != c.leftAlone {
			t.Errorf("%s: drift %v, left alone %v, %+v", name, p.Drift, p.LeftAlone, p.Summary)
		}
		if changes := c.drift > 0; p.Changes != changes {
			t.Errorf("%s: changes = %v: %s", name, p.Changes, p.Verdict)
		}
	}
}

// An object of which somebody else took every field that was applied has drifted;
// that it was applied is only remembered.
func TestBuild_EveryFieldTaken(t *testing.T) {
	t.Parallel()
	live := object(t, `{apiVersion: v1, kind: ConfigMap, metadata: {name: x, managedFields: [
		{manager: kubectl-edit, operation: Update, fieldsV1: {"f:data": {".": {}, "f:a": {}}}}]}, data: {a: mine}}`)
	want := object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: \"1\"}}")
	b := &fairway.Bundle{Components: []fairway.Component{{Name: "one", Objects: []fairway.Object{want}}}}
	p := Build(Input{Cluster: &fairway.Cluster{ID: "c"}, Bundle: b, Observed: Observed{
		Basis: BasisLive, Live: map[Key]fairway.Object{KeyOf(want.Ref()): live}, Applied: map[Key]string{KeyOf(want.Ref()): manifest.Digest(want)}}})
	if len(p.Drift) != 1 || len(p.Objects) != 0 || p.Drift[0].Fields[0].By != "kubectl-edit" {
		t.Errorf("drift %+v, changes %+v", p.Drift, p.Objects)
	}
}

// What was applied to a Secret in plain stays Fairway's whoever writes its data.
func TestBuild_PlainSecretChanged(t *testing.T) {
	t.Parallel()
	want := object(t, "{apiVersion: v1, kind: Secret, metadata: {name: x}, stringData: {a: mine}}")
	for value, drifted := range map[string]int{"bWluZQ==": 0, "c3RvbGVu": 1} {
		live := object(t, `{apiVersion: v1, kind: Secret, data: {a: `+value+`}, metadata: {name: x, managedFields: [
			{manager: fairway, operation: Apply, fieldsV1: {"f:stringData": {"f:a": {}}}}]}}`)
		b := &fairway.Bundle{Components: []fairway.Component{{Name: "one", Objects: []fairway.Object{want}}}}
		p := Build(Input{Cluster: &fairway.Cluster{ID: "c"}, Bundle: b, Observed: Observed{
			Basis: BasisLive, Live: map[Key]fairway.Object{KeyOf(want.Ref()): live}, Applied: map[Key]string{KeyOf(want.Ref()): manifest.Digest(want)}}})
		if len(p.Drift) != drifted || len(p.Objects) != 0 {
			t.Errorf("%s: drift %+v, changes %+v", value, p.Drift, p.Objects)
		}
	}
}

// An apply puts items in its own order; where others stand among them is theirs.
func TestBuild_Order(t *testing.T) {
	t.Parallel()
	live := object(t, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: x, managedFields: [
		{manager: fairway, operation: Apply, fieldsV1: {"f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {".": {}, "f:name": {}}, "k:{\"name\":\"b\"}": {".": {}, "f:name": {}}}}}}]},
		spec: {containers: [{name: a}, {name: theirs}, {name: b}]}}`)
	for order, changes := range map[string]int{"{name: a}, {name: b}": 0, "{name: b}, {name: a}": 1} {
		want := object(t, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: {containers: ["+order+"]}}")
		b := &fairway.Bundle{Components: []fairway.Component{{Name: "one", Objects: []fairway.Object{want}}}}
		p := Build(Input{Cluster: &fairway.Cluster{ID: "c"}, Bundle: b, Observed: Observed{Basis: BasisLive, Live: map[Key]fairway.Object{KeyOf(want.Ref()): live}}})
		if len(p.Objects) != changes || len(p.Drift) != 0 {
			t.Errorf("%s: changes %+v, drift %+v", order, p.Objects, p.Drift)
		}
	}
}

// The number of replicas that an autoscaler has set is no difference; one that a
// person has set is.
func TestBuild_Autoscaled(t *testing.T) {
	t.Parallel()
	for manager, drifted := range map[string]bool{"kube-controller-manager": false, "kubectl": true} {
		live := object(t, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: x, managedFields: [
			{manager: fairway, operation: Apply, fieldsV1: {"f:spec": {"f:paused": {}}}},
			{manager: `+manager+`, operation: Update, subresource: scale, fieldsV1: {"f:spec": {"f:replicas": {}}}}]}, spec: {replicas: 9, paused: true}}`)
		want := object(t, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: {replicas: 3, paused: true}}")
		b := &fairway.Bundle{Components: []fairway.Component{{Name: "one", Objects: []fairway.Object{want}}}}
		p := Build(Input{Cluster: &fairway.Cluster{ID: "c"}, Bundle: b, Observed: Observed{
			Basis: BasisLive, Live: map[Key]fairway.Object{KeyOf(want.Ref()): live}, Applied: map[Key]string{KeyOf(want.Ref()): manifest.Digest(want)}}})
		if got := len(p.Drift) > 0; got != drifted || len(p.Objects) != 0 || drifted && p.Drift[0].Fields[0].By != manager {
			t.Errorf("scaled by %s: drift %v, changes %v", manager, p.Drift, p.Objects)
		}
	}
}

func TestBuild_NothingToOwn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "\ndata: {a: b}": 1} {
		in := world("v1.36.3")
		in.manifest(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}"+text)
		live := object(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, managedFields: [{manager: hand, operation: Update, fieldsV1: {\"f:data\": {}}}]}"+text)
		in.Observed.Live[KeyOf(live.Ref())] = live
		if p := Build(in); p.Summary.Change != want || want > 0 && !p.Objects[0].Adopts {
			t.Errorf("%q: %+v", text, p.Summary)
		}
	}
}

// No secret is in any form of a plan.
func TestBuild_Secrets(t *testing.T) {
	t.Parallel()
	const registered, spoken, plain, env = "decrypted-by-kms", "tr0ub4dor-and-3", "plain-secret-text", "horse-staple-battery"
	in := world("v1.36.3")
	in.Cluster.ConfigItems = map[string]string{"vault_key": "aws:kms:abc"}
	in.Bundle.Settings = map[string]string{"vault_key": registered, "api_password": spoken}
	in.manifest(t, "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: "+plain+"}")
	in.manifest(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {url: \"https://x:"+registered+"@y\", file: \"a: 1\\nclient_secret: "+env+"\\n\", p: "+spoken+"}")
	in.manifest(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{name: a, env: [{name: DB_PASSWORD, value: "+env+"}]}]}}}")
	for _, live := range []string{
		"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {key: b2xkLXNlY3JldA==}",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {file: x}",
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: []}}}",
	} {
		o := object(t, live)
		in.Observed.Live[KeyOf(o.Ref())] = o
	}
	p := Build(in)
	if p.Summary.Change != 3 {
		t.Fatalf("%+v", p.Summary)
	}
	var text, comment strings.Builder
	if err := p.Text(&text, true); err != nil {
		t.Fatal(err)
	}
	if err := Together([]*Plan{p}, nil).Markdown(&comment); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for form, out := range map[string]string{"text": text.String(), "markdown": comment.String(), "json": string(data)} {
		for _, secret := range []string{registered, spoken, plain, env, "b2xkLXNlY3JldA", "cGxhaW4tc2VjcmV0"} {
			if strings.Contains(out, secret) {
				t.Errorf("%s shows %s:\n%s", form, secret, out)
			}
		}
		if !strings.Contains(out, "data.key") || !strings.Contains(out, "***") {
			t.Errorf("%s does not say that a secret changes:\n%s", form, out)
		}
	}
}

func TestPool_Impact(t *testing.T) {
	t.Parallel()
	nodes := func(old, current int) (all []fairway.Instance) {
		for range old {
			all = append(all, fairway.Instance{Generation: "a:1", State: fairway.InstanceInService})
		}
		for range current {
			all = append(all, fairway.Instance{Generation: "a:2", State: fairway.InstanceInService})
		}
		return append(all, fairway.Instance{Generation: "a:1", State: fairway.InstanceTerminating})
	}
	settings := roll.Settings{Surge: 3, Canary: true, MinReady: 30 * time.Second, Deregistration: 30 * time.Second}
	spec := fairway.PoolSpec{Pool: fairway.NodePool{Name: "a", Profile: "worker", MinSize: 4}}
	group := &fairway.Group{Pool: "a", Max: 20}
	master := spec
	master.Pool.Profile = "master"
	one := settings
	one.OneAtATime, one.Canary = true, false
	percent := settings
	percent.SurgePercent = 50
	byHand := settings
	byHand.Strategy = roll.OnDelete
	for name, c := range map[string]struct {
		pool Pool
		want PoolImpact
	}{
		"nothing to do": {Pool{Spec: spec, Settings: settings, Group: group, Generation: "a:2", Instances: nodes(0, 5)}, PoolImpact{Pool: "a", Nodes: 5}},
		// One alone, then nine by three: 4 rounds of 90 + 30 + 30 + 60 s.
		"ten nodes": {Pool{Spec: spec, Settings: settings, Group: group, Generation: "", Differs: []string{"image x becomes y"}, Instances: nodes(10, 0)},
			PoolImpact{Pool: "a", Nodes: 10, Replaced: 10, Why: []string{"image x becomes y"}, Surge: 3, Seconds: 840, NodeHours: 0.7}},
		"a roll half done": {Pool{Spec: spec, Settings: settings, Group: group, Generation: "a:2", Instances: nodes(1, 9)},
			PoolImpact{Pool: "a", Nodes: 10, Replaced: 1, Why: []string{"nodes are left from an earlier roll"}, Surge: 3, Seconds: 210, NodeHours: 0.18}},
		"a share of the pool": {Pool{Spec: spec, Settings: percent, Group: group, Generation: "a:3", Differs: []string{"x"}, Instances: nodes(0, 11)},
			PoolImpact{Pool: "a", Nodes: 11, Replaced: 11, Why: []string{"x"}, Surge: 6, Seconds: 630, NodeHours: 1.05}},
		"a control plane": {Pool{Spec: master, Settings: one, Group: group, Generation: "a:2", Differs: []string{"x"}, Instances: nodes(2, 0)},
			PoolImpact{Pool: "a", ControlPlane: true, Nodes: 2, Replaced: 2, Why: []string{"x"}, Surge: 1, Seconds: 420, NodeHours: 0.12}},
		"as measured": {Pool{Spec: spec, Settings: settings, Group: group, Generation: "a:2", Differs: []string{"x"}, Instances: nodes(10, 0), PerNode: 10 * time.Second},
			PoolImpact{Pool: "a", Nodes: 10, Replaced: 10, Why: []string{"x"}, Surge: 3, Seconds: 40, NodeHours: 0.03, Measured: true}},
		"by hand": {Pool{Spec: spec, Settings: byHand, Group: group, Generation: "a:2", Differs: []string{"x"}, Instances: nodes(2, 0)},
			PoolImpact{Pool: "a", Nodes: 2, Replaced: 2, Why: []string{"x"}, Strategy: "on-delete"}},
		"a pool that goes": {Pool{Spec: spec, Settings: settings, Leaves: true, Group: group, Instances: nodes(2, 1)},
			PoolImpact{Pool: "a", Nodes: 3, Removed: 3, Why: []string{"the pool left the registry"}, Seconds: 270}},
		"a new pool": {Pool{Spec: spec, Settings: settings}, PoolImpact{Pool: "a", New: 4, Why: []string{"the pool does not exist yet"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, c.pool.impact()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMeasured(t *testing.T) {
	t.Parallel()
	begin := time.Unix(0, 0)
	done := func(cluster string, nodes int, took time.Duration) fairway.Update {
		return fairway.Update{ClusterID: cluster, State: fairway.UpdateDone, NodesDone: nodes, StartedAt: begin, FinishedAt: begin.Add(took)}
	}
	history := []fairway.Update{done("a", 10, 400*time.Second), done("b", 1, 30*time.Second), done("b", 0, time.Hour), {ClusterID: "b", State: fairway.UpdateFailed, NodesDone: 5}}
	for cluster, want := range map[string]time.Duration{"a": 100 * time.Second, "b": 30 * time.Second, "new": 100 * time.Second} {
		if got := Measured(history, cluster, 3); got != want {
			t.Errorf("%s: %s, want %s", cluster, got, want)
		}
	}
	if got := Measured(nil, "a", 3); got != 0 {
		t.Errorf("without a past: %s", got)
	}
}

// A comment on a pull request for 200 clusters can be read, whatever they change.
func TestMarkdown_TwoHundredClusters(t *testing.T) {
	t.Parallel()
	fleet := func(kinds int) *Fleet {
		var plans []*Plan
		for i := range 200 {
			in := world("v1.36.3")
			in.Cluster = &fairway.Cluster{ID: fmt.Sprintf("aws:1:eu:kube-%d", i), Alias: fmt.Sprintf("kube-%d", i)}
			in.manifest(t, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, managedFields: []}\ndata: {a: \"new-%d\", b: \"%s\"}", i%kinds, strings.Repeat("text ", 40)))
			live := object(t, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: \"was-%d\"}", i))
			in.Observed.Live[KeyOf(live.Ref())] = live
			in.rolls(fairway.Group{Max: 9})
			plans = append(plans, Build(in))
		}
		return Together(plans, []Fault{{Cluster: "lost", Error: "no <b>answer</b>"}})
	}
	for kinds, sections := range map[int]int{1: 1, 4: 4, 20: 20, 200: 0} {
		var out strings.Builder
		f := fleet(kinds)
		if err := f.Markdown(&out); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		for i := range 200 {
			if kinds == 200 && !strings.Contains(text, fmt.Sprintf("kube-%d ", i)) {
				t.Errorf("kube-%d is not named", i)
			}
		}
		if len(text) > maxMarkdown || strings.Count(text, "#### ") != sections || strings.Contains(text, "<b>") {
			t.Errorf("%d kinds of change: %d bytes, %d sections", kinds, len(text), strings.Count(text, "#### "))
		}
		for _, part := range []string{"200 of 201 clusters would change", "replaces 200 nodes in 200 clusters", "no plan: no &lt;b&gt;"} {
			if !strings.Contains(text, part) {
				t.Errorf("%d kinds of change: %q is missing:\n%s", kinds, part, text[:min(len(text), 600)])
			}
		}
		if strings.Count(text, "<details>") != strings.Count(text, "</details>") || strings.Count(text, "```")%2 != 0 {
			t.Errorf("%d kinds of change: something is left open", kinds)
		}
		if kinds == 1 && (len(text) > 5000 || !strings.Contains(text, "200 clusters: kube-0, kube-1")) {
			t.Errorf("one change takes %d bytes", len(text))
		}
		t.Logf("%d kinds of change: %d bytes", kinds, len(text))
	}
}

// The schema stays: a field that goes or is renamed is another schema.
func TestPlan_Schema(t *testing.T) {
	t.Parallel()
	var names []string
	for _, of := range []any{Plan{}, Summary{}, Object{}, Field{}, Deletion{}, PoolImpact{}, Finding{}, Fleet{}} {
		kind := reflect.TypeOf(of)
		for i := range kind.NumField() {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			names = append(names, kind.Name()+"."+name)
		}
	}
	for _, want := range strings.Fields(`Plan.schema Plan.cluster Plan.alias Plan.channel Plan.revision Plan.basis Plan.at Plan.verdict Plan.changes Plan.blocked
		Plan.summary Plan.objects Plan.drift Plan.deletions Plan.departed Plan.pools Plan.findings Summary.create Summary.change Summary.unchanged
		Summary.drift Summary.delete Summary.departed Summary.pools Summary.nodes Summary.seconds Summary.node_hours Object.component Object.ref Object.action
		Object.adopts Object.fields Field.path Field.op Field.from Field.to Field.by Field.since Deletion.ref Deletion.phase Deletion.entry Deletion.contents
		PoolImpact.pool PoolImpact.nodes PoolImpact.replaced PoolImpact.removed PoolImpact.new PoolImpact.why PoolImpact.surge PoolImpact.seconds
		PoolImpact.node_hours Finding.check Finding.severity Finding.object Finding.component Finding.reason Finding.remedy Fleet.items Fleet.failed`) {
		if !slices.Contains(names, want) {
			t.Errorf("%s is gone from the schema %s", want, Schema)
		}
	}
	// Lists are lists also when they are empty.
	in := world("v1.36.3")
	text, _ := json.Marshal(Build(in))
	if strings.Contains(string(text), "null") {
		t.Errorf("a null in an empty plan: %s", text)
	}
}

// Compared with an earlier rendering, what is missing goes.
func TestBuild_Applied(t *testing.T) {
	t.Parallel()
	before, now := world(""), world("")
	before.manifest(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {a: b}}\ndata: {a: \"1\", b: \"2\"}")
	before.manifest(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: left}")
	before.manifest(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: deleted}")
	now.manifest(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: \"1\", c: \"3\"}")
	now.Bundle.PostApply = []fairway.Deletion{{Kind: "ConfigMap", Name: "deleted"}}
	now.Observed = Applied(before.Bundle, now.Bundle)
	p := Build(now)
	var paths []string
	for _, f := range p.Objects[0].Fields {
		paths = append(paths, string(f.Op)+" "+f.Path)
	}
	slices.Sort(paths)
	if diff := cmp.Diff([]string{"add data.c", "remove data.b", "remove metadata.labels"}, paths); diff != "" {
		t.Error(diff)
	}
	if len(p.Deletions) != 1 || len(p.Departed) != 1 || p.Departed[0].Name != "left" || p.Basis != BasisApplied {
		t.Errorf("%+v %+v", p.Deletions, p.Departed)
	}
	now.Observed = Applied(now.Bundle, now.Bundle)
	if p := Build(now); p.Changes || p.Summary.Unchanged != 1 {
		t.Errorf("against itself: %+v", p)
	}
}

func digest(o fairway.Object) string { return manifest.Digest(o) }
