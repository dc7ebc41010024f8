package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/localkubetest"
	"github.com/fairwayhq/fairway/internal/pure/render"
	"github.com/fairwayhq/fairway/internal/synthrepo"
)

// applyEnv makes the test program one manager that carries out one update, so
// that what it costs is what its process costs.
const applyEnv = "FAIRWAY_TEST_APPLY"

type applyJob struct {
	Applier  applier
	Revision string
}

// applyOnce is that manager; it returns its exit code.
func applyOnce(job string, stdout, stderr io.Writer) int {
	var j applyJob
	err := json.Unmarshal([]byte(job), &j)
	if err == nil {
		err = j.run(context.Background(), stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func (j applyJob) run(ctx context.Context, stdout io.Writer) error {
	store, updater, err := j.Applier.open(ctx)
	if err != nil {
		return err
	}
	u, err := carryOut(ctx, store, updater, j.Applier.Cluster.ID, j.Revision)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	steps, err := store.Steps(ctx, u.ID)
	for _, s := range steps {
		if s.Name == fairway.StepManifests {
			fmt.Fprint(stdout, s.Detail)
		}
	}
	return errors.Join(err, store.Close())
}

// cost is what a program took.
type cost struct {
	cpu, wall time.Duration
	requests  map[string]int
	writes    []string
	says      string
}

func (c cost) String() string {
	all, verbs := 0, []string{}
	for verb, n := range c.requests {
		all += n
		verbs = append(verbs, fmt.Sprintf("%s %d", verb, n))
	}
	slices.Sort(verbs)
	return fmt.Sprintf("%5.2f CPU-s  %6.2f s  %4d requests (%s)", c.cpu.Seconds(), c.wall.Seconds(), all, strings.Join(verbs, ", "))
}

// run runs programs one after another and adds up what they took.
func run(b *testing.B, counts *requests, programs ...*exec.Cmd) cost {
	b.Helper()
	counts.reset()
	var c cost
	begin := time.Now()
	for _, p := range programs {
		var stdout, stderr bytes.Buffer
		p.Stdout, p.Stderr = &stdout, &stderr
		err := p.Run()
		if err != nil {
			b.Fatalf("%s: %v\n%s", p, err, stderr.String())
		}
		c.cpu += p.ProcessState.UserTime() + p.ProcessState.SystemTime()
		c.says = stdout.String()
	}
	c.wall, c.requests, c.writes = time.Since(begin), counts.all(), counts.writes()
	return c
}

// BenchmarkApply applies the repository of the usual size to an empty control
// plane, again with nothing changed but one object by hand, and with one ConfigMap
// changed; and does the same with one kubectl apply for each component.
func BenchmarkApply(b *testing.B) {
	kubectl := os.Getenv("FAIRWAY_KUBECTL")
	if kubectl == "" {
		b.Fatal("FAIRWAY_KUBECTL does not name a kubectl; `make bench-apply` builds one")
	}
	files := synthrepo.Files(1)
	files["fairway.yaml"] = "components: {\"*\": {drift: report}}\n"
	const one = "cluster/manifests/bench/one.yaml"
	config := func(value string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bench, namespace: kube-system}\ndata: {a: \"" + value + "\"}\n"
	}
	files[one] = config("1")
	revisions := map[string]map[string]string{"r1": files, "r2": changed(files, one, config("2"))}
	const byHandName = "bench-by-hand"
	files["cluster/manifests/bench/two.yaml"] = strings.ReplaceAll(config("1"), "name: bench", "name: "+byHandName)
	revisions["r2"]["cluster/manifests/bench/two.yaml"] = files["cluster/manifests/bench/two.yaml"]
	cluster := synthrepo.Clusters(1, 1, fairway.ProviderKubeconfig)[0]
	for b.Loop() {
		var ours, theirs [3]cost
		b.Run("fairway", func(b *testing.B) {
			counts, path, api := benchCluster(b)
			a := applier{Dir: b.TempDir(), Kubeconfig: path, Cluster: cluster}
			for name, text := range revisions {
				a.revision(b, name, text)
			}
			manager := func(revision string) *exec.Cmd {
				job, err := json.Marshal(applyJob{a, revision})
				if err != nil {
					b.Fatal(err)
				}
				c := exec.Command(os.Args[0])
				c.Env = append(os.Environ(), applyEnv+"="+string(job))
				return c
			}
			ours[0] = run(b, counts, manager("r1"))
			byHand(b, api, "kube-system", byHandName, map[string]string{"a": "mine"})
			ours[1] = run(b, counts, manager("r1"))
			ours[2] = run(b, counts, manager("r2"))
		})
		b.Run("kubectl", func(b *testing.B) {
			counts, path, api := benchCluster(b)
			cache := filepath.Join(b.TempDir(), "cache")
			applies := func(revision string) []*exec.Cmd {
				var all []*exec.Cmd
				for _, component := range componentTexts(b, &cluster, revisions[revision]) {
					for i, text := range component {
						if text == "" {
							continue
						}
						c := exec.Command(kubectl, "--kubeconfig", path, "--cache-dir", cache, "apply", "-f", "-")
						if i == 0 {
							c.Args = append(c.Args, "--server-side", "--force-conflicts")
						}
						c.Stdin = strings.NewReader(text)
						all = append(all, c)
					}
				}
				return all
			}
			theirs[0] = run(b, counts, applies("r1")...)
			byHand(b, api, "kube-system", byHandName, map[string]string{"a": "mine"})
			theirs[1] = run(b, counts, applies("r1")...)
			theirs[2] = run(b, counts, applies("r2")...)
		})
		for i, what := range []string{"empty control plane", "nothing changed, one by hand", "one ConfigMap changed"} {
			fmt.Printf("%-30s fairway  %s\n%-30s kubectl  %s\n", what, ours[i], "", theirs[i])
			fmt.Printf("%-30s fairway says: %s\n", "", ours[i].says)
			if len(ours[i].writes) < 5 {
				fmt.Printf("%-30s fairway writes: %s\n", "", strings.Join(ours[i].writes, ", "))
			}
		}
	}
}

// benchCluster starts a control plane with nodes for the repository's workloads.
func benchCluster(b *testing.B) (*requests, string, dynamic.Interface) {
	b.Helper()
	cluster := localkubetest.StartOwn(b)
	cluster.AddGroup(b, "bench", 9)
	counts, path := counted(b, cluster.Kubeconfig)
	config, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig)
	if err != nil {
		b.Fatal(err)
	}
	api, err := dynamic.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	return counts, path, api
}

// mostAnnotation is about how large an object may be for kubectl to remember it in
// an annotation.
const mostAnnotation = 200_000

// componentTexts are the manifests of each component, as kubectl reads them; apart
// and first those that are too large for it unless the server applies them.
func componentTexts(b *testing.B, c *fairway.Cluster, files map[string]string) [][2]string {
	b.Helper()
	bundle, err := render.Render(render.Input{Cluster: c, Revision: "r", Sources: []render.Source{{Name: "main", FS: synthrepo.FS(files)}}})
	if err != nil {
		b.Fatal(err)
	}
	var all [][2]string
	for _, component := range bundle.Components {
		var texts [2]string
		for _, o := range component.Objects {
			doc, err := yaml.Marshal(o)
			if err != nil {
				b.Fatal(err)
			}
			i := 1
			if len(doc) > mostAnnotation {
				i = 0
			}
			texts[i] += "---\n" + string(doc)
		}
		all = append(all, texts)
	}
	return all
}
