package localkubetest

import (
	"os"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

func TestStartIsShared(t *testing.T) {
	t.Parallel()
	first, second := Start(t), Start(t)
	if first != second {
		t.Error("two clusters in one process")
	}
	if !strings.HasPrefix(first.KubernetesVersion, "v1.") || first.NodeGroupsURL == "" {
		t.Errorf("ready file = %+v", first.Ready)
	}
	var groups struct{ Items []any }
	first.Call(t, "GET", "/v1/groups", nil, &groups)
	if len(groups.Items) != 0 {
		t.Errorf("a new cluster has %d groups", len(groups.Items))
	}
}

func TestOwnClusterComesBackAfterKill(t *testing.T) {
	t.Parallel()
	c := StartOwn(t)
	c.AddGroup(t, "kept", 0)
	before := c.Ready
	c.Kill(t)
	c.Restart(t)
	if c.NodeGroupsURL != before.NodeGroupsURL || c.APIServerURL != before.APIServerURL || c.PID == before.PID {
		t.Errorf("after the restart: %+v, before: %+v", c.Ready, before)
	}
	var kept struct{ Name string }
	c.Call(t, "GET", "/v1/groups/kept", nil, &kept)
	if kept.Name != "kept" {
		t.Errorf("group after the restart = %+v", kept)
	}
}
