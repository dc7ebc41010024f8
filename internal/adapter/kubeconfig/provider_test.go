package kubeconfig

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairwayhq/fairway"
)

// api is a cluster that answers, or does not.
type api struct {
	fairway.Kubernetes
	path string
	err  error
}

func (a api) Healthy(context.Context) error { return a.err }

func TestConnect(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	made := 0
	var down error
	p := New(Options{DataDir: dir, NewKubernetes: func(path string, _ *fairway.Cluster) (fairway.Kubernetes, error) {
		made++
		return api{path: path, err: down}, nil
	}})
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	connect := func(localID string, items map[string]string) (string, error) {
		k, cloud, err := p.Connect(t.Context(), &fairway.Cluster{ID: "c", LocalID: localID, ConfigItems: items})
		if err != nil {
			return "", err
		}
		if groups, err := cloud.Groups(t.Context()); len(groups) > 0 || err != nil {
			t.Errorf("groups %v %v", groups, err)
		}
		return strings.TrimPrefix(k.(api).path, dir+"/"), nil
	}
	if _, err := connect("one", nil); fairway.ErrorCode(err) != fairway.CodeUnavailable || !strings.Contains(fairway.ErrorHint(err), "kubeconfig") {
		t.Errorf("without a file: %v", err)
	}
	write("clusters/one/kubeconfig", "a")
	write("elsewhere/config", "b")
	for range 2 {
		if got, err := connect("one", nil); err != nil || got != "clusters/one/kubeconfig" {
			t.Errorf("in the data folder: %q %v", got, err)
		}
	}
	if made != 1 {
		t.Errorf("made %d clients of one file", made)
	}
	write("clusters/one/kubeconfig", "another")
	if _, err := connect("one", nil); err != nil || made != 2 {
		t.Errorf("after the file changed: %v, %d clients", err, made)
	}
	for _, item := range []string{"elsewhere/config", filepath.Join(dir, "elsewhere/config")} {
		if got, err := connect("one", map[string]string{Item: item}); err != nil || got != "elsewhere/config" {
			t.Errorf("by config item %s: %q %v", item, got, err)
		}
	}
	for name, c := range map[string][2]string{
		"above the folder": {"one", "../secret"}, "another file of the machine": {"one", "/etc/hosts"}, "a local id that is a path": {"../one", "elsewhere/config"},
	} {
		if _, err := connect(c[0], map[string]string{Item: c[1]}); fairway.ErrorCode(err) != fairway.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	down = fairway.Errorf(fairway.CodeUnavailable, "refused")
	write("clusters/one/kubeconfig", "down")
	if _, err := connect("one", nil); fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Errorf("of a cluster that does not answer: %v", err)
	}
}

// Whoever asks for a node is told that there is none to be had.
func TestCloudRefuses(t *testing.T) {
	t.Parallel()
	var c cloud
	if g, err := c.EnsurePool(t.Context(), fairway.PoolSpec{Pool: fairway.NodePool{Name: "w"}}); err != nil || g.Owned || g.Pool != "w" {
		t.Errorf("ensure: %+v %v", g, err)
	}
	for what, err := range map[string]error{
		"size": c.SetDesired(t.Context(), "w", 1, 1), "end": c.Terminate(t.Context(), "i", false), "protect": c.Protect(t.Context(), "i", true),
		"retire": c.RetirePool(t.Context(), "w"), "delete": c.DeletePool(t.Context(), "w"),
	} {
		if fairway.ErrorCode(err) != fairway.CodeInvalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}
