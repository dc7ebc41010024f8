package app

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/kube"
	"github.com/fairwayhq/fairway/internal/localkubetest"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

const existingRegistry = `clusters:
- id: site:one
  alias: one
  local_id: one
  infrastructure_account: site:x
  api_server_url: https://one.example.org
  channel: dev
  environment: test
  criticality_level: 1
  lifecycle_status: ready
  provider: kubeconfig
  region: here
  node_pools:
  - {name: workers, profile: worker, instance_types: [any], discount_strategy: none, min_size: 3, max_size: 9}
`

const (
	existingNamespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
	existingConfig    = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {size: \"1\"}\n"
	existingOld       = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: old, namespace: shop}\n"
)

// A newcomer's way in: a cluster that Fairway did not make, a kubeconfig and a
// folder. What is planned is what is then done.
func TestPlanAndProvision_ExistingCluster(t *testing.T) {
	t.Parallel()
	cluster := localkubetest.StartOwn(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"clusters.yaml": existingRegistry,
		"config/cluster/manifests/shop/namespace.yaml":   existingNamespace,
		"config/cluster/manifests/shop/config.yaml":      existingConfig,
		"config/cluster/manifests/shop/old.yaml":         existingOld,
		"config/cluster/node-pools/worker/userdata.yaml": "#cloud-config\n",
	})
	subject := []string{"one", "--registry-file", filepath.Join(dir, "clusters.yaml"), "--config-source", "main:dir:" + filepath.Join(dir, "config"), "--kubeconfig", cluster.Kubeconfig}
	run := func(want int, command string, more ...string) string {
		t.Helper()
		code, stdout, stderr := fairwayMain("", append(append([]string{command}, subject...), more...)...)
		if code != want {
			t.Fatalf("%s %v: exit %d, want %d\n%s%s", command, more, code, want, stdout, stderr)
		}
		return stdout
	}
	has := func(text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%q is not in\n%s", part, text)
			}
		}
	}
	has(run(4, "plan", "--exit-code"), "+ Namespace/shop (shop)", "+ ConfigMap/shop/old", "3 to create")
	run(0, "provision")
	has(run(0, "plan", "--exit-code"), "site:one: no change")

	// A change, a deletion, an object that left, and something changed by hand.
	write(t, dir, map[string]string{
		"config/cluster/manifests/shop/config.yaml": strings.Replace(existingConfig, `"1"`, `"2"`, 1),
		"config/cluster/manifests/shop/new.yaml":    "apiVersion: v1\nkind: Secret\nmetadata: {name: key, namespace: shop}\nstringData: {key: correct-horse}\n",
		"config/cluster/manifests/deletions.yaml":   "post_apply:\n- {kind: ConfigMap, namespace: shop, name: old}\n",
	})
	if err := os.Remove(filepath.Join(dir, "config/cluster/manifests/shop/old.yaml")); err != nil {
		t.Fatal(err)
	}
	other, err := kube.New(kube.Options{Kubeconfig: cluster.Kubeconfig, FieldManager: "somebody"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Apply(t.Context(), map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "shop", "labels": map[string]any{"team": "x"}}}, nil); err != nil {
		t.Fatal(err)
	}
	text := run(0, "plan")
	has(text, "+ Secret/shop/key", "~ ConfigMap/shop/settings", "-   1", "+   2", "- ConfigMap/shop/old", "1 to create, 1 to change, 1 to delete")
	if strings.Contains(text, "correct-horse") {
		t.Errorf("a secret is shown: %s", text)
	}
	var p plan.Plan
	if err := json.Unmarshal([]byte(run(4, "plan", "-o", "json", "--exit-code")), &p); err != nil {
		t.Fatal(err)
	}
	if p.Schema != plan.Schema || p.Summary != (plan.Summary{Create: 1, Change: 1, Unchanged: 1, Delete: 1}) || p.Basis != plan.BasisLive || len(p.Pools) != 0 {
		t.Errorf("%+v", p)
	}
	has(run(0, "plan", "-o", "markdown"), "1 of 1 cluster would change", "```diff", "+ Secret/shop/key")
	run(0, "provision")
	has(run(0, "plan", "--exit-code"), "no change")

	// Written down, the cluster can be planned for without asking it.
	states := filepath.Join(dir, "states.json.gz")
	run(0, "plan", "--record", states)
	offline := func(want int, more ...string) string {
		t.Helper()
		args := append([]string{"plan", "one", "--registry-file", filepath.Join(dir, "clusters.yaml"), "--directory", filepath.Join(dir, "config"), "--offline", "--state", states, "--exit-code"}, more...)
		code, stdout, stderr := fairwayMain("", args...)
		if code != want {
			t.Fatalf("%v: exit %d, want %d\n%s%s", args, code, want, stdout, stderr)
		}
		return stdout
	}
	has(offline(0), "the cluster as recorded at", "no change")
	write(t, dir, map[string]string{
		"config/cluster/manifests/shop/config.yaml": strings.Replace(existingConfig, `"1"`, `"3"`, 1),
		"config/cluster/manifests/shop/new.yaml":    "apiVersion: v1\nkind: Secret\nmetadata: {name: key, namespace: shop}\nstringData: {key: battery-staple}\n",
	})
	text = offline(4)
	has(text, "~ ConfigMap/shop/settings", "-   2", "+   3", "~ Secret/shop/key", "2 to change")
	if strings.Contains(text, "battery") || strings.Contains(text, "~~") || strings.Contains(text, "***~") {
		t.Errorf("a secret, or what stands for it, is shown: %s", text)
	}

	// As the plan identity, with what `fairway plan identity` prints, by dry runs.
	code, identity, stderr := fairwayMain("", "plan", "identity")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, text := range strings.Split(identity, "---\n") {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Apply(t.Context(), o, nil); err != nil {
			t.Fatal(err)
		}
	}
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range config.AuthInfos {
		user.Impersonate = "system:serviceaccount:kube-system:fairway-plan"
	}
	acting := filepath.Join(dir, "acting")
	if err := clientcmd.WriteToFile(*config, acting); err != nil {
		t.Fatal(err)
	}
	localkubetest.Eventually(t, time.Minute, func() error {
		code, stdout, stderr := fairwayMain("", append(append([]string{"plan"}, subject[:len(subject)-1]...), acting, "-o", "json")...)
		if err := json.Unmarshal([]byte(stdout), &p); code != 0 || err != nil {
			return fmt.Errorf("exit %d: %s", code, stderr) // its rights are not known yet
		}
		return nil
	})
	if p.By != plan.ByDryRun || p.Summary.Change != 2 || strings.Contains(fmt.Sprint(p), "battery") {
		t.Errorf("as the identity: %s %+v", p.By, p.Summary)
	}

	// A namespace with contents is not planned away without a word.
	write(t, dir, map[string]string{"config/cluster/manifests/deletions.yaml": "post_apply:\n- {kind: Namespace, name: shop}\n"})
	has(run(3, "plan"), "BLOCK Namespace/shop", "2 objects", "other than the author")
	run(3, "provision")
	if h, err := other.Health(t.Context(), fairway.ObjectRef{APIVersion: "v1", Kind: "Namespace", Name: "shop"}); err != nil || h.State != fairway.HealthCurrent {
		t.Errorf("the namespace was not left alone: %+v, %v", h, err)
	}

	// Four of six objects are too many to go without a word, too.
	deletions := "post_apply:\n"
	for i := range 4 {
		name := fmt.Sprint("extra-", i)
		deletions += fmt.Sprintf("- {kind: ConfigMap, namespace: shop, name: %s}\n", name)
		if _, err := other.Apply(t.Context(), map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": "shop"}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, map[string]string{"config/cluster/manifests/deletions.yaml": deletions})
	code, _, stderr = fairwayMain("", append([]string{"provision"}, subject...)...)
	if code != 3 {
		t.Errorf("exit %d", code)
	}
	has(stderr, "deletes 4 of 7 objects", "ConfigMap/shop/extra-3", "--approve-deletions")
	has(run(3, "plan"), "4 to delete")
	run(0, "provision", "--approve-deletions")
	has(run(0, "plan", "--exit-code"), "no change")

	// What the API server would refuse is said before the first write.
	write(t, dir, map[string]string{
		"config/cluster/manifests/shop/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: first, namespace: shop}\n",
		"config/cluster/manifests/shop/z.yaml": "apiVersion: v1\nkind: ConfigMapp\nmetadata: {name: last, namespace: shop}\n",
	})
	code, _, stderr = fairwayMain("", append([]string{"provision"}, subject...)...)
	if code != 1 {
		t.Errorf("exit %d", code)
	}
	has(stderr, "nothing was written", "ConfigMapp")
	if h, err := other.Health(t.Context(), fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "shop", Name: "first"}); err != nil || h.State != fairway.HealthNotFound {
		t.Errorf("the first object was applied: %+v, %v", h, err)
	}
}

