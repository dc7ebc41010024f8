package kube

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/localkubetest"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// ofEveryKind are objects with everything that API servers store in another form
// than it was applied: defaults, amounts, empty values, lists with and without
// keys. NS stands for a namespace.
const ofEveryKind = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS, labels: {app: web}, annotations: {note: ""}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxSurge: 1}}
  template:
    metadata: {labels: {app: web}, creationTimestamp: null}
    spec:
      serviceAccountName: web
      automountServiceAccountToken: false
      hostNetwork: false
      nodeSelector: {kubernetes.io/os: linux}
      tolerations: [{key: a, operator: Exists}, {key: b, value: c, effect: NoSchedule}]
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 1
            podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      initContainers: []
      containers:
      - name: main
        image: web:1
        args: ["--a", "--b"]
        env:
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: CPU, valueFrom: {resourceFieldRef: {containerName: main, resource: limits.cpu}}}
        - {name: EMPTY, value: ""}
        - {name: DB_PASSWORD, value: correct-horse-battery}
        ports: [{containerPort: 80}, {containerPort: 53, protocol: UDP}]
        resources: {limits: {cpu: 1000m, memory: 1024Mi}, requests: {cpu: "0.1", memory: 0.5Gi}}
        readinessProbe: {httpGet: {path: /, port: 80}}
        securityContext: {}
        volumeMounts: [{name: tmp, mountPath: /tmp}, {name: token, mountPath: /token}]
      - {name: side, image: "side:1", command: []}
      volumes:
      - {name: tmp, emptyDir: {}}
      - name: token
        projected: {sources: [{serviceAccountToken: {path: token}}, {downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: NS}
automountServiceAccountToken: false
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: NS}
spec: {selector: {app: web}, ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP, targetPort: dns}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: NS}
spec:
  serviceName: db
  replicas: 0
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: "db:1", env: []}]}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: NS}
spec:
  selector: {matchLabels: {app: agent}}
  template: {metadata: {labels: {app: agent}}, spec: {hostNetwork: true, containers: [{name: agent, image: "agent:1", ports: [{containerPort: 9100}]}]}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tidy, namespace: NS}
spec:
  schedule: "0 * * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: tidy, image: "tidy:1"}]}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: NS}
spec: {podSelector: {}, ingress: [{ports: [{port: 80}], from: [{namespaceSelector: {}}]}], egress: [{}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: NS}
spec: {rules: [{host: a.example.org, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}]}}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web, namespace: NS}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list], resourceNames: [a]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: web, namespace: NS}, {kind: User, name: ada}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: NS}
spec: {minAvailable: 50%, selector: {matchLabels: {app: web}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: NS}
spec:
  maxReplicas: 3
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: other}
  metrics: [{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1024Mi}}}]
  behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 60}]}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: NS}
data: {a: "1", b.yaml: "x: 1\ny: 2\n", empty: ""}
---
apiVersion: v1
kind: Secret
metadata: {name: web, namespace: NS}
data: {a: Zmlyc3Q=}
stringData: {b: second}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: web, namespace: NS}
spec: {hard: {cpu: 1000m, requests.memory: 1024Mi}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.NS.example.org}
spec:
  group: NS.example.org
  scope: Namespaced
  names: {plural: things, kind: Thing}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {type: integer, default: 3}
              list: {type: array, items: {type: object, properties: {a: {type: string}}}}
              selector: {type: string}
---
apiVersion: NS.example.org/v1
kind: Thing
metadata: {name: one, namespace: NS}
spec: {list: [{a: x}], selector: all()}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: NS-high}
value: 1000
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: NS-fast}
provisioner: example.org/fast
parameters: {type: fast}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: NS-hook}
webhooks:
- name: hook.example.org
  failurePolicy: Ignore
  sideEffects: None
  admissionReviewVersions: [v1]
  clientConfig: {service: {namespace: NS, name: nobody}}
  rules: [{apiGroups: [NS.example.org], apiVersions: [v1], resources: [nothings], operations: [CREATE]}]
