package fairway_test

import (
	"testing"

	"github.com/fairwayhq/fairway"
)

// sample is the cluster of the contract's test vector 9.1.
func sample() fairway.Cluster {
	return fairway.Cluster{
		ID: "aws:123456789012:eu-central-1:kube-1", InfrastructureAccount: "aws:123456789012", LocalID: "kube-1",
		APIServerURL: "https://kube-1.foo.example.org/", Channel: "alpha", Environment: "production", CriticalityLevel: 1,
		LifecycleStatus: fairway.StatusReady, Provider: fairway.ProviderAWS, Region: "eu-central-1",
		ConfigItems: map[string]string{"product_y_key": "12345", "product_x_key": "abcde"},
		NodePools: []fairway.NodePool{
			{Name: "master-default", Profile: "master-default", InstanceTypes: []string{"m4.large"}, DiscountStrategy: "none", MinSize: 2, MaxSize: 2},
			{Name: "worker-default", Profile: "worker-default", InstanceTypes: []string{"m5.large", "m5.2xlarge"}, DiscountStrategy: "none",
				MinSize: 3, MaxSize: 21, ConfigItems: map[string]string{"taints": "my-taint=:NoSchedule"}},
		},
	}
}

func TestCluster_Version(t *testing.T) {
	t.Parallel()
	c := sample()
	if got, want := c.Version("git-commit-hash"), "git-commit-hash#QLIyzRr4YN93KJgAXnwmTT-WcJg"; got != want {
		t.Errorf("version is %s, want %s", got, want)
	}
	var empty fairway.Cluster
	if got, want := empty.Hash(), "kGnKeOdFCihRc0MbPlLFwlKZ5HM"; got != want {
		t.Errorf("hash of the empty cluster is %s, want %s", got, want)
	}
	for name, change := range map[string]func(*fairway.Cluster){
		"config item": func(c *fairway.Cluster) { c.ConfigItems["product_x_key"] = "abcdf" },
		"status":      func(c *fairway.Cluster) { c.LifecycleStatus = fairway.StatusRequested },
		"pool size":   func(c *fairway.Cluster) { c.NodePools[1].MaxSize = 22 },
		"pool item":   func(c *fairway.Cluster) { c.NodePools[1].ConfigItems["taints"] = "" },
	} {
		changed := sample()
		if change(&changed); changed.Hash() == c.Hash() {
			t.Errorf("a changed %s does not change the hash", name)
		}
	}
	same := sample()
	same.Alias, same.Owner, same.Status.NextVersion = "other", "team", "x#y"
	if same.Hash() != c.Hash() {
		t.Error("alias, owner or status change the hash")
	}
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "#", "foo": "#", "foo#bar": "foo#bar", "#bar": "#bar", "a#b#c": "#"} {
		if got := fairway.ParseVersion(text).String(); got != want {
			t.Errorf("ParseVersion(%q) prints as %q, want %q", text, got, want)
		}
	}
}
