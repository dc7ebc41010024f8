package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// grows adds a pool that does not exist yet and begins with so many nodes.
func (in *Input) grows(nodes int64) {
	in.Pools = append(in.Pools, Pool{Spec: fairway.PoolSpec{Pool: fairway.NodePool{Name: "new", Profile: "worker", MinSize: nodes, MaxSize: 9}}, Settings: roll.Settings{Surge: 3}})
}

// ranges gives the nodes ranges of a pod network.
func (in *Input) ranges(network string, of ...string) {
	in.Observed.PodNetwork = []string{network}
	for i, cidr := range of {
		in.Observed.Workloads.Nodes[i].PodCIDRs = []string{cidr}
	}
}

// The surge of a roll and new pools need quotas, addresses and ranges for pods.
func TestPreflight_Limits(t *testing.T) {
	t.Parallel()
	vcpus := func(left int) []fairway.Limit {
		return []fairway.Limit{{Name: "vCPUs of Standard instances", Left: left, Each: map[string]int{"workers": 4, "new": 8}}}
	}
	subnets := func(a, b int) []fairway.Limit {
		return []fairway.Limit{{Name: "addresses of subnet-a", Zone: "a", Left: a, Each: map[string]int{"workers": 10}}, {Name: "addresses of subnet-b", Zone: "b", Left: b, Each: map[string]int{"workers": 10}}}
	}
	zones := fairway.Group{Max: 9, Zones: []string{"a", "b"}}
	holdsFor(t, []fixture{
		{"a quota without room for one node more", CheckRoom, "3 are left", func(t *testing.T, in *Input) {
			in.rolls(fairway.Group{Max: 9})
			in.Limits = vcpus(3)
		}, func(t *testing.T, in *Input) {
			in.rolls(fairway.Group{Max: 9})
			in.Limits = vcpus(4)
		}},
		{"a quota that a new pool does not fit into", CheckRoom, "take 16", func(t *testing.T, in *Input) {
			in.grows(2)
			in.Limits = vcpus(15)
		}, func(t *testing.T, in *Input) {
			in.grows(2)
			in.Limits = vcpus(16)
		}},
		{"a quota that a new pool uses up", CheckRoom, "0 are left", func(t *testing.T, in *Input) {
			in.grows(1)
			in.rolls(fairway.Group{Max: 9})
			in.Limits = vcpus(8)
		}, func(t *testing.T, in *Input) { // another roll, which adds nothing
			in.grows(1)
			in.rolls(fairway.Group{Max: 9})
			in.Pools[1].Settings.Strategy = roll.OnDelete
			in.Limits = vcpus(8)
		}},
		{"subnets without addresses", CheckRoom, "addresses of subnet-a, addresses of subnet-b have room for 0 more nodes", func(t *testing.T, in *Input) {
			in.rolls(zones)
			in.Limits = subnets(9, 9)
		}, func(t *testing.T, in *Input) {
			in.rolls(zones)
			in.Limits = subnets(10, 10)
		}},
		{"a full subnet of the only zone", CheckRoom, "subnet-a", func(t *testing.T, in *Input) {
			in.rolls(fairway.Group{Max: 9, Zones: []string{"a"}})
			in.Limits = subnets(0, 99)
		}, func(t *testing.T, in *Input) { // the full one is of another zone
			in.rolls(fairway.Group{Max: 9, Zones: []string{"b"}})
			in.Limits = subnets(0, 99)
		}},
		{"no range of the pod network left", CheckRoom, "10.2.0.0/23", func(t *testing.T, in *Input) {
			in.rolls(fairway.Group{Max: 9})
			in.ranges("10.2.0.0/23", "10.2.0.0/24", "10.2.1.0/24")
		}, func(t *testing.T, in *Input) {
			in.rolls(fairway.Group{Max: 9})
			in.ranges("10.2.0.0/22", "10.2.0.0/24", "10.2.1.0/24", "10.2.2.0/24")
		}},
		{"a pod network by the configuration", CheckRoom, "node ranges", func(t *testing.T, in *Input) {
			in.rolls(fairway.Group{Max: 9})
			in.ranges("10.0.0.0/8", "10.2.0.0/24", "10.2.1.0/24")
			in.Bundle.Settings = map[string]string{"pod_network": "10.2.0.0/23"}
		}, func(t *testing.T, in *Input) { // whose nodes have no ranges: it is not given out by node
			in.rolls(fairway.Group{Max: 9})
			in.Bundle.Settings = map[string]string{"pod_network": "10.2.0.0/23"}
		}},
	})
	for name, c := range map[string]func(in *Input){
		"a quota for fewer at once":      func(in *Input) { in.Limits = vcpus(6) },
		"addresses in one zone alone":    func(in *Input) { in.Limits = subnets(0, 99) },
		"addresses for fewer at once":    func(in *Input) { in.Limits = subnets(10, 0) },
		"ranges of pods for fewer nodes": func(in *Input) { in.ranges("10.2.0.0/22", "10.2.0.0/24", "10.2.1.0/24", "10.2.2.0/24") },
	} {
		in := world("v1.36.3")
		in.rolls(zones)
		in.Pools[0].Instances = append(in.Pools[0].Instances, fairway.Instance{ID: "i2", Pool: "workers", Generation: "old", NodeName: "n2", State: fairway.InstanceInService})
		c(&in)
		if p := Build(in); len(p.Findings) != 1 || p.Findings[0].Severity != Warn || p.Findings[0].Check != CheckRoom {
			t.Errorf("%s: %+v", name, p.Findings)
		}
	}
}