`

// documents decodes manifests.
func documents(t *testing.T, text, namespace string) []fairway.Object {
	t.Helper()
	var all []fairway.Object
	for _, d := range strings.Split(strings.ReplaceAll(text, "NS", namespace), "\n---\n") {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(d), &o); err != nil {
			t.Fatalf("%v: %s", err, d)
		}
		all = append(all, o)
	}
	return all
}

// planned observes a cluster and plans objects for it.
func planned(t *testing.T, c *Cluster, objects []fairway.Object, inventory []fairway.InventoryItem, more ...func(*fairway.Bundle)) *plan.Plan {
	t.Helper()
	b := &fairway.Bundle{Components: []fairway.Component{{Name: "all", Objects: objects}}}
	for _, change := range more {
		change(b)
	}
	observed, err := c.Observe(t.Context(), b, inventory)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Build(plan.Input{Cluster: &fairway.Cluster{ID: "c"}, Bundle: b, Observed: *observed})
}

// show writes what a plan does in lines.
func show(objects []plan.Object) []string {
	var lines []string
	for _, o := range objects {
		head := fmt.Sprintf("%s %s", o.Action, strings.TrimPrefix(o.Ref.String(), "Deployment/"))
		if len(o.Fields) == 0 {
			lines = append(lines, head)
		}
		for _, f := range o.Fields {
			lines = append(lines, fmt.Sprintf("%s: %s %s %v -> %v", head, f.Op, f.Path, f.From, f.To))
		}
	}
	return lines
}

// What was applied is no change, whatever the API server made of it, and each of
// many changes is foretold with its fields and is what an apply then does.
func TestObserve_PlanIsWhatHappens(t *testing.T) {
	t.Parallel()
	c := connect(t)
	ns := namespace(t, c)
	objects := documents(t, ofEveryKind, ns)
	if got := planned(t, c, objects, nil); got.Summary.Create != len(objects) || got.Summary.Unchanged+got.Summary.Change != 0 {
		t.Errorf("before the first apply: %+v", got.Summary)
	}
	for _, o := range objects {
		apply(t, c, o)
	}
	p := planned(t, c, objects, nil)
	if p.Summary.Unchanged != len(objects) {
		t.Errorf("right after an apply: %+v\n%s\ndrift:\n%s", p.Summary, strings.Join(show(p.Objects), "\n"), strings.Join(show(p.Drift), "\n"))
	}
	for _, change := range []struct{ name, from, to, want string }{
		{"a value", "image: web:1", "image: web:2", "set spec.template.spec.containers[name=main].image web:1 -> web:2"},
		{"an amount", "cpu: 1000m, memory: 1024Mi}, req", "cpu: 2, memory: 1Gi}, req", "set spec.template.spec.containers[name=main].resources.limits.cpu 1 -> 2"},
		{"a secret in env", "correct-horse-battery", "correct-horse-staples", "set spec.template.spec.containers[name=main].env[name=DB_PASSWORD].value *** -> ***"},
		{"an item of a list less", "        - {name: EMPTY, value: \"\"}\n", "", "remove spec.template.spec.containers[name=main].env[name=EMPTY]"},
		{"a port more", "[{containerPort: 80}, ", "[{containerPort: 80}, {containerPort: 81}, ", "add spec.template.spec.containers[name=main].ports[containerPort=81]"},
		{"a field less", "        readinessProbe: {httpGet: {path: /, port: 80}}\n", "", "remove spec.template.spec.containers[name=main].readinessProbe"},
		{"a toleration", "value: c", "value: d", "set spec.template.spec.tolerations"},
		{"a field of an item of a list that is one value", ", resourceNames: [a]", "", "set rules"},
		{"an optional false less", "      automountServiceAccountToken: false\n", "", "remove spec.template.spec.automountServiceAccountToken"},
		{"a false that becomes true", "automountServiceAccountToken: false\n---", "automountServiceAccountToken: true\n---", "set automountServiceAccountToken false -> true"},
		{"a file of a ConfigMap", "y: 2", "y: 3", `set data["b.yaml"]`},
		{"an entry of a ConfigMap less", ", empty: \"\"", "", "remove data.empty"},
		{"a secret", "Zmlyc3Q=", "c2Vjb25k", "set data.a *** -> ***"},
		{"a secret in plain text", "b: second", "b: third", "set data.b *** -> ***"},
		{"a label more", "labels: {app: web}, annotations", "labels: {app: web, tier: front}, annotations", "add metadata.labels.tier"},
		{"a default, now named", "schedule: \"0 * * * *\"\n", "schedule: \"0 * * * *\"\n  suspend: false\n", "own spec.suspend"},
		{"a custom object", "selector: all()", "selector: some()", "set spec.selector all() -> some()"},
		{"a port of a policy", "ports: [{port: 80}]", "ports: [{port: 81}]", "set spec.ingress"},
		{"a budget", "minAvailable: 50%", "minAvailable: 1", "set spec.minAvailable 50% -> 1"},
		{"a subject less", ", {kind: User, name: ada}]", "]", "set subjects"},
	} {
		changed := documents(t, strings.Replace(ofEveryKind, change.from, change.to, 1), ns)
		p := planned(t, c, changed, nil)
		lines := show(p.Objects)
		if len(lines) != 1 || !strings.Contains(lines[0], change.want) || len(p.Drift) > 0 {
			t.Errorf("%s: planned\n%s\ndrift %s\nwant %s", change.name, strings.Join(lines, "\n"), show(p.Drift), change.want)
		}
		will := map[string]bool{}
		for _, o := range p.Objects {
			will[o.Ref.String()] = true
		}
		for _, o := range changed {
			if did := apply(t, c, o) != fairway.ActionUnchanged; did != will[o.Ref().String()] {
				t.Errorf("%s: apply changed %s: %v, planned %v", change.name, o.Ref(), did, will[o.Ref().String()])
			}
		}
		for _, o := range objects { // and back
			if will[o.Ref().String()] {
				apply(t, c, o)
			}
		}
	}
}

// What another manager changed by hand is drift, apart from what the
// configuration changes.
func TestObserve_Drift(t *testing.T) {
	t.Parallel()
	c := connect(t)
	ns := namespace(t, c)
	objects := documents(t, ofEveryKind, ns)[:1]
	apply(t, c, objects[0])
	patch := []byte(`{"metadata":{"labels":{"own":"theirs"}},"spec":{"replicas":5,"template":{"spec":{"containers":[{"name":"main","image":"web:hack"}]}}}}`)
	deployments := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	if _, err := c.dynamic.Resource(deployments).Namespace(ns).Patch(t.Context(), "web", types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
	objects[0]["spec"].(map[string]any)["minReadySeconds"] = 4
	p := planned(t, c, objects, nil)
	head := "change " + ns + "/web: "
	if diff := cmp.Diff([]string{head + "add spec.minReadySeconds <nil> -> 4"}, show(p.Objects)); diff != "" {
		t.Error("changes", diff)
	}
	if diff := cmp.Diff([]string{
		head + "set spec.replicas 5 -> 2", head + "set spec.template.spec.containers[name=main].image web:hack -> web:1",
	}, show(p.Drift)); diff != "" {
		t.Error("drift", diff)
	}
	if len(p.Drift) == 1 && (p.Drift[0].Fields[0].By != "kubectl-edit" || p.Drift[0].Fields[0].Since == "") {
		t.Errorf("drift does not say by whom: %+v", p.Drift[0].Fields)
	}
}

// Without an inventory, what the field manager of Fairway applied and the
// configuration does not have any more is found by its owner, and nothing else is.
func TestObserve_Departed(t *testing.T) {
	t.Parallel()
	connected := connect(t)
	c, err := New(Options{Kubeconfig: kubeconfig(t), FieldManager: "departing"})
	if err != nil {
		t.Fatal(err)
	}
	ns := namespace(t, connected)
	apply(t, connected, configMap(ns, "of-another", "x", nil))
	objects := []fairway.Object{configMap(ns, "stays", "x", nil), configMap(ns, "left", "x", nil), deployment(ns, "left", "web:1", 0, nil)}
	for _, o := range objects {
		apply(t, c, o)
	}
	p := planned(t, c, objects[:1], nil)
	var left []string
	for _, ref := range p.Departed {
		left = append(left, ref.String())
	}
	if diff := cmp.Diff([]string{"ConfigMap/" + ns + "/left", "Deployment/" + ns + "/left"}, left); diff != "" {
		t.Error(diff)
	}
}

// verbs counts requests by what they are, and remembers those refused.
type verbs struct {
	http.RoundTripper
	mu      sync.Mutex
	seen    map[string]int
	refused []string
}

func (v *verbs) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := v.RoundTripper.RoundTrip(r)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen[r.Method]++
	if err == nil && (response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusUnauthorized) {
		v.refused = append(v.refused, r.Method+" "+r.URL.Path)
	}
	return response, err
}

// A plan needs get, list and watch alone: made by a user who may nothing else,
// nothing is refused, nothing but reads is sent, and no object is another after
// it.
func TestObserve_ReadsAlone(t *testing.T) {
	t.Parallel()
	admin := connect(t)
	ns := namespace(t, admin)
	for _, o := range documents(t, strings.ReplaceAll(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: PLANNER}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: PLANNER}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: PLANNER}
subjects: [{kind: User, name: PLANNER}]
`, "PLANNER", ns+"-planner"), ns) {
		apply(t, admin, o)
	}
	objects := documents(t, ofEveryKind, ns)
	for _, o := range objects[:5] {
		apply(t, admin, o)
	}
	config, err := clientcmd.BuildConfigFromFlags("", localkubetest.Start(t).Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	count := &verbs{seen: map[string]int{}}
	config.Impersonate = rest.ImpersonationConfig{UserName: ns + "-planner"}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { count.RoundTripper = next; return count })
	c, err := New(Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	versions := func() string {
		var out bytes.Buffer
		for _, o := range objects[:5] {
			live, _, err := (&observation{Cluster: admin}).read(t.Context(), o.Ref())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&out, o.Ref(), live["metadata"].(map[string]any)["generation"])
		}
		return out.String()
	}
	before := versions()
	p := planned(t, c, objects, []fairway.InventoryItem{{Ref: objects[0].Ref()}, {Ref: fairway.ObjectRef{APIVersion: "v1", Kind: "Namespace", Name: ns}}}, func(b *fairway.Bundle) {
		b.PreApply = []fairway.Deletion{{Kind: "Deployment", Namespace: ns, Labels: map[string]string{"app": "web"}}, {Kind: "nothing", Name: "x"}}
		b.PostApply = []fairway.Deletion{{Kind: "Namespace", Name: ns}, {Kind: "ConfigMap", Namespace: ns, Name: "never-was"}}
	})
	if len(count.refused) > 0 || len(count.seen) != 1 || count.seen[http.MethodGet] == 0 {
		t.Errorf("requests: %v, refused: %v", count.seen, count.refused)
	}
	t.Logf("%d requests, all GET", count.seen[http.MethodGet])
	if after := versions(); after != before {
		t.Errorf("objects were changed: %s %s", before, after)
	}
	if len(p.Deletions) != 2 || p.Deletions[1].Contents == "" || len(p.Departed) != 0 {
		t.Errorf("deletions %+v, departed %v", p.Deletions, p.Departed)
	}
	if !p.Blocked {
		t.Errorf("a namespace with contents is deleted, and nothing blocks: %+v", p.Findings)
	}
	// The proof that the user may not write.
	if _, err := c.Apply(t.Context(), objects[0], nil); fairway.ErrorCode(err) != fairway.CodeForbidden {
		t.Errorf("the planner could write: %v", err)
	}
}