// Plans that need no cluster: of a whole registry, as a comment on a pull request.
func TestPlan_Offline(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var clusters strings.Builder
	clusters.WriteString("clusters:\n")
	for i := range 30 {
		name := fmt.Sprintf("kube-%d", i)
		one := strings.SplitN(strings.ReplaceAll(strings.ReplaceAll(existingRegistry, "site:one", "site:"+name), ": one", ": "+name), "\n", 2)[1]
		if i == 7 {
			one = strings.Replace(one, "  region: here\n", "  region: here\n  config_items: {extra: \"yes\"}\n", 1)
		}
		clusters.WriteString(one)
	}
	write(t, dir, map[string]string{
		"clusters.yaml": clusters.String(),
		"config/cluster/manifests/shop/config.yaml":      existingConfig,
		"config/cluster/config-defaults.yaml":            "extra: \"\"\n",
		"config/cluster/manifests/shop/extra.yaml":       "{{ if .Cluster.ConfigItems.extra }}" + existingOld + "{{ end }}",
		"config/cluster/node-pools/worker/userdata.yaml": "#cloud-config\n",
	})
	args := []string{"plan", "--all", "--offline", "--registry-file", filepath.Join(dir, "clusters.yaml"), "--directory", filepath.Join(dir, "config")}
	code, stdout, stderr := fairwayMain("", append(args, "-o", "markdown")...)
	if code != 0 || strings.Count(stdout, "#### ") != 2 || !strings.Contains(stdout, "29 clusters: kube-0,") || !strings.Contains(stdout, "30 of 30 clusters would change") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = fairwayMain("", append(args, "-o", "json", "--exit-code")...)
	var fleet plan.Fleet
	if err := json.Unmarshal([]byte(stdout), &fleet); err != nil || code != 4 || len(fleet.Plans) != 30 || fleet.Summary.Create != 31 {
		t.Errorf("exit %d, %v, %+v: %s", code, err, fleet.Summary, stderr)
	}
	code, stdout, _ = fairwayMain("", args...)
	if code != 0 || !strings.Contains(stdout, "30 of 30 clusters would change") || !strings.Contains(stdout, "kube-29") {
		t.Errorf("exit %d: %s", code, stdout)
	}
}

