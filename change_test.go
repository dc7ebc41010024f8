package fairway

import (
	"strings"
	"testing"
	"time"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	before := &Cluster{ID: "c", Channel: "dev", ConfigItems: map[string]string{"a": "1", "gone": "x", "k/ey": "old", "db_password": "hunter2-hunter2"},
		NodePools: []NodePool{{Name: "p", MaxSize: 3}, {Name: "q", MaxSize: 1}}, Status: ClusterStatus{Problems: []Problem{}}}
	after := &Cluster{ID: "c", Channel: "alpha", ConfigItems: map[string]string{"a": "1", "new": "-----BEGIN PRIVATE KEY-----", "k/ey": "new", "db_password": "correct-horse"},
		NodePools: []NodePool{{Name: "q", MaxSize: 1}, {Name: "p", MaxSize: 5}}, Status: ClusterStatus{Problems: []Problem{}}}
	was, is := Diff(before, after)
	for path, want := range map[string][2]any{
		"/channel":                  {"dev", "alpha"},
		"/config_items/gone":        {"x", nil},
		"/config_items/new":         {nil, Masked},
		"/config_items/k~1ey":       {"old", "new"},
		"/config_items/db_password": {Masked, Masked},
		"/node_pools/p/max_size":    {3.0, 5.0},
	} {
		if was[path] != want[0] || is[path] != want[1] {
			t.Errorf("%s: %v to %v, want %v", path, was[path], is[path], want)
		}
		delete(was, path)
		delete(is, path)
	}
	if len(was)+len(is) > 0 {
		t.Errorf("what did not change: %v, %v", was, is)
	}
	was, is = Diff(nil, after)
	if len(was) != 0 || is["/channel"] != "alpha" || is["/config_items/db_password"] != Masked {
		t.Errorf("a new object: %v, %v", was, is)
	}
	if was, is = Diff(after, nil); len(is) != 0 || was["/id"] != "c" {
		t.Errorf("an object that goes: %v, %v", was, is)
	}
}

func TestLooksSecret(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key, value string
		want       bool
	}{
		{"a", "-----BEGIN RSA PRIVATE KEY-----\nx", true}, {"a", "ghp_0123456789", true}, {"a", "eyJhbGciOi.eyJzdWIi.c2ln", true},
		{"scalyr_access_token", "0123abcd4567", true}, {"db_password", "correct horse", true},
		{"db_password", "aws:kms:AQID", false}, {"db_password", "age:xyz", false}, {"db_password", "", false},
		{"token_ttl", "3600", false}, {"token_ttl_seconds", "86400000", false}, {"secret_backend_enabled", "true", false},
		{"token_url", "https://auth.example.org/token", false}, {"webhook_token_url", "https://u:p@example.org", true},
		{"instance_type", "m5.large", false}, {"ca_certificate", "-----BEGIN CERTIFICATE-----", false}, {"tokenizer", "short", false},
	} {
		if got := LooksSecret(c.key, c.value); got != c.want {
			t.Errorf("%s=%s: got %t", c.key, c.value, got)
		}
	}
}

// TestChainHash: every part of an entry, and the entry before, is in the hash.
func TestChainHash(t *testing.T) {
	t.Parallel()
	c := Change{Seq: 1, At: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), Kind: KindCluster, ID: "c", Event: ChangeUpdated, Who: "w", Display: "d",
		From: "f", Reason: "r", Before: map[string]any{"/a": "1"}, After: map[string]any{"/a": "2"}, ETag: "e"}
	seen := map[string]string{c.ChainHash(""): "the entry", c.ChainHash("x"): "after another"}
	for name, change := range map[string]func(c *Change){
		"seq": func(c *Change) { c.Seq++ }, "at": func(c *Change) { c.At = c.At.Add(time.Microsecond) }, "kind": func(c *Change) { c.Kind = "x" },
		"id": func(c *Change) { c.ID = "x" }, "event": func(c *Change) { c.Event = "x" }, "who": func(c *Change) { c.Who = "x" },
		"display": func(c *Change) { c.Display = "x" }, "from": func(c *Change) { c.From = "x" }, "reason": func(c *Change) { c.Reason = "x" },
		"before": func(c *Change) { c.Before = map[string]any{"/a": "0"} }, "after": func(c *Change) { c.After = nil }, "etag": func(c *Change) { c.ETag = "x" },
	} {
		other := c
		change(&other)
		hash := other.ChainHash("")
		if was, double := seen[hash]; double || len(hash) != 64 || strings.ToLower(hash) != hash {
			t.Errorf("%s: hash %s, the same as %s", name, hash, was)
		}
		seen[hash] = name
	}
	local := c
	local.At = c.At.In(time.FixedZone("", 3600))
	if local.ChainHash("") != c.ChainHash("") {
		t.Error("the hash depends on the time zone")
	}
}
