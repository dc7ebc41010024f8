package fairway_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// valid returns a cluster that passes Validate, changed by do.
func valid(do func(c *fairway.Cluster)) *fairway.Cluster {
	c := &fairway.Cluster{
		ID: "aws:123456789012:eu-central-1:kube-1", Alias: "kube-1", InfrastructureAccount: "aws:123456789012", LocalID: "kube-1",
		APIServerURL: "https://kube-1.foo.example.org/", Channel: "alpha", Environment: "production", CriticalityLevel: 1,
		LifecycleStatus: fairway.StatusReady, Provider: fairway.ProviderAWS, Region: "eu-central-1",
		ConfigItems: map[string]string{"product_x_key": "abcde"},
		NodePools: []fairway.NodePool{
			{Name: "master-default", Profile: "master-default", InstanceTypes: []string{"m4.large"}, DiscountStrategy: "none", MinSize: 2, MaxSize: 2},
			{Name: "karp", Profile: "worker-karpenter", DiscountStrategy: "spot"},
		},
	}
	do(c)
	return c
}

func TestClusterValidate(t *testing.T) {
	t.Parallel()
	pool := func(do func(p *fairway.NodePool)) func(c *fairway.Cluster) {
		return func(c *fairway.Cluster) { do(&c.NodePools[0]) }
	}
	cases := []struct {
		name   string
		change func(c *fairway.Cluster)
		want   string // pointers
	}{
		{"valid", func(c *fairway.Cluster) {}, ""},
		{"id with capitals", func(c *fairway.Cluster) { c.ID = "Kube" }, "/id"},
		{"id of one letter", func(c *fairway.Cluster) { c.ID = "k" }, "/id"},
		{"alias with colon", func(c *fairway.Cluster) { c.Alias = "a:b" }, "/alias"},
		{"local id that leaves its folder", func(c *fairway.Cluster) { c.LocalID = "../x" }, "/local_id"},
		{"account of 11 digits", func(c *fairway.Cluster) { c.InfrastructureAccount = "aws:12345678901" }, "/infrastructure_account"},
		{"local account of an AWS cluster", func(c *fairway.Cluster) { c.InfrastructureAccount = "local:demo" }, "/infrastructure_account"},
		{"AWS account of a local cluster", func(c *fairway.Cluster) { c.Provider = "local" }, "/infrastructure_account"},
		{"local", func(c *fairway.Cluster) { c.Provider, c.InfrastructureAccount = "local", "local:demo" }, ""},
		{"kubeconfig takes any account", func(c *fairway.Cluster) { c.Provider, c.InfrastructureAccount = "kubeconfig", "dc:x" }, ""},
		{"account with two colons", func(c *fairway.Cluster) { c.Provider, c.InfrastructureAccount = "kubeconfig", "dc:x:y" }, "/infrastructure_account"},
		{"URL without scheme", func(c *fairway.Cluster) { c.APIServerURL = "kube-1.example.org" }, "/api_server_url"},
		{"host without a dot", func(c *fairway.Cluster) { c.APIServerURL = "https://kube-1" }, "/api_server_url"},
		{"local host without a dot", func(c *fairway.Cluster) {
			c.Provider, c.InfrastructureAccount, c.APIServerURL = "local", "local:demo", "https://localhost:6443"
		}, ""},
		{"negative criticality", func(c *fairway.Cluster) { c.CriticalityLevel = -1 }, "/criticality_level"},
		{"unknown lifecycle", func(c *fairway.Cluster) { c.LifecycleStatus = "redy" }, "/lifecycle_status"},
		{"unknown provider", func(c *fairway.Cluster) { c.Provider = "aws" }, "/provider"},
		{"all missing", func(c *fairway.Cluster) { *c = fairway.Cluster{} },
			"/id /alias /infrastructure_account /local_id /api_server_url /channel /environment /lifecycle_status /provider /region"},
		{"item key", func(c *fairway.Cluster) { c.ConfigItems["A/b~c"] = "" }, "/config_items/A~1b~0c"},
		{"item size", func(c *fairway.Cluster) { c.ConfigItems["ab"] = strings.Repeat("x", fairway.MaxConfigItem+1) }, "/config_items/ab"},
		{"cluster size", func(c *fairway.Cluster) {
			for _, key := range strings.Fields("aa ab ac ad ae af ag ah ai") {
				c.ConfigItems[key] = strings.Repeat("x", fairway.MaxConfigItem)
			}
		}, "/config_items"},
		{"duplicate pool", func(c *fairway.Cluster) { c.NodePools[1].Name = "master-default" }, "/node_pools/1/name"},
		{"pool name", pool(func(p *fairway.NodePool) { p.Name = "-x" }), "/node_pools/0/name"},
		{"profile that leaves its folder", pool(func(p *fairway.NodePool) { p.Profile = "../x" }), "/node_pools/0/profile"},
		{"no instance types", pool(func(p *fairway.NodePool) { p.InstanceTypes = nil }), "/node_pools/0/instance_types"},
		{"empty instance type", pool(func(p *fairway.NodePool) { p.InstanceTypes = []string{" "} }), "/node_pools/0/instance_types"},
		{"duplicate instance type", pool(func(p *fairway.NodePool) { p.InstanceTypes = []string{"a", "b", "a"} }), "/node_pools/0/instance_types"},
		{"unknown strategy", pool(func(p *fairway.NodePool) { p.DiscountStrategy = "cheap" }), "/node_pools/0/discount_strategy"},
		{"legacy strategy", pool(func(p *fairway.NodePool) { p.DiscountStrategy = "spot_max_price" }), ""},
		{"negative sizes", pool(func(p *fairway.NodePool) { p.MinSize, p.MaxSize = -2, -1 }), "/node_pools/0/min_size /node_pools/0/max_size"},
		{"min above max", pool(func(p *fairway.NodePool) { p.MinSize = 3 }), "/node_pools/0/min_size"},
		{"pool item key", pool(func(p *fairway.NodePool) { p.ConfigItems = map[string]string{"a-b": ""} }), "/node_pools/0/config_items/a-b"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var pointers []string
			for _, f := range valid(c.change).Validate() {
				pointers = append(pointers, f.Pointer)
				if f.Message == "" {
					t.Errorf("%s has no message", f.Pointer)
				}
			}
			if diff := cmp.Diff(c.want, strings.Join(pointers, " ")); diff != "" {
				t.Errorf("pointers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAccountValidate(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]fairway.InfrastructureAccount{
		"":                      {ID: "aws:123456789012", LifecycleStatus: "ready"},
		"/id /lifecycle_status": {ID: "aws", LifecycleStatus: "decommission-requested", CriticalityLevel: 1},
		"/criticality_level":    {ID: "local:x", LifecycleStatus: "creating", CriticalityLevel: -1},
	} {
		var pointers []string
		for _, f := range a.Validate() {
			pointers = append(pointers, f.Pointer)
		}
		if got := strings.Join(pointers, " "); got != want {
			t.Errorf("account %+v: got %q, want %q", a, got, want)
		}
	}
}
