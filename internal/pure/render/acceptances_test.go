package render

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

func TestParseAcceptances(t *testing.T) {
	t.Parallel()
	day := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	whole := fairway.Acceptance{Check: "webhook", Object: "ValidatingWebhookConfiguration/policy", Reason: "the vendor repairs it", Until: "2027-01-31", Ends: day, Where: "main/plan-accept.yaml:2"}
	const start = "accept:\n- {check: webhook, object: ValidatingWebhookConfiguration/policy, reason: the vendor repairs it, until: 2027-01-31}\n"
	for name, c := range map[string]struct {
		text string
		want []fairway.Acceptance
	}{
		"nothing":   {"", nil},
		"a comment": {"# nothing\n", nil},
		"no list":   {"accept: x\n", []fairway.Acceptance{{Where: "main/plan-accept.yaml:1", Malformed: "the file is a mapping with one key, accept, and that a list"}}},
		"one":       {start, []fairway.Acceptance{whole}},
		"of clusters, until a time": {
			"accept:\n- check: budget\n  object: PodDisruptionBudget/shop/*\n  contains: 1 of 1\n  clusters: [kube-1, \"play-*\"]\n  reason: x\n  until: 2027-01-31T12:00:00+01:00\n",
			[]fairway.Acceptance{{Check: "budget", Object: "PodDisruptionBudget/shop/*", Contains: "1 of 1", Clusters: []string{"kube-1", "play-*"}, Reason: "x",
				Until: "2027-01-31T12:00:00+01:00", Ends: time.Date(2027, 1, 31, 12, 0, 0, 0, time.FixedZone("", 3600)), Where: "main/plan-accept.yaml:2"}},
		},
		"a malformed one keeps no other from being read": {
			"accept:\n- {check: budget, objekt: x, until: soon}\n- {check: webhook, object: ValidatingWebhookConfiguration/policy, reason: the vendor repairs it, until: 2027-01-31}\n",
			[]fairway.Acceptance{{Check: "budget", Until: "soon", Where: "main/plan-accept.yaml:2",
				Malformed: `unknown key "objekt", did you mean "object"? Otherwise the keys are check, contains, object, reason, until, clusters; object is missing; reason is missing; until: "soon" is no date, write it like 2027-01-31`},
				func() fairway.Acceptance { a := whole; a.Where = "main/plan-accept.yaml:3"; return a }()},
		},
		"everything": {
			"accept:\n- {check: budget, object: \"*\", reason: x, until: 2027-01-31, clusters: []}\n",
			[]fairway.Acceptance{{Check: "budget", Object: "*", Reason: "x", Until: "2027-01-31", Ends: day, Where: "main/plan-accept.yaml:2", Malformed: "clusters is a list of ids or aliases; object names everything"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, ParseAcceptances("main/plan-accept.yaml", []byte(c.text)), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := ParseAcceptances("f", []byte("a: b: c")); len(got) != 1 || got[0].Malformed == "" {
		t.Errorf("no YAML: %+v", got)
	}
}

// A bundle holds what its sources accept; the file is no template.
func TestBundle_Acceptances(t *testing.T) {
	t.Parallel()
	fs := func(name, text string) fstest.MapFS {
		return fstest.MapFS{
			AcceptancesFile:                           {Data: []byte(text)},
			"cluster/manifests/a/x.yaml":              {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n")},
			"cluster/node-pools/worker/userdata.yaml": {Data: []byte("x")},
		}
	}
	const entry = "accept:\n- {check: budget, object: x, reason: \"{{ .Cluster }}\", until: 2027-01-31}\n"
	cluster := &fairway.Cluster{ID: "c", LocalID: "c", NodePools: []fairway.NodePool{{Name: "w", Profile: "worker", InstanceTypes: []string{"a"}}}}
	b, err := Render(Input{Cluster: cluster, Sources: []Source{{Name: "one", FS: fs("x", entry)}, {Name: "two", FS: fs("z", entry)}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Acceptances) != 2 || b.Acceptances[1].Where != "two/plan-accept.yaml:2" || b.Acceptances[0].Reason != "{{ .Cluster }}" {
		t.Errorf("%+v", b.Acceptances)
	}
}