const limited = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop%s}\nspec: {template: {spec: {containers: [{name: main, resources: %s}, {name: side}]}}}"

// uses makes web's limit change while its container uses so much.
func (in *Input) uses(t *testing.T, is, wanted string, bytes int64) {
	t.Helper()
	in.manifest(t, fmt.Sprintf(limited, "", wanted))
	live := object(t, fmt.Sprintf(limited, ", managedFields: [{manager: fairway, operation: Apply, fieldsV1: {\"f:spec\": {}}}]", is))
	in.Observed.Live[KeyOf(live.Ref())] = live
	in.Observed.Peaks = []Peak{{Kind: "Deployment", Namespace: "shop", Name: "web", Container: "main", Bytes: bytes, At: time.Unix(0, 0)}}
}

func TestPreflight_Memory(t *testing.T) {
	t.Parallel()
	const half, quarter = "{limits: {memory: 512Mi}}", "{limits: {memory: 256Mi}}"
	holdsFor(t, []fixture{
		{"a limit lowered under the peak", CheckMemory, "from 512 MiB to 256 MiB, and used 300 MiB at 1970-01-01T00:00:00Z", func(t *testing.T, in *Input) {
			in.uses(t, half, quarter, 300<<20)
		}, func(t *testing.T, in *Input) {
			in.uses(t, half, quarter, 256<<20)
		}},
		{"a first limit under the peak", CheckMemory, "gets a memory limit of 256 MiB", func(t *testing.T, in *Input) {
			in.uses(t, "{}", quarter, 300<<20)
		}, func(t *testing.T, in *Input) { // the limit stays, whatever was seen
			in.uses(t, quarter, "{limits: {memory: 262144Ki}}", 300<<20)
		}},
		{"a limit lowered, by another name of the amount", CheckMemory, "main", func(t *testing.T, in *Input) {
			in.uses(t, half, "{limits: {memory: 200e6}}", 300<<20)
		}, func(t *testing.T, in *Input) { // none at all any more
			in.uses(t, half, "{}", 600<<20)
		}},
	})
}

