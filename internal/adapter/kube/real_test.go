package kube

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/localkubetest"
)

func TestMain(m *testing.M) { os.Exit(localkubetest.Main(m)) }

// patience is how long a test waits for controllers on a busy machine.
const patience = time.Minute

// connect returns a client of the real cluster that the tests share.
func connect(t *testing.T) *Cluster {
	t.Helper()
	c, err := New(Options{Kubeconfig: localkubetest.Start(t).Kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// connectThrough returns a client whose requests pass through meet.
func connectThrough(t *testing.T, meet func(http.RoundTripper) http.RoundTripper) *Cluster {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", localkubetest.Start(t).Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.Wrap(meet)
	c, err := New(Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kubeconfig returns the path of the shared cluster's kubeconfig.
func kubeconfig(t *testing.T) string { t.Helper(); return localkubetest.Start(t).Kubeconfig }

// made numbers what tests must not share.
var made atomic.Int64

// namespace makes a namespace of the test's own.
func namespace(t *testing.T, c *Cluster) string {
	t.Helper()
	name := fmt.Sprintf("test-%d", made.Add(1))
	apply(t, c, fairway.Object{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
	return name
}

// apply applies an object and returns what that did.
func apply(t *testing.T, c *Cluster, o fairway.Object) fairway.Action {
	t.Helper()
	before, err := c.Read(t.Context(), []fairway.ObjectRef{o.Ref()})
	if err != nil {
		t.Fatal(err)
	}
	result, err := c.Apply(t.Context(), o, before[0].Object)
	if err != nil {
		t.Fatal(err)
	}
	return result.Action
}

// object returns an object with its metadata filled in; rest is merged on top.
func object(apiVersion, kind, namespace, name string, rest map[string]any) fairway.Object {
	o := fairway.Object{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name, "namespace": namespace}}
	for k, v := range rest {
		o[k] = v
	}
	return o
}

func configMap(namespace, name, value string, labels map[string]any) fairway.Object {
	o := object("v1", "ConfigMap", namespace, name, map[string]any{"data": map[string]any{"key": value}})
	if labels != nil {
		o["metadata"].(map[string]any)["labels"] = labels
	}
	return o
}

// deployment is a Deployment whose pods carry the label app with its name.
func deployment(namespace, name, image string, replicas int, annotations map[string]any) fairway.Object {
	labels := map[string]any{"app": name}
	return object("apps/v1", "Deployment", namespace, name, map[string]any{"spec": map[string]any{
		"replicas": replicas, "selector": map[string]any{"matchLabels": labels},
		"template": map[string]any{
			"metadata": map[string]any{"labels": labels, "annotations": annotations},
			"spec": map[string]any{"terminationGracePeriodSeconds": 1,
				"containers": []any{map[string]any{"name": "main", "image": image,
					"resources": map[string]any{"requests": map[string]any{"cpu": "10m", "memory": "16Mi"}}}}},
		}}})
}

func pdb(namespace, name, app string, minAvailable int) fairway.Object {
	return object("policy/v1", "PodDisruptionBudget", namespace, name, map[string]any{"spec": map[string]any{
		"minAvailable": minAvailable, "selector": map[string]any{"matchLabels": map[string]any{"app": app}}}})
}

// machines makes sure that the shared cluster has three nodes to run pods on.
func machines(t *testing.T, c *Cluster) {
	t.Helper()
	localkubetest.Start(t).AddGroup(t, "machines", 3)
	localkubetest.Eventually(t, patience, func() error {
		w, err := c.Workloads(t.Context())
		if err != nil {
			return err
		}
		ready := 0
		for _, n := range w.Nodes {
			if n.Ready && n.Labels["node.kubernetes.io/node-pool"] == "machines" {
				ready++
			}
		}
		if ready < 3 {
			return fmt.Errorf("%d of 3 nodes are ready", ready)
		}
		return nil
	})
}

// waitHealthy waits until an object is current.
func waitHealthy(t *testing.T, c *Cluster, ref fairway.ObjectRef) {
	t.Helper()
	waitHealth(t, c, ref, fairway.HealthCurrent)
}

func waitHealth(t *testing.T, c *Cluster, ref fairway.ObjectRef, want fairway.HealthState) {
	t.Helper()
	localkubetest.Eventually(t, patience, func() error {
		h, err := c.Health(t.Context(), ref)
		if err == nil && h.State != want {
			err = fmt.Errorf("%s is %s (%s), want %s", ref, h.State, h.Message, want)
		}
		return err
	})
}

// podsOf returns the pods of an app that are not going away.
func podsOf(t *testing.T, c *Cluster, namespace, app string) []fairway.Pod {
	t.Helper()
	w, err := c.Workloads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var pods []fairway.Pod
	for _, p := range w.Pods {
		if p.Namespace == namespace && p.Labels["app"] == app && !p.Deleting {
			pods = append(pods, p)
		}
	}
	return pods
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// respond is an answer that no API server gave.
func respond(r *http.Request, code int, text string, header ...string) *http.Response {
	recorder := &http.Response{StatusCode: code, Status: http.StatusText(code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"text/plain"}}, Body: http.NoBody, Request: r}
	recorder.Body = body{strings.NewReader(text)}
	for i := 0; i+1 < len(header); i += 2 {
		recorder.Header.Set(header[i], header[i+1])
	}
	return recorder
}

type body struct{ *strings.Reader }

func (body) Close() error { return nil }

func TestServerVersionAndHealth(t *testing.T) {
	t.Parallel()
	c := connect(t)
	if err := c.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
	version, err := c.ServerVersion(t.Context())
	if err != nil || version != localkubetest.Start(t).KubernetesVersion {
		t.Errorf("version = %q, %v, want %q", version, err, localkubetest.Start(t).KubernetesVersion)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	// Port 1 of loopback refuses connections.
	c, err := New(Options{Config: &rest.Config{Host: "https://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"Healthy":   func() error { return c.Healthy(t.Context()) },
		"Workloads": func() error { _, err := c.Workloads(t.Context()); return err },
		"Health": func() error {
			_, err := c.Health(t.Context(), fairway.ObjectRef{APIVersion: "v1", Kind: "Pod"})
			return err
		},
		"Mark":      func() error { return c.Mark(t.Context(), "n", fairway.NodeMarks{}) },
		"HoldLease": func() error { return c.HoldLease(t.Context(), "a", time.Second) },
		"Delete": func() error {
			_, err := c.Delete(t.Context(), fairway.Deletion{Kind: "Pod", Name: "p", Namespace: "n"})
			return err
		},
	} {
		err := call()
		if fairway.ErrorCode(err) != fairway.CodeUnavailable || fairway.ErrorHint(err) == "" {
			t.Errorf("%s: error = %v, code %s, hint %q", name, err, fairway.ErrorCode(err), fairway.ErrorHint(err))
		}
	}
}

func TestNewRefusesBadKubeconfig(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/kubeconfig"
	if err := os.WriteFile(path, []byte("clusters: 7"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + ".missing"} {
		if _, err := New(Options{Kubeconfig: p}); fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.Contains(err.Error(), p) {
			t.Errorf("New with %s: %v", p, err)
		}
	}
}