// A finding blocks until plan-accept.yaml of the configuration accepts it, and
// again when that ends.
func TestPlan_Accepted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"clusters.yaml": existingRegistry,
		"config/cluster/manifests/shop/budget.yaml":      "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\n",
		"config/cluster/node-pools/worker/userdata.yaml": "#cloud-config\n",
	})
	entry := "accept:\n- {check: removed-api, object: PodDisruptionBudget/shop/web, reason: goes with the next release, until: %s}\n- {check: budget, object: x, clusters: [gone], reason: x, until: 2099-01-01}\n"
	for _, step := range []struct {
		until, says string
		code        int
	}{
		{"", "BLOCKED by 1 finding", 3},
		{"2099-12-31", "accepted until 2099-12-31: goes with the next release (main/plan-accept.yaml:2)", 0},
		{"2020-12-31", "no longer accepted: main/plan-accept.yaml:2 ended on 2020-12-31", 3},
		{"someday", `until: "someday" is no date`, 3},
	} {
		if step.until != "" {
			write(t, dir, map[string]string{"config/plan-accept.yaml": fmt.Sprintf(entry, step.until)})
		}
		args := []string{"--offline", "--kubernetes-version", "1.33", "--registry-file", filepath.Join(dir, "clusters.yaml"), "--directory", filepath.Join(dir, "config")}
		code, stdout, stderr := fairwayMain("", append([]string{"plan", "one"}, args...)...)
		if code != step.code || !strings.Contains(stdout, step.says) {
			t.Errorf("until %q: exit %d, want %d and %q: %s%s", step.until, code, step.code, step.says, stdout, stderr)
		}
		if step.until == "" {
			continue
		}
		if code, stdout, stderr = fairwayMain("", append([]string{"plan", "--all"}, args...)...); code != step.code || !strings.Contains(stdout, "main/plan-accept.yaml:3: no cluster is called gone") {
			t.Errorf("all, until %q: exit %d, want %d: %s%s", step.until, code, step.code, stdout, stderr)
		}
	}
}

