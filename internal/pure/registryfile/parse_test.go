package registryfile_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
)

// defaults make the short form complete.
var defaults = registryfile.Defaults{Channel: "beta", Provider: "local", InfrastructureAccount: "local:demo", From: "defaults of fairway.yaml"}

// TestFull reads the contract's form, with the version hash of contract 9.
func TestFull(t *testing.T) {
	t.Parallel()
	file, err := registryfile.Parse([]byte(`
clusters:
- id: aws:123456789012:eu-central-1:kube-1
  alias: kube
  infrastructure_account: aws:123456789012
  local_id: kube-1
  api_server_url: https://kube-1.foo.example.org/
  channel: alpha
  environment: production
  criticality_level: 1
  lifecycle_status: ready
  provider: zalando-aws
  region: eu-central-1
  owner: team
  created_at: 2026-01-02T03:04:05Z
  config_items:
    product_x_key: abcde
    product_y_key: 12345
  status:
    current_version: a#b
    problems:
    - {type: t, title: x, status: 500}
  node_pools:
  - name: master-default
    profile: master-default
    instance_types: [m4.large]
    discount_strategy: none
    min_size: 2
    max_size: 2
  - name: worker-default
    profile: worker-default
    instance_types: [m5.large, m5.2xlarge]
    discount_strategy: none
    min_size: 3
    max_size: 21
    config_items:
      taints: my-taint=:NoSchedule
infrastructure_accounts:
- id: aws:123456789012
  owner: team
`), registryfile.Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	c := file.Clusters[0]
	if got, want := c.Version("git-commit-hash"), "git-commit-hash#QLIyzRr4YN93KJgAXnwmTT-WcJg"; got != want {
		t.Errorf("version %q, want %q", got, want)
	}
	if c.Origin != nil || c.Alias != "kube" || c.Owner != "team" || !c.CreatedAt.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("got origin %v, alias %q, owner %q, created_at %s", c.Origin, c.Alias, c.Owner, c.CreatedAt)
	}
	wantStatus := fairway.ClusterStatus{CurrentVersion: "a#b", Problems: []fairway.Problem{{Type: "t", Title: "x", Status: 500}}}
	if diff := cmp.Diff(wantStatus, c.Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	wantAccounts := []fairway.InfrastructureAccount{{ID: "aws:123456789012", Type: "aws", Name: "aws:123456789012", Owner: "team", ExternalID: "123456789012", LifecycleStatus: "ready"}}
	if diff := cmp.Diff(wantAccounts, file.Accounts); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
	if len(file.Warnings) > 0 {
		t.Errorf("warnings: %v", file.Warnings)
	}
}

// TestTalk reads the entry of the talk of 2018 as it stands.
func TestTalk(t *testing.T) {
	t.Parallel()
	file, err := registryfile.Parse([]byte(`clusters:
- id: "cluster-id"
  api_server_url: "https://cluster-id.example.org"
  config_items:
    Key: "value"
  environment: "test"
  region: "eu-central-1"
  lifecycle_status: "ready"
  node_pools:
  - name: "worker-pool"
    instance_type: "m5.large"
    min_size: 3
    max_size: 20
  - name: the-masters
    instance_type: m5.large
    min_size: 1
    max_size: 2
`), defaults)
	if err != nil {
		t.Fatal(err)
	}
	want := []fairway.Cluster{{
		ID: "cluster-id", Alias: "cluster-id", LocalID: "cluster-id", InfrastructureAccount: "local:demo", APIServerURL: "https://cluster-id.example.org",
		Channel: "beta", Environment: "test", CriticalityLevel: 1, LifecycleStatus: "ready", Provider: "local", Region: "eu-central-1",
		ConfigItems: map[string]string{"Key": "value"},
		NodePools: []fairway.NodePool{
			{Name: "worker-pool", Profile: "worker-default", InstanceTypes: []string{"m5.large"}, DiscountStrategy: "none", MinSize: 3, MaxSize: 20},
			{Name: "the-masters", Profile: "master-default", InstanceTypes: []string{"m5.large"}, DiscountStrategy: "none", MinSize: 1, MaxSize: 2},
		},
		Origin: map[string]string{
			"alias": "default: local_id", "local_id": "default: id", "channel": "default: defaults of fairway.yaml",
			"provider": "default: defaults of fairway.yaml", "infrastructure_account": "default: defaults of fairway.yaml", "criticality_level": "default: 1",
			"node_pools.worker-pool.profile":           "default: worker-default, as the name does not contain master",
			"node_pools.worker-pool.discount_strategy": "default: none", "node_pools.worker-pool.instance_types": "instance_type",
			"node_pools.the-masters.profile":           "default: master-default, as the name contains master",
			"node_pools.the-masters.discount_strategy": "default: none", "node_pools.the-masters.instance_types": "instance_type",
		},
	}}
	if diff := cmp.Diff(want, file.Clusters); diff != "" {
		t.Errorf("clusters (-want +got):\n%s", diff)
	}
	wantWarnings(t, file.Warnings, `line 5: cluster cluster-id: config item key "Key" does not match ^[a-z][a-z0-9_]*[a-z0-9]$`)
}

func TestLocalIDFromID(t *testing.T) {
	t.Parallel()
	file, err := registryfile.Parse([]byte(short("id: aws:1:eu:kube-7")), defaults)
	if err != nil {
		t.Fatal(err)
	}
	if c := file.Clusters[0]; c.LocalID != "kube-7" || c.Alias != "kube-7" || c.Origin["local_id"] != "default: the last part of id" {
		t.Errorf("local_id %q, alias %q, origin %q", c.LocalID, c.Alias, c.Origin["local_id"])
	}
}

// short is an entry of the short form with lines of its own, the first of which
// starts the entry.
func short(lines ...string) string {
	return "clusters:\n- " + strings.Join(lines, "\n  ") + "\n  api_server_url: https://a.b\n  environment: test\n  region: eu\n  lifecycle_status: ready\n"
}

func wantWarnings(t *testing.T, warnings []registryfile.Finding, want ...string) {
	t.Helper()
	var got []string
	for _, w := range warnings {
		line := w.String()
		if w.Hint != "" {
			line += " | " + w.Hint
		}
		got = append(got, line)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestConfigItemsKeepTheirText(t *testing.T) {
	t.Parallel()
	file, err := registryfile.Parse([]byte(short("id: one", "config_items:",
		"  octal: 0400", "  large: 134217728", "  truth: true", "  yes_no: yes", "  float: 1.50", "  none: null", "  tilde: ~", "  empty:",
		"  quoted: \"0400\"", "  hex: 0x1F", "  date: 2026-01-02", "  block: |", "    a", "    b", "  plain_1: &x some text", "  alias_1: *x")), defaults)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"octal": "0400", "large": "134217728", "truth": "true", "yes_no": "yes", "float": "1.50", "none": "", "tilde": "",
		"empty": "", "quoted": "0400", "hex": "0x1F", "date": "2026-01-02", "block": "a\nb\n", "plain_1": "some text", "alias_1": "some text"}
	if diff := cmp.Diff(want, file.Clusters[0].ConfigItems); diff != "" {
		t.Errorf("config items (-want +got):\n%s", diff)
	}
}

func TestMergeKeys(t *testing.T) {
	t.Parallel()
	file, err := registryfile.Parse([]byte(`
clusters:
- &first
  id: one
  api_server_url: https://a.b
  environment: test
  region: eu
  lifecycle_status: ready
  config_items: &items {key_a: 1, key_b: 2}
- <<: *first
  id: two
  config_items: {<<: *items, key_b: 3}
`), defaults)
	if err != nil {
		t.Fatal(err)
	}
	two := file.Clusters[1]
	if diff := cmp.Diff(map[string]string{"key_a": "1", "key_b": "3"}, two.ConfigItems); diff != "" || two.ID != "two" || two.Region != "eu" {
		t.Errorf("id %q, region %q, config items (-want +got):\n%s", two.ID, two.Region, diff)
	}
	if len(file.Warnings) > 0 {
		t.Errorf("warnings: %v", file.Warnings)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, text string
		want       []string
	}{
		{"unknown keys", short("id: one", "chanel: beta", "node_pools:", "- name: aa", "  instance_type: m", "  minsize: 1", "  max_size: 2", "  zzz: 1"), []string{
			`line 3: cluster one: unknown key "chanel" is ignored | did you mean "channel"?`,
			`line 7: cluster one: unknown key "minsize" is ignored | did you mean "min_size"?`,
			`line 9: cluster one: unknown key "zzz" is ignored`}},
		{"unknown key at the top", "cluster: []\n" + short("id: one"), []string{`line 1: unknown key "cluster" is ignored | did you mean "clusters"?`}},
		{"a key twice", short("id: one", "channel: dev", "channel: beta"), []string{
			`line 4: cluster one: key "channel" is there twice, on lines 3 and 4; the last one counts | remove one of them`}},
		{"second document", short("id: one") + "---\n" + short("id: two"), []string{`line 7: only the first YAML document is read | put all clusters into one document`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file, err := registryfile.Parse([]byte(c.text), defaults)
			if err != nil {
				t.Fatal(err)
			}
			if len(file.Clusters) != 1 {
				t.Errorf("got %d clusters, want 1", len(file.Clusters))
			}
			wantWarnings(t, file.Warnings, c.want...)
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	pool := func(lines ...string) string {
		return short(append([]string{"id: one", "node_pools:", "- name: aa"}, lines...)...)
	}
	cases := []struct {
		name, text string
		defaults   registryfile.Defaults
		want       []string
	}{
		{"empty file", "", defaults, []string{"the file is empty"}},
		{"only a comment", "# nothing\n", defaults, []string{"the file is empty"}},
		{"a list", "- a\n", defaults, []string{"line 1: the file is a list and not a map with the list clusters"}},
		{"no clusters", "infrastructure_accounts: []\n", defaults, []string{"line 1: the file has no list clusters"}},
		{"clusters is a map", "clusters: {a: b}\n", defaults, []string{"line 1: clusters is a map and not a list"}},
		{"an entry is a text", "clusters: [x]\n", defaults, []string{`line 1: an entry of clusters is the value "x" and not a map`}},
		{"no YAML", "clusters: [\n", defaults, []string{"line 1: did not find expected node content"}},
		{"a tab", "clusters:\n\t- id: x\n", defaults, []string{"line 2: found character that cannot start any token"}},
		{"everything missing is named at once", "clusters:\n- id: one\n  api_server_url: https://a.b\n  environment: test\n  region: eu\n  lifecycle_status: ready\n",
			registryfile.Defaults{}, []string{"line 2: cluster one: missing infrastructure_account, channel and provider"}},
		{"an empty entry", "clusters:\n- {}\n", registryfile.Defaults{}, []string{
			"line 2: missing id, alias, infrastructure_account, local_id, api_server_url, channel, environment, lifecycle_status, provider and region"}},
		{"unknown provider", short("id: one", "provider: aws"), defaults, []string{`line 3: cluster one: unknown provider "aws"`}},
		{"unknown lifecycle", strings.Replace(short("id: one"), "ready", "redy", 1), defaults, []string{`line 6: cluster one: unknown lifecycle_status "redy"`}},
		{"bad id", short("id: One"), defaults, []string{
			`line 2: cluster One: id "One" does not match ^[a-z][a-z0-9-:]*[a-z0-9]$`, `line 2: cluster One: alias "One" does not match ^[a-z][a-z0-9-]*[a-z0-9]$`}},
		{"account of a default", short("id: one"), registryfile.Defaults{Channel: "x", Provider: "zalando-aws", InfrastructureAccount: "local:demo"},
			[]string{`line 2: cluster one: infrastructure_account "local:demo" does not match ^aws:[0-9]{12}$`}},
		{"negative size", pool("  instance_type: m", "  min_size: -1", "  max_size: 2"), defaults, []string{`line 6: cluster one: min_size -1 is negative`}},
		{"min above max", pool("  instance_type: m", "  max_size: 2", "  min_size: 3"), defaults, []string{`line 7: cluster one: min_size 3 is larger than max_size 2`}},
		{"size that is no number", pool("  instance_type: m", "  min_size: many", "  max_size: 2.5"), defaults, []string{
			`line 6: cluster one: min_size "many" is not a whole number of 64 bits`, `line 7: cluster one: max_size "2.5" is not a whole number of 64 bits`}},
		{"size beyond all numbers", pool("  instance_type: m", "  max_size: 99999999999999999999"), defaults, []string{
			`line 6: cluster one: max_size "99999999999999999999" is not a whole number of 64 bits`}},
		{"level beyond 32 bits", short("id: one", "criticality_level: 4294967297"), defaults, []string{
			`line 3: cluster one: criticality_level "4294967297" is not a whole number of 32 bits`}},
		{"no instance types", pool("  max_size: 2"), defaults, []string{"line 4: cluster one: no instance types for pool aa"}},
		{"empty instance types", pool("  instance_types: []"), defaults, []string{"line 5: cluster one: no instance types for pool aa"}},
		{"both forms of instance types", pool("  instance_type: m", "  instance_types: [n]"), defaults, []string{"line 5: cluster one: pool aa has both instance_type and instance_types"}},
		{"duplicate pool", pool("  instance_type: m", "- name: aa", "  instance_type: m"), defaults, []string{`line 6: cluster one: duplicate node pool "aa"`}},
		{"config item is a map", short("id: one", "config_items:", "  key_a: {a: b}"), defaults, []string{"line 4: cluster one: config item key_a is a map and not a text"}},
		{"config items are a list", short("id: one", "config_items: [a]"), defaults, []string{"line 3: cluster one: config_items is a list and not a map"}},
		{"created_at", short("id: one", "created_at: yesterday"), defaults, []string{`line 3: cluster one: created_at "yesterday" is not a time`}},
		{"account", "infrastructure_accounts: [{id: x}]\n" + short("id: one"), defaults, []string{`line 1: infrastructure account x: id "x" does not match ^[a-z][a-z0-9-]*:[A-Za-z0-9][A-Za-z0-9._-]*$`}},
		{"merge of a text", short("<<: x", "id: one"), defaults, []string{`line 2: cluster one: << merges the value "x" and not a map`}},
		{"several at once, by line", pool("  max_size: -2", "  min_size: x") + "- id: one\n", registryfile.Defaults{Provider: "local", InfrastructureAccount: "local:x"}, []string{
			"line 2: cluster one: missing channel", "line 4: cluster one: no instance types for pool aa", "line 5: cluster one: max_size -2 is negative",
			`line 6: cluster one: min_size "x" is not a whole number of 64 bits`,
			"line 11: cluster one: missing api_server_url, channel, environment, lifecycle_status and region",
			`line 11: cluster one: duplicate id "one", first on line 2`, `line 11: cluster one: duplicate alias "one", first on line 2`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file, err := registryfile.Parse([]byte(c.text), c.defaults)
			if file != nil || fairway.ErrorCode(err) != fairway.CodeInvalid {
				t.Fatalf("got file %v and error %v, want an invalid one", file, err)
			}
			bad, ok := errors.AsType[*registryfile.Error](err)
			if !ok {
				t.Fatalf("error %T has no findings", err)
			}
			var got []string
			for _, f := range bad.Findings {
				got = append(got, f.String())
				if !strings.Contains(err.Error(), f.Message) {
					t.Errorf("the error does not name %q:\n%s", f.Message, err)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	entry := func(lines string) string { return strings.TrimPrefix(short(lines), "clusters:\n") }
	text := "clusters:\n" + entry("id: aa:one") + entry("id: bb:one") + entry("{id: cc, alias: one}")
	text = strings.Replace(text, "- {id: cc, alias: one}", "- id: cc\n  alias: one", 1)
	_, err := registryfile.Parse([]byte(text), defaults)
	bad, ok := errors.AsType[*registryfile.Error](err)
	if !ok {
		t.Fatalf("got error %v", err)
	}
	var got []string
	for _, f := range bad.Findings {
		got = append(got, f.String())
	}
	want := []string{
		`line 7: cluster bb:one: duplicate alias "one", first on line 2`,
		`line 7: cluster bb:one: duplicate local_id "one" in account local:demo and region "eu", first on line 2`,
		`line 13: cluster cc: duplicate alias "one", first on line 2`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// Whatever the bytes, Parse returns either clusters that pass Validate or an
// error with findings.
func FuzzParse(f *testing.F) {
	f.Add([]byte(short("id: one", "node_pools:", "- name: aa", "  instance_type: m")))
	f.Add([]byte("clusters: &a [*a]"))
	f.Add([]byte("clusters:\n- &x {<<: *x, id: a}"))
	f.Add([]byte("clusters:\n- {<<: [{id: ab}, {id: cd}], ? [a] : b}"))
	f.Add([]byte("a: &a {<<: *a}\nclusters: ~"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := registryfile.Parse(data, defaults)
		if err != nil {
			if bad, ok := errors.AsType[*registryfile.Error](err); !ok || len(bad.Findings) == 0 || fairway.ErrorCode(err) != fairway.CodeInvalid {
				t.Fatalf("error %v has no findings", err)
			}
			return
		}
		for _, c := range file.Clusters {
			for _, finding := range c.Validate() {
				if !finding.Tolerated {
					t.Fatalf("accepted cluster %q: %s", c.ID, finding)
				}
			}
		}
	})
}

// TestUsable: one bad entry does not keep the others from being used, and says
// what is wrong with it; what is wrong with the file as a whole does.
func TestUsable(t *testing.T) {
	t.Parallel()
	entry := func(id, more string) string {
		return strings.TrimPrefix(short("id: "+id), "clusters:\n") + "  " + more + "\n"
	}
	text := "clusters:\n" + entry("one", "region: eu") + entry("two", "node_pools: 7") + "- 5\n" + entry("one", "alias: again") + entry("three", "owner: me")
	file, err := registryfile.Usable([]byte(text), defaults)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range file.Clusters {
		ids = append(ids, c.ID)
	}
	if strings.Join(ids, ",") != "one,three" || !file.Left("two") || file.Left("three") {
		t.Errorf("clusters %v, rejected %v", ids, file.Rejected)
	}
	wantWarnings(t, file.Rejected, `line 13: cluster two: node_pools is the value "7" and not a list`, `line 14: an entry of clusters is the value "5" and not a map`,
		`line 15: cluster one: duplicate id "one", first on line 2`, `line 15: cluster one: duplicate local_id "one" in account local:demo and region "eu", first on line 2`)
	strict, err := registryfile.Parse([]byte(text), defaults)
	if bad, ok := errors.AsType[*registryfile.Error](err); strict != nil || !ok || len(bad.Findings) != len(file.Rejected) {
		t.Errorf("Parse: %v", err)
	}
	for name, text := range map[string]string{
		"every entry is wrong": "clusters:\n" + entry("two", "node_pools: 7"),
		"a wrong account":      "infrastructure_accounts: [7]\nclusters:\n" + entry("one", "owner: me"),
		"no YAML":              "clusters: [",
	} {
		if _, err := registryfile.Usable([]byte(text), defaults); fairway.ErrorCode(err) != fairway.CodeInvalid {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
