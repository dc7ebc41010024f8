package app

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/cli"
	"github.com/fairwayhq/fairway/internal/synthrepo"
)

// manyClusters writes a registry of n clusters that run an earlier commit of a
// repository of the usual size, and returns how a command is told of it.
func manyClusters(tb testing.TB, n int) cli.SubjectOptions {
	tb.Helper()
	dir := tb.TempDir()
	repository := filepath.Join(dir, "repository")
	files := synthrepo.Files(1)
	write := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	write(synthrepo.Write(repository, files))
	git := func(args ...string) string {
		cmd := exec.CommandContext(tb.Context(), "git", args...)
		cmd.Dir = repository
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
		out, err := cmd.CombinedOutput()
		if err != nil {
			tb.Fatalf("git %s: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "--quiet", "--initial-branch=dev")
	git("add", "--all")
	git("commit", "--quiet", "-m", "first")
	first := git("rev-parse", "HEAD")
	write(synthrepo.Write(repository, synthrepo.Changed(files)))
	git("commit", "--quiet", "--all", "-m", "second")
	clusters := synthrepo.Clusters(1, n, fairway.ProviderAWS)
	for i := range clusters {
		clusters[i].Status.CurrentVersion = clusters[i].Version(first)
	}
	o := cli.SubjectOptions{
		RegistryFile: filepath.Join(dir, "clusters.yaml"), Lookups: filepath.Join(dir, "lookups.json"),
		ConfigSources: []string{"main:git:" + repository}, WorkDir: filepath.Join(dir, "mirrors"),
	}
	answers, roots := synthrepo.Lookups()
	write(os.WriteFile(o.RegistryFile, synthrepo.Registry(clusters), 0o600))
	write(os.WriteFile(o.Lookups, answers, 0o600))
	write(os.WriteFile(filepath.Join(dir, "roots.pem"), roots, 0o600))
	return o
}

// BenchmarkPlanFleet plans a thousand clusters against what they run, from the
// command line to the last byte: the whole of a pull request's comment.
func BenchmarkPlanFleet(b *testing.B) {
	const clusters = 1000
	o := manyClusters(b, clusters)
	binary := filepath.Join(b.TempDir(), "fairway")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/fairway").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), binary, "plan", "--all", "--offline", "-o", "markdown", "--registry-file", o.RegistryFile,
			"--config-source", o.ConfigSources[0], "--lookups", o.Lookups, "--workdir", o.WorkDir)
		cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
		cmd.Stdout = io.Discard
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		b.ReportMetric((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), "CPU-s")
		b.ReportMetric(float64(use.Maxrss)/1024, "MiB")
	}
	b.ReportMetric(clusters, "clusters")
}

// BenchmarkPlanLibrary is the same in this process, for profiles.
func BenchmarkPlanLibrary(b *testing.B) {
	n, err := strconv.Atoi(os.Getenv("CLUSTERS"))
	if err != nil {
		n = 1000
	}
	o := manyClusters(b, n)
	for b.Loop() {
		plans, err := planClusters(b.Context(), cli.PlanOptions{SubjectOptions: o, All: true, Offline: true}, io.Discard)
		if err != nil || len(plans.Failed) > 0 {
			b.Fatal(err, plans.Failed)
		}
	}
}
