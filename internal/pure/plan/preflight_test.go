package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

func object(t *testing.T, text string) fairway.Object {
	t.Helper()
	var o map[string]any
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return o
}

// world is an input with three workers and a control-plane node of a version.
func world(version string) Input {
	w := &fairway.Workloads{}
	for i := range 3 {
		w.Nodes = append(w.Nodes, fairway.Node{Name: fmt.Sprintf("n%d", i), KubeletVersion: version, Labels: map[string]string{"kubernetes.io/os": "linux"}})
	}
	return Input{
		Cluster: &fairway.Cluster{ID: "c"}, Bundle: &fairway.Bundle{Components: []fairway.Component{{Name: "all"}}},
		Observed: Observed{Basis: BasisLive, Version: version, Workloads: w, Live: map[Key]fairway.Object{}}, Now: time.Unix(0, 0),
	}
}

// upgrades makes it a world of one version that is to run another.
func (in *Input) upgrades(from, to string) {
	in.Observed.Version, in.Target = from, to
	for i := range in.Observed.Workloads.Nodes {
		in.Observed.Workloads.Nodes[i].KubeletVersion = from
	}
}

func (in *Input) manifest(t *testing.T, text string) {
	t.Helper()
	in.Bundle.Components[0].Objects = append(in.Bundle.Components[0].Objects, object(t, text))
}

func (in *Input) live(t *testing.T, text string) {
	t.Helper()
	in.Observed.Others = append(in.Observed.Others, object(t, text))
}

// rolls adds a pool of which n0 is replaced.
func (in *Input) rolls(group fairway.Group) {
	group.Pool = "workers"
	in.Pools = append(in.Pools, Pool{
		Spec:       fairway.PoolSpec{Pool: fairway.NodePool{Name: "workers", Profile: "worker", MaxSize: int64(group.Max)}},
		Settings:   roll.Settings{Surge: 3},
		Group:      &group,
		Generation: "new",
		Instances: []fairway.Instance{
			{ID: "i0", Pool: "workers", Generation: "old", NodeName: "n0", State: fairway.InstanceInService},
			{ID: "i1", Pool: "workers", Generation: "new", NodeName: "n1", State: fairway.InstanceInService},
		},
	})
}

// pod adds a pod under budgets, by their names.
func (in *Input) pod(p fairway.Pod, budgets ...string) {
	w := in.Observed.Workloads
	p.Namespace, p.UID, p.Ready = "shop", p.Name, true
	w.Pods = append(w.Pods, p)
	for i := range w.Budgets {
		for _, b := range budgets {
			if w.Budgets[i].Name == b {
				w.Budgets[i].PodUIDs = append(w.Budgets[i].PodUIDs, p.UID)
			}
		}
	}
}

const bgpPeer = "apiVersion: crd.projectcalico.org/v1\nkind: BGPPeer\nmetadata: {name: reflectors}\nspec: {nodeSelector: \"%s\"}\n"

const hook = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: policy}
webhooks:
- name: policy.example.org
  %s
  clientConfig: {service: {namespace: policy, name: hook}}
  rules: [{apiGroups: [%q], apiVersions: ["*"], resources: [%q], operations: [CREATE, UPDATE]}]
