package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The stacks of the example, planned from one revision to the next: what a
// changed instance type and a renamed template do to its resources.
func TestPlan_Stacks(t *testing.T) {
	t.Parallel()
	example, dir := filepath.Join("..", "..", "examples", "2018"), t.TempDir()
	repo := filepath.Join(dir, "repo")
	if err := os.CopyFS(repo, os.DirFS(filepath.Join(example, "config"))); err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-C", repo, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "-b", "stable")
	git("add", ".")
	git("commit", "-q", "-m", "one")
	registry, err := os.ReadFile(filepath.Join(example, "clusters.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"clusters.yaml": strings.Replace(string(registry), "  lifecycle_status:", "  status: {current_version: \""+git("rev-parse", "HEAD")+"#x\"}\n  lifecycle_status:", 1)})
	lookups, err := filepath.Abs(filepath.Join(example, "lookups.json"))
	if err != nil {
		t.Fatal(err)
	}
	run := func(want int) string {
		t.Helper()
		code, stdout, stderr := fairwayMain("", "plan", "cluster-id", "--offline", "--exit-code", "--registry-file", filepath.Join(dir, "clusters.yaml"),
			"--config-source", "main:git:"+repo, "--workdir", filepath.Join(dir, "mirrors"), "--lookups", lookups,
			"--default-channel", "stable", "--default-provider", "zalando-aws", "--default-account", "aws:123456789012")
		if code != want {
			t.Fatalf("exit %d, want %d: %s%s", code, want, stdout, stderr)
		}
		return stdout
	}
	if out := run(0); strings.Contains(out, "stack") || !strings.Contains(out, "no change") {
		t.Errorf("nothing changed: %s", out)
	}
	file := filepath.Join(repo, "cluster", "cluster.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer("LaunchTemplateName: {{ $.Cluster.LocalID }}", "LaunchTemplateName: new-{{ $.Cluster.LocalID }}", "MaxSize: {{ .MaxSize }}", "MaxSize: 50").Replace(string(text))
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	git("commit", "-qam", "two")
	out := run(4)
	for _, part := range []string{"~ stack cluster-id", "~ WorkerTemplate (AWS::EC2::LaunchTemplate), REPLACED", "+   new-cluster-id-worker-pool", "~ WorkerGroup (AWS::AutoScaling::AutoScalingGroup), in place", "+   50",
		"1 stack to change, with 2 resources replaced"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is not in\n%s", part, out)
		}
	}
}