// What pods use is put down to the workloads that have their templates.
func TestPeaksOf(t *testing.T) {
	t.Parallel()
	at := time.Unix(1, 0)
	pods := []fairway.Pod{
		{Namespace: "shop", Name: "web-7d9-a", OwnerKind: "ReplicaSet", OwnerName: "web-7d9"}, {Namespace: "shop", Name: "web-7d9-b", OwnerKind: "ReplicaSet", OwnerName: "web-7d9"},
		{Namespace: "shop", Name: "db-0", OwnerKind: "StatefulSet", OwnerName: "db"}, {Namespace: "shop", Name: "tidy-1-x", OwnerKind: "Job", OwnerName: "tidy-1"}, {Namespace: "shop", Name: "bare"},
	}
	got := PeaksOf([]Usage{
		{"shop", "web-7d9-a", "main", 5}, {"shop", "web-7d9-b", "main", 9}, {"shop", "db-0", "db", 3}, {"shop", "tidy-1-x", "tidy", 2}, {"shop", "bare", "x", 1}, {"shop", "gone", "x", 1},
	}, pods, at)
	want := []Peak{{"CronJob", "shop", "tidy", "tidy", 2, at}, {"Deployment", "shop", "web", "main", 9, at}, {"StatefulSet", "shop", "db", "db", 3, at}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	merged := MergePeaks(got, []Peak{{"Deployment", "shop", "web", "main", 8, at.Add(1)}, {"StatefulSet", "shop", "db", "db", 4, at.Add(1)}})
	if len(merged) != 3 || merged[1].Bytes != 9 || merged[2].Bytes != 4 {
		t.Errorf("%+v", merged)
	}
}

func TestPreflight_Backup(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	upgrade := func(to, item string, b *Backup) func(*testing.T, *Input) {
		return func(t *testing.T, in *Input) {
			in.upgrades("v1.35.2", to)
			in.Now = now
			in.Bundle.Settings = map[string]string{ItemBackup: item}
			in.Observed.Backup = b
		}
	}
	old, fresh := &Backup{At: now.Add(-24*time.Hour - time.Second)}, &Backup{At: now.Add(-24 * time.Hour)}
	holdsFor(t, []fixture{
		{"a backup of the day before yesterday", CheckBackup, "24.0 h old", upgrade("1.36", "velero", old), upgrade("1.36", "velero", fresh)},
		{"no backup at all", CheckBackup, "there is no backup", upgrade("1.36", "velero", &Backup{}), upgrade("1.35.9", "velero", &Backup{})},
		{"a backup that nobody may look at", CheckBackup, "forbidden", upgrade("1.36", "velero", &Backup{Problem: "forbidden"}), upgrade("1.36", "", nil)},
		{"a source that cannot be read", CheckBackup, "cannot be read", upgrade("1.36", "valero x y", fresh), upgrade("1.36", "velero backups/daily", fresh)},
	})
	in := world("v1.35.0")
	upgrade("1.36", "velero", nil)(t, &in)
	if p := Build(in); p.Blocked || len(p.Findings) != 1 || p.Findings[0].Check != CheckBackup {
		t.Errorf("nobody looked for a backup: %+v", p.Findings)
	}
}

func TestBackupSource_Newest(t *testing.T) {
	t.Parallel()
	backups := []fairway.Object{
		object(t, "apiVersion: velero.io/v1\nkind: Backup\nmetadata: {name: a, labels: {velero.io/schedule-name: daily}}\nstatus: {phase: Completed, completionTimestamp: \"2027-01-30T03:00:00Z\"}"),
		object(t, "apiVersion: velero.io/v1\nkind: Backup\nmetadata: {name: b, labels: {velero.io/schedule-name: hourly}}\nstatus: {phase: Completed, completionTimestamp: \"2027-01-30T09:00:00Z\"}"),
		object(t, "apiVersion: velero.io/v1\nkind: Backup\nmetadata: {name: c}\nstatus: {phase: PartiallyFailed, completionTimestamp: \"2027-01-30T11:00:00Z\"}"),
		object(t, "apiVersion: velero.io/v1\nkind: Backup\nmetadata: {name: d}\nstatus: {phase: InProgress}"),
	}
	cron := []fairway.Object{object(t, "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x, annotations: {example.org/last: \"2027-01-29T00:00:00Z\"}}\nstatus: {lastSuccessfulTime: \"2027-01-30T01:00:00Z\", seconds: 1, odd: soon}")}
	for item, c := range map[string]struct {
		objects []fairway.Object
		want    Backup
	}{
		"velero":                  {backups, Backup{At: time.Date(2027, 1, 30, 9, 0, 0, 0, time.UTC)}},
		"velero velero/daily":     {backups, Backup{At: time.Date(2027, 1, 30, 3, 0, 0, 0, time.UTC)}},
		"velero velero/weekly":    {backups, Backup{}},
		"velero elsewhere/hourly": {backups, Backup{At: time.Date(2027, 1, 30, 9, 0, 0, 0, time.UTC)}},
		"batch/v1 CronJob kube-system/x status.lastSuccessfulTime":              {cron, Backup{At: time.Date(2027, 1, 30, 1, 0, 0, 0, time.UTC)}},
		"batch/v1 CronJob kube-system/x metadata.annotations[example.org/last]": {cron, Backup{At: time.Date(2027, 1, 29, 0, 0, 0, 0, time.UTC)}},
		"batch/v1 CronJob x status.seconds":                                     {cron, Backup{At: time.Unix(1, 0)}},
		"batch/v1 CronJob x status.none":                                        {cron, Backup{}},
		"batch/v1 CronJob x status.odd":                                         {cron, Backup{Problem: "what CronJob/x says at status.odd is no time"}},
	} {
		source, err := ParseBackupSource(item)
		if err != nil {
			t.Errorf("%s: %v", item, err)
			continue
		}
		if diff := cmp.Diff(&c.want, source.Newest(c.objects), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
			t.Errorf("%s: %s", item, diff)
		}
	}
	for _, item := range []string{"", "velero a b", "batch/v1 CronJob x", "batch/v1 CronJob x [open", "batch/v1 CronJob kube-system/ a"} {
		if s, err := ParseBackupSource(item); err == nil {
			t.Errorf("%q is read as %+v", item, s)
		}
	}
}

// Pods that a drain leaves alone, and webhooks beside the API server, raise no alarm.
func TestPreflight_NearMisses(t *testing.T) {
	t.Parallel()
	budget := func(in *Input) {
		in.rolls(fairway.Group{Max: 9})
		in.Observed.Workloads.Budgets = []fairway.Budget{{Namespace: "shop", Name: "agent", DesiredHealthy: 1, ExpectedPods: 1, CurrentHealthy: 1}}
	}
	for name, make := range map[string]func(in *Input){
		"a DaemonSet under a budget": func(in *Input) {
			budget(in)
			in.pod(fairway.Pod{Name: "agent-1", Node: "n0", OwnerKind: "DaemonSet"}, "agent")
		},
		"a static pod under a budget":   func(in *Input) { budget(in); in.pod(fairway.Pod{Name: "agent-1", Node: "n0", Mirror: true}, "agent") },
		"a finished pod under a budget": func(in *Input) { budget(in); in.pod(fairway.Pod{Name: "agent-1", Node: "n0", Finished: true}, "agent") },
		"a primary with a budget and a replica on a node that goes too": func(in *Input) {
			budget(in)
			in.pod(fairway.Pod{Name: "db-0", Node: "n0", Service: "shop/db", Role: "leader"}, "agent")
			in.pod(fairway.Pod{Name: "db-1", Node: "n0", Service: "shop/db", Role: "replica"})
		},
		"a webhook that is asked when pods are attached to": func(in *Input) {
			in.live(t, "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: x}\nwebhooks: [{name: x, clientConfig: {service: {namespace: a, name: b}}, rules: [{apiGroups: [\"\"], apiVersions: [v1], resources: [pods/exec], operations: [CONNECT]}]}]")
		},
		"a webhook on custom objects":      func(in *Input) { in.live(t, fmt.Sprintf(hook, "failurePolicy: Fail", "example.org", "things")) },
		"a webhook on the claims of nodes": func(in *Input) { in.live(t, fmt.Sprintf(hook, "failurePolicy: Fail", "karpenter.sh", "nodes")) },
		"a webhook on objects of namespaces alone": func(in *Input) {
			in.live(t, fmt.Sprintf(hook, "namespaceSelector: {matchLabels: {checked: \"yes\"}}", "*", "pods"))
		},
	} {
		in := world("v1.36.3")
		make(&in)
		if p := Build(in); len(p.Findings) > 0 {
			t.Errorf("%s: %+v", name, p.Findings)
		}
	}
	for name, text := range map[string]string{
		"beside the API server": "clientConfig: {url: \"https://localhost:8085/pod\"}",
		"on its own address":    "clientConfig: {url: \"https://[::1]:8085/pod\"}",
		"of its own namespace":  "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: policy}}, clientConfig: {service: {namespace: policy, name: hook}}",
	} {
		in := world("v1.36.3")
		in.live(t, "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: x}\nwebhooks: [{name: x, "+text+", rules: [{apiGroups: [\"\"], apiVersions: [v1], resources: [pods], operations: [CREATE]}]}]")
		if p := Build(in); p.Blocked || len(p.Findings) != 1 {
			t.Errorf("%s: %+v", name, p.Findings)
		}
	}
}