// Command lines that cannot work say what to do.
func TestPlan_Errors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"clusters.yaml": existingRegistry, "config/cluster/manifests/shop/config.yaml": existingConfig, "config/cluster/node-pools/worker/userdata.yaml": "#cloud-config\n"})
	subject := []string{"--registry-file", filepath.Join(dir, "clusters.yaml"), "--directory", filepath.Join(dir, "config")}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no cluster":           {[]string{"plan"}, 2, "--all"},
		"a cluster and all":    {[]string{"plan", "one", "--all"}, 2, "exclude"},
		"no way to it":         {append([]string{"plan", "one"}, subject...), 1, "--kubeconfig"},
		"another name":         {append([]string{"plan", "onne", "--offline"}, subject...), 1, `did you mean "one"`},
		"a kubeconfig for all": {append([]string{"plan", "--all", "--kubeconfig", "x"}, subject...), 2, "one cluster"},
		"no such kubeconfig":   {append([]string{"plan", "one", "--kubeconfig", filepath.Join(dir, "none")}, subject...), 1, "there is no " + filepath.Join(dir, "none")},
		"no configuration":     {[]string{"plan", "one", "--registry-file", "x"}, 2, "--config-source"},
		"no such state":        {append([]string{"plan", "one", "--offline", "--state", filepath.Join(dir, "none")}, subject...), 1, "--record FILE"},
		"no state":             {append([]string{"plan", "one", "--offline", "--state", filepath.Join(dir, "clusters.yaml")}, subject...), 1, "no file of recorded clusters"},
		"offline and record":   {append([]string{"plan", "one", "--offline", "--record", "x"}, subject...), 2, "excludes --offline"},
		"no such output":       {append([]string{"plan", "one", "-o", "html"}, subject...), 2, "markdown"},
		"no such channel":      {append([]string{"plan", "--channel", "x", "--offline"}, subject...), 1, "--channel"},
		"provision nowhere":    {append([]string{"provision", "one"}, subject...), 2, "--kubeconfig"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := fairwayMain("", c.args...)
			if code != c.code || !strings.Contains(stderr, c.says) || stdout != "" {
				t.Errorf("exit %d, want %d: %s%s", code, c.code, stdout, stderr)
			}
		})
	}
}
