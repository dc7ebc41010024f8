package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairwayhq/fairway/internal/app"
	"github.com/fairwayhq/fairway/internal/mototest"
)

// TestLookupsRecord records an account and renders with it offline. It runs
// alone: the way to AWS is in the environment.
func TestLookupsRecord(t *testing.T) {
	for key, value := range map[string]string{
		"AWS_ENDPOINT_URL": mototest.Start(t), "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(key, value)
	}
	dir := t.TempDir()
	entry := func(id, account, region string) string {
		provider := "zalando-aws"
		if strings.HasPrefix(account, "local:") {
			provider = "local"
		}
		return fmt.Sprintf(`- {id: %[1]s, alias: %[1]s, local_id: %[1]s, infrastructure_account: %[2]q, region: %[3]s, provider: %[4]s, channel: dev, environment: test,
   criticality_level: 1, lifecycle_status: ready, api_server_url: "https://%[1]s.example.org", config_items: {password: "aws:kms:c2VjcmV0"},
   node_pools: [{name: workers, profile: worker-default, instance_types: [m5.large], min_size: 1, max_size: 1, discount_strategy: none}]}
`, id, account, region, provider)
	}
	for name, text := range map[string]string{
		"clusters.yaml": "clusters:\n" + entry("kube-1", "aws:"+mototest.Account, mototest.Region) + entry("kube-2", "aws:999999999999", mototest.Region) +
			entry("kube-3", "aws:"+mototest.Account, "eu-west-1") + entry("kube-4", "local:demo", "local"),
		"config/cluster/manifests/a/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\ndata: {zones: '{{ range .Values.availability_zones }}{{ . }} {{ end }}'}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "L.json")
	run := func(args ...string) (int, string) {
		var stdout, stderr bytes.Buffer
		code := app.Main(append(args, "--registry-file", filepath.Join(dir, "clusters.yaml"), "--directory", filepath.Join(dir, "config")), strings.NewReader(""), &stdout, &stderr)
		return code, stderr.String()
	}
	for _, tc := range []struct {
		name, want string
		clusters   []string
	}{
		{"another account", "the credentials are of account " + mototest.Account + ", and cluster kube-2 is in 999999999999", []string{"kube-2"}},
		{"two regions", "not of one account and region", []string{"kube-1", "kube-3"}},
		{"not of AWS", "which is none of AWS", []string{"kube-4"}},
		{"no such cluster", `did you mean "kube-1"`, []string{"kub-1"}},
	} {
		code, said := run(append([]string{"lookups", "record", "--out", out}, tc.clusters...)...)
		if _, err := os.Stat(out); code != 1 || !strings.Contains(said, tc.want) || err == nil {
			t.Errorf("%s: exit %d, file %v: %s", tc.name, code, err == nil, said)
		}
	}

	// The account has no certificate that this machine trusts, so that rendering
	// ends with that; all answers are there.
	code, live := run("lookups", "record", "kube-1", "--out", out)
	if code != 3 || !strings.Contains(live, "recorded to") || !strings.Contains(live, "no matching certificate found") {
		t.Fatalf("exit %d: %s", code, live)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Types   []any  `json:"instance_types"`
		VPCs    []any  `json:"vpcs"`
		Subnets []any  `json:"subnets"`
		Now     string `json:"now"`
	}
	if err := json.Unmarshal(text, &file); err != nil || len(file.Types) < 100 || len(file.VPCs) != 1 || len(file.Subnets) != 3 || file.Now == "" {
		t.Errorf("%d types, %d networks, %d subnets, at %q, %v", len(file.Types), len(file.VPCs), len(file.Subnets), file.Now, err)
	}
	if bytes.Contains(text, []byte("terces")) || bytes.Contains(text, []byte("secret")) {
		t.Error("a secret was recorded")
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	code, offline := run("render", "kube-1", "--lookups", out)
	if _, same, _ := strings.Cut(live, "render cluster kube-1"); code != 1 || !strings.Contains(offline, strings.TrimSpace(same)) {
		t.Errorf("offline: exit %d: %s\nlive: %s", code, offline, live)
	}
}