`

// fixture is what a finding is about, and a near miss.
type fixture struct {
	name        string
	check       Check
	says        string
	blocks, not func(t *testing.T, in *Input)
}

// holdsFor checks that fixtures block, and that their twins have no finding.
func holdsFor(t *testing.T, all []fixture) {
	t.Helper()
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bad, good := world("v1.36.3"), world("v1.36.3")
			c.blocks(t, &bad)
			c.not(t, &good)
			found := false
			p := Build(bad)
			for _, f := range p.Findings {
				if f.Object == "" || f.Reason == "" || f.Remedy == "" {
					t.Errorf("an incomplete finding: %+v", f)
				}
				if !slices.Contains(checks, f.Check) {
					t.Errorf("nobody knows the check %s: it could not be accepted", f.Check)
				}
				found = found || f.Check == c.check && f.Severity == Block && strings.Contains(fmt.Sprint(f), c.says)
			}
			if !found || !p.Blocked || !strings.HasPrefix(p.Verdict, "BLOCKED") {
				t.Errorf("nothing of %s blocks and says %q: %q %+v", c.check, c.says, p.Verdict, p.Findings)
			}
			if p := Build(good); len(p.Findings) > 0 || p.Blocked {
				t.Errorf("the twin does not pass: %+v", p.Findings)
			}
		})
	}
}

// Every finding has a fixture that blocks and a near-miss twin that passes.
func TestPreflight(t *testing.T) {
	t.Parallel()
	budget := func(name string, desired, expected, allowed int) func(*Input) {
		return func(in *Input) {
			in.Observed.Workloads.Budgets = append(in.Observed.Workloads.Budgets, fairway.Budget{
				Namespace: "shop", Name: name, DesiredHealthy: desired, ExpectedPods: expected, CurrentHealthy: expected, DisruptionsAllowed: allowed,
			})
		}
	}
	holdsFor(t, []fixture{
		{"a manifest of a removed version", CheckRemovedAPI, "policy/v1", func(t *testing.T, in *Input) {
			in.manifest(t, "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: x}")
		}, func(t *testing.T, in *Input) {
			in.manifest(t, "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}")
		}},
		{"a manifest of a version that the target removes", CheckRemovedAPI, "1.34", func(t *testing.T, in *Input) {
			in.upgrades("v1.33.1", "1.34")
			in.manifest(t, "apiVersion: admissionregistration.k8s.io/v1beta1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: x}")
		}, func(t *testing.T, in *Input) {
			in.upgrades("v1.32.1", "1.33")
			in.manifest(t, "apiVersion: admissionregistration.k8s.io/v1beta1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: x}")
		}},
		{"kubectl applied a version that the upgrade removes", CheckRemovedAPI, "kubectl apply", func(t *testing.T, in *Input) {
			in.upgrades("v1.31.0", "1.32")
			in.live(t, "apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: FlowSchema\nmetadata: {name: x, annotations: {"+annotationLastApplied+`: '{"apiVersion":"flowcontrol.apiserver.k8s.io/v1beta3"}'}}`)
		}, func(t *testing.T, in *Input) { // long gone: a trace of the past
			in.upgrades("v1.32.0", "1.33")
			in.live(t, "apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: FlowSchema\nmetadata: {name: x, annotations: {"+annotationLastApplied+`: '{"apiVersion":"flowcontrol.apiserver.k8s.io/v1beta3"}'}}`)
		}},
		{"a manager writes a version that the upgrade removes", CheckRemovedAPI, "manager helm", func(t *testing.T, in *Input) {
			in.upgrades("v1.24.9", "1.25")
			in.live(t, "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x, managedFields: [{manager: helm, apiVersion: batch/v1beta1}]}")
		}, func(t *testing.T, in *Input) {
			in.upgrades("v1.24.9", "1.25")
			in.live(t, "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x, managedFields: [{manager: helm, apiVersion: batch/v1}]}")
		}},
		{"route reflectors selected by a label that goes", CheckRemovedLabel, "node-role.kubernetes.io/control-plane", func(t *testing.T, in *Input) {
			in.upgrades("v1.23.6", "1.24")
			in.Observed.Workloads.Nodes[0].Labels["node-role.kubernetes.io/master"] = ""
			in.live(t, fmt.Sprintf(bgpPeer, "has(node-role.kubernetes.io/master)"))
		}, func(t *testing.T, in *Input) {
			in.upgrades("v1.23.6", "1.24")
			in.live(t, fmt.Sprintf(bgpPeer, "has(node-role.kubernetes.io/control-plane)"))
		}},
		{"a node selector", CheckRemovedLabel, "kubernetes.io/os", func(t *testing.T, in *Input) {
			in.manifest(t, "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: x}\nspec: {template: {spec: {nodeSelector: {beta.kubernetes.io/os: linux}}}}")
		}, func(t *testing.T, in *Input) {
			in.manifest(t, "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: x, annotations: {was: beta.kubernetes.io/os}}\nspec: {template: {spec: {nodeSelector: {kubernetes.io/os: linux}}}}")
		}},
		{"an affinity", CheckRemovedLabel, "requires", func(t *testing.T, in *Input) {
			in.manifest(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: node-role.kubernetes.io/master, operator: Exists}]}]}}}}}}")
		}, func(t *testing.T, in *Input) { // either label will do
			in.manifest(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: node-role.kubernetes.io/master, operator: Exists}]}, {matchExpressions: [{key: node-role.kubernetes.io/control-plane, operator: Exists}]}]}}}}}}")
		}},
		{"a spread over a zone of old", CheckRemovedLabel, "topology.kubernetes.io/zone", func(t *testing.T, in *Input) {
			in.manifest(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {topologySpreadConstraints: [{topologyKey: failure-domain.beta.kubernetes.io/zone}]}}}")
		}, func(t *testing.T, in *Input) {
			in.manifest(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {topologySpreadConstraints: [{topologyKey: topology.kubernetes.io/zone}]}}}")
		}},
		{"a kubelet too old", CheckSkew, "n1", func(t *testing.T, in *Input) {
			in.upgrades("v1.33.0", "1.34")
			in.Observed.Workloads.Nodes[1].KubeletVersion = "v1.30.9"
		}, func(t *testing.T, in *Input) {
			in.upgrades("v1.33.0", "1.34")
			in.Observed.Workloads.Nodes[1].KubeletVersion = "v1.31.0"
		}},
		{"a kubelet too new", CheckSkew, "newer", func(t *testing.T, in *Input) {
			in.Observed.Workloads.Nodes[2].KubeletVersion = "v1.37.0"
		}, func(t *testing.T, in *Input) {
			in.Observed.Workloads.Nodes[2].KubeletVersion = "v1.36.9-eks-123"
		}},
		{"two steps of the control plane at once", CheckSkew, "1.35 first", func(t *testing.T, in *Input) {
			in.upgrades("v1.34.0", "1.36")
			in.Observed.Workloads.Nodes = nil
		}, func(t *testing.T, in *Input) {
			in.upgrades("v1.34.0", "v1.35.2")
			in.Observed.Workloads.Nodes = nil
		}},
		{"a webhook on nodes", CheckWebhook, "nodes", func(t *testing.T, in *Input) {
			in.manifest(t, fmt.Sprintf(hook, "failurePolicy: Fail", "", "nodes"))
		}, func(t *testing.T, in *Input) {
			in.manifest(t, fmt.Sprintf(hook, "failurePolicy: Ignore", "", "nodes"))
		}},
		{"a webhook on leases", CheckWebhook, "leases", func(t *testing.T, in *Input) {
			in.live(t, fmt.Sprintf(hook, "timeoutSeconds: 5", "coordination.k8s.io", "leases"))
		}, func(t *testing.T, in *Input) {
			in.live(t, fmt.Sprintf(hook, "namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system, kube-node-lease]}]}", "coordination.k8s.io", "leases"))
		}},
		{"a webhook on the pods of kube-system", CheckWebhook, "pods of kube-system", func(t *testing.T, in *Input) {
			in.live(t, fmt.Sprintf(hook, "failurePolicy: Fail", "*", "*"))
		}, func(t *testing.T, in *Input) {
			in.live(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system, labels: {admission: none}}")
			in.live(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: policy, labels: {admission: none}}")
			in.live(t, fmt.Sprintf(hook, "namespaceSelector: {matchExpressions: [{key: admission, operator: DoesNotExist}]}", "", "pods"))
		}},
		{"a webhook that nothing answers", CheckWebhook, "policy/hook", func(t *testing.T, in *Input) {
			in.Observed.Endpoints = map[string]bool{"policy/hook": false}
			in.live(t, fmt.Sprintf(hook, "failurePolicy: Fail", "apps", "deployments"))
		}, func(t *testing.T, in *Input) {
			in.Observed.Endpoints = map[string]bool{"policy/hook": true}
			in.live(t, fmt.Sprintf(hook, "failurePolicy: Fail", "apps", "deployments"))
		}},
		{"a webhook of the configuration whose service is broken", CheckWebhook, "policy/hook", func(t *testing.T, in *Input) {
			in.Observed.Endpoints = map[string]bool{"policy/hook": false}
			in.manifest(t, fmt.Sprintf(hook, "failurePolicy: Fail", "apps", "deployments"))
		}, func(t *testing.T, in *Input) { // its service comes with the same update
			in.Observed.Endpoints = map[string]bool{"policy/hook": false}
			in.manifest(t, fmt.Sprintf(hook, "failurePolicy: Fail", "apps", "deployments"))
			in.manifest(t, "apiVersion: v1\nkind: Service\nmetadata: {name: hook, namespace: policy}")
		}},
		{"a budget without room on a node that is replaced", CheckBudget, "shop/web-0", func(t *testing.T, in *Input) {
			in.rolls(fairway.Group{Max: 9})
			budget("web", 1, 1, 0)(in)
			in.pod(fairway.Pod{Name: "web-0", Node: "n0"}, "web")
		}, func(t *testing.T, in *Input) { // on a node that stays
			in.rolls(fairway.Group{Max: 9})
			budget("web", 1, 1, 0)(in)
			in.pod(fairway.Pod{Name: "web-0", Node: "n1"}, "web")
		}},
		{"a budget on a leader alone", CheckBudget, "shop/db-1", func(t *testing.T, in *Input) {
			in.rolls(fairway.Group{Max: 9})
			budget("db-primary", 1, 1, 0)(in)
			in.pod(fairway.Pod{Name: "db-1", Node: "n0", Service: "shop/db", Role: "leader"}, "db-primary")
		}, func(t *testing.T, in *Input) { // the operator moves the leader to its replica
			in.rolls(fairway.Group{Max: 9})
			budget("db-primary", 1, 1, 0)(in)
			in.pod(fairway.Pod{Name: "db-1", Node: "n0", Service: "shop/db", Role: "leader"}, "db-primary")
			in.pod(fairway.Pod{Name: "db-2", Node: "n1", Service: "shop/db", Role: "replica"})
		}},
		{"a budget that the configuration makes impossible", CheckBudget, "2 of 2", func(t *testing.T, in *Input) {
			in.rolls(fairway.Group{Max: 9})
			budget("web", 1, 2, 1)(in)
			in.pod(fairway.Pod{Name: "web-0", Node: "n0", Labels: map[string]string{"app": "web"}}, "web")
			in.pod(fairway.Pod{Name: "web-1", Node: "n1", Labels: map[string]string{"app": "web"}}, "web")
			in.manifest(t, "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\nspec: {maxUnavailable: 0, selector: {matchLabels: {app: web}}}")
		}, func(t *testing.T, in *Input) { // one that it makes possible
			in.rolls(fairway.Group{Max: 9})
			budget("web", 2, 2, 0)(in)
			in.pod(fairway.Pod{Name: "web-0", Node: "n0", Labels: map[string]string{"app": "web"}}, "web")
			in.pod(fairway.Pod{Name: "web-1", Node: "n1", Labels: map[string]string{"app": "web"}}, "web")
			in.manifest(t, "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\nspec: {minAvailable: 50%, selector: {matchLabels: {app: web}}}")
		}},
		{"two budgets on a pod", CheckBudget, "shop/a and shop/b", func(t *testing.T, in *Input) {
			in.rolls(fairway.Group{Max: 9})
			budget("a", 1, 2, 1)(in)
			budget("b", 1, 2, 1)(in)
			in.pod(fairway.Pod{Name: "web-0", Node: "n0"}, "a", "b")
		}, func(t *testing.T, in *Input) {
			in.rolls(fairway.Group{Max: 9})
			budget("a", 1, 2, 1)(in)
			budget("b", 1, 2, 1)(in)
			in.pod(fairway.Pod{Name: "web-0", Node: "n0"}, "a")
			in.pod(fairway.Pod{Name: "web-1", Node: "n0"}, "b")
		}},
		{"many deletions", CheckLargeDeletion, "4 objects", func(t *testing.T, in *Input) {
			in.Observed.Deleted = deletions(4)
		}, func(t *testing.T, in *Input) {
			in.Observed.Deleted = deletions(3)
		}},
		{"many deletions of a large cluster", CheckLargeDeletion, "6 objects", func(t *testing.T, in *Input) {
			in.Observed.Deleted = deletions(6)
			in.Observed.Left = remaining(100)
		}, func(t *testing.T, in *Input) {
			in.Observed.Deleted = deletions(5)
			in.Observed.Left = remaining(100)
		}},
		{"a namespace with contents", CheckLargeDeletion, "2 objects", func(t *testing.T, in *Input) {
			in.Observed.Deleted = []Deletion{{Ref: fairway.ObjectRef{APIVersion: "v1", Kind: "Namespace", Name: "x"}, Contents: "2 objects"}}
		}, func(t *testing.T, in *Input) {
			in.Observed.Deleted = []Deletion{{Ref: fairway.ObjectRef{APIVersion: "v1", Kind: "Namespace", Name: "x"}}}
		}},
		{"a no-op that is none", CheckNoOp, "delete ConfigMap", func(t *testing.T, in *Input) {
			in.NoOp, in.Observed.Deleted = true, deletions(1)
		}, func(t *testing.T, in *Input) {
			in.NoOp = true
		}},
		{"a cloud without room", CheckRoom, "VcpuLimitExceeded", func(t *testing.T, in *Input) {
			in.rolls(fairway.Group{Max: 9, Refusals: []string{"VcpuLimitExceeded: 64"}})
		}, func(t *testing.T, in *Input) {
			in.rolls(fairway.Group{Max: 9})
		}},
		{"an object of an unknown kind", CheckKind, "Thing", func(t *testing.T, in *Input) {
			in.Observed.Unserved = map[string]bool{"example.org/v1/Thing": true}
			in.manifest(t, "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: x}")
		}, func(t *testing.T, in *Input) { // its definition comes before it
			in.Observed.Unserved = map[string]bool{"example.org/v1/Thing": true}
			in.manifest(t, "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: x}")
			in.manifest(t, "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.org}\nspec: {group: example.org, names: {kind: Thing}, versions: [{name: v1}]}")
		}},
		{"a deletion of an unknown kind", CheckKind, "deletions.yaml", func(t *testing.T, in *Input) {
			in.Observed.Unserved = map[string]bool{"podsecuritypolicy": true}
			in.Bundle.PostApply = []fairway.Deletion{{Kind: "podsecuritypolicy", Name: "x"}}
		}, func(t *testing.T, in *Input) {
			in.Bundle.PostApply = []fairway.Deletion{{Kind: "configmap", Name: "x"}}
		}},
		{"a selector that changes", CheckImmutable, "spec.selector", func(t *testing.T, in *Input) {
			in.deployed(t, "{app: old}", "{app: new}")
		}, func(t *testing.T, in *Input) { // deleted before, and made anew
			in.deployed(t, "{app: old}", "{app: new}")
			in.Observed.Deleted = []Deletion{{Ref: fairway.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Name: "x"}, Phase: "before"}}
		}},
	})
}

func deletions(n int) []Deletion {
	var all []Deletion
	for i := range n {
		all = append(all, Deletion{Ref: fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Name: fmt.Sprint(i)}})
	}
	return all
}

// deployed is a Deployment that lives with one selector and is to have another.
func (in *Input) deployed(t *testing.T, is, wanted string) {
	t.Helper()
	const text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x%s}\nspec: {selector: {matchLabels: %s}}"
	in.manifest(t, fmt.Sprintf(text, "", wanted))
	live := object(t, fmt.Sprintf(text, ", managedFields: [{manager: fairway, operation: Apply, apiVersion: apps/v1, fieldsV1: {\"f:spec\": {\"f:selector\": {}}}}]", is))
	in.Observed.Live[KeyOf(live.Ref())] = live
}

// What only deserves a look does not block.
func TestPreflight_Warnings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says string
		make func(t *testing.T, in *Input)
	}{
		"a toleration of the old taint alone": {"tolerates only", func(t *testing.T, in *Input) {
			in.manifest(t, "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: x}\nspec: {template: {spec: {tolerations: [{key: node-role.kubernetes.io/master}]}}}")
		}},
		"a deprecated label that the nodes have": {"3 of 3", func(t *testing.T, in *Input) {
			for _, n := range in.Observed.Workloads.Nodes {
				n.Labels["beta.kubernetes.io/arch"] = "amd64"
			}
			in.manifest(t, "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: x}\nspec: {template: {spec: {nodeSelector: {beta.kubernetes.io/arch: amd64}}}}")
		}},
		"not on masters": {"avoids", func(t *testing.T, in *Input) {
			in.live(t, fmt.Sprintf(bgpPeer, "!has(node-role.kubernetes.io/master)"))
		}},
		"a pool at its maximum": {"lacks nodes", func(t *testing.T, in *Input) { in.rolls(fairway.Group{Max: 2}) }},
		"a webhook with conditions": {"nodes", func(t *testing.T, in *Input) {
			in.manifest(t, fmt.Sprintf(hook, "matchConditions: [{name: a, expression: 'true'}]", "", "nodes"))
		}},
		"what could not be read": {"things: Forbidden", func(t *testing.T, in *Input) { in.Observed.Unread = []string{"things: Forbidden"} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := world("v1.36.3")
			c.make(t, &in)
			p := Build(in)
			if len(p.Findings) != 1 || p.Findings[0].Severity != Warn || p.Blocked || !strings.Contains(p.Findings[0].Reason, c.says) {
				t.Errorf("%+v", p.Findings)
			}
		})
	}
}

// An object that tolerates both, or everything, is fine.
func TestPreflight_TolerationsOfBoth(t *testing.T) {
	t.Parallel()
	for _, tolerations := range []string{"[{key: node-role.kubernetes.io/master}, {key: node-role.kubernetes.io/control-plane}]", "[{operator: Exists}, {key: node-role.kubernetes.io/master}]"} {
		in := world("v1.36.3")
		in.manifest(t, "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: x}\nspec: {template: {spec: {tolerations: "+tolerations+"}}}")
		if p := Build(in); len(p.Findings) > 0 {
			t.Errorf("%s: %+v", tolerations, p.Findings)
		}
	}
}

// remaining are objects that left the configuration and exist.
func remaining(n int) []fairway.ObjectRef {
	var refs []fairway.ObjectRef
	for i := range n {
		refs = append(refs, fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "remaining", Name: fmt.Sprint("c", i)})
	}
	return refs
}
