package render

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fairwayhq/fairway"
)

// tree makes a file system of names and contents.
func tree(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return fsys
}

// testCluster is a cluster with one pool; change says what matters.
func testCluster(change func(*fairway.Cluster)) *fairway.Cluster {
	c := &fairway.Cluster{
		ID: "aws:123456789012:eu-central-1:kube-1", Alias: "one", LocalID: "kube-1", InfrastructureAccount: "aws:123456789012",
		APIServerURL: "https://kube-1.example.zalan.do", Channel: "dev", Environment: "test", LifecycleStatus: fairway.StatusReady,
		Provider: fairway.ProviderLocal, Region: "eu-central-1", ConfigItems: map[string]string{"node_image": "image-1"},
		NodePools: []fairway.NodePool{{Name: "workers", Profile: "worker", InstanceTypes: []string{"m5.large"}, MaxSize: 3}},
	}
	if change != nil {
		change(c)
	}
	return c
}

const (
	userData  = "cluster/node-pools/worker/userdata.yaml"
	configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  x: "
)

// base is the smallest configuration that renders.
func base(more map[string]string) fstest.MapFS {
	files := map[string]string{userData: "image: {{ .NodePool.ConfigItems.node_image }}\n", "cluster/manifests/a/a.yaml": configMap + "\"1\"\n"}
	for name, text := range more {
		files[name] = text
	}
	return tree(files)
}

// renderFiles renders a configuration that has to render.
func renderFiles(t *testing.T, files map[string]string, change func(*fairway.Cluster)) *fairway.Bundle {
	t.Helper()
	b, err := Render(Input{Cluster: testCluster(change), Sources: []Source{{Name: "main", FS: base(files)}}, Revision: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// renderError renders a configuration that has to fail and returns the errors.
func renderError(t *testing.T, files map[string]string, change func(*fairway.Cluster)) Errors {
	t.Helper()
	b, err := Render(Input{Cluster: testCluster(change), Sources: []Source{{Name: "main", FS: base(files)}}, Revision: "r1"})
	if err == nil {
		t.Fatalf("rendered %v, want an error", b)
	}
	if fairway.ErrorCode(err) != fairway.CodeInvalid {
		t.Errorf("code %s, want invalid: %v", fairway.ErrorCode(err), err)
	}
	all, ok := errors.AsType[Errors](err)
	if !ok {
		t.Fatalf("%T holds no Errors", err)
	}
	return all
}

// evaluate renders one template text.
func evaluate(text string, change func(*fairway.Cluster)) (string, error) {
	view, err := newClusterView(testCluster(change), nil)
	if err != nil {
		return "", err
	}
	values := map[string]any{"subnets": map[string]string{"a": "1", "b": "2", "*": "1,2"}, "region": "x"}
	return newEngine(context.Background(), newAnswers(context.Background(), nil, "local", EngineFairway), nil).render(job{file: "main/t.yaml", text: text, data: data{Cluster: view, Values: values, NodePool: view.NodePools[0]}})
}

func contains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%s", what, part, text)
		}
	}
}
