package demo

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway"
)

// The channels of the demo, in the order in which a change travels.
var channels = []string{"dev", "alpha", "beta"}

const account = "local:demo"

// fleetCluster is one cluster of the demo.
type fleetCluster struct {
	ID          string `json:"id"`
	LocalID     string `json:"local_id"`
	Channel     string `json:"channel"`
	Environment string `json:"environment"`
	Region      string `json:"region"`
	// seed makes the cluster's machines boot at times of their own.
	seed int
}

// fleet returns n clusters: one of dev, one of alpha, the others of beta, which
// stand in two regions.
func fleet(n int) []fleetCluster {
	var all []fleetCluster
	for i := range n {
		c := fleetCluster{Channel: channels[min(i, 2)], Environment: "test", Region: "local-1", seed: i + 1}
		c.LocalID = fmt.Sprintf("%s-%d", c.Channel, max(1, i-1))
		c.ID = c.LocalID // short, as in the talk: there is one account
		if c.Channel == "beta" {
			c.Environment = "production"
			c.Region = fmt.Sprintf("local-%d", 1+i%2)
		}
		all = append(all, c)
	}
	return all
}

// channelsOf returns the channels that have clusters, in order.
func channelsOf(all []fleetCluster) []string {
	return channels[:min(len(all), len(channels))]
}

// zones of the cluster's region.
func (c fleetCluster) zones() []string {
	return []string{c.Region + "a", c.Region + "b", c.Region + "c"}
}

// pools of every cluster: workers in two pools and a control plane of two. The
// storage pool has one node per zone, so that every zonal volume has a home.
// Every pool may grow beyond its size, so that replacements come first. Six
// workers have two web pods each, so that half of the web can be on its way.
func pools() []fairway.NodePool {
	return []fairway.NodePool{
		{
			Name: "control-plane", Profile: "master-default", InstanceTypes: []string{"m5.large"}, DiscountStrategy: "none", MinSize: 2, MaxSize: 4,
			ConfigItems: map[string]string{
				"taints": "node-role.kubernetes.io/control-plane=true:NoSchedule",
				// No load balancer sends anything to these nodes.
				"roll_deregistration": "0s",
			},
		},
		{
			Name: "workers", Profile: "worker-default", InstanceTypes: []string{"m5.xlarge"}, DiscountStrategy: "none", MinSize: 6, MaxSize: 12,
			ConfigItems: map[string]string{"labels": "dedicated=" + dedicatedWeb, "roll_surge": "6"},
		},
		{
			Name: "storage", Profile: "worker-default", InstanceTypes: []string{"m5.xlarge"}, DiscountStrategy: "none", MinSize: 3, MaxSize: 6,
			ConfigItems: map[string]string{
				"labels": "dedicated=" + dedicatedStorage,
				"taints": "dedicated=" + dedicatedStorage + ":NoSchedule",
				// Nor to these.
				"roll_deregistration": "0s",
			},
		},
	}
}

// settings are demo-sized: seconds where a real fleet takes minutes. The
// deregistration covers the age of the load balancer's view (2 s) and its own
// 5 s.
func settings() map[string]string {
	return map[string]string{
		"roll_surge":              "3",
		"roll_min_ready":          "500ms",
		"roll_deregistration":     "7s",
		"roll_node_ready_timeout": "60s",
		"roll_blocked_after":      "30s",
		"roll_retry_refused":      "500ms",
		// The first cluster is canary enough for minutes of a demo.
		"roll_canary":    "false",
		"health_timeout": "2m",
		// An even number: half of an application may be out of the load
		// balancers at a time.
		"ingress_replicas": "4",
	}
}

// registryEntry is a cluster as clusters.yaml has it (contract 1.1).
type registryEntry struct {
	ID                    string                  `json:"id"`
	Alias                 string                  `json:"alias"`
	LocalID               string                  `json:"local_id"`
	InfrastructureAccount string                  `json:"infrastructure_account"`
	APIServerURL          string                  `json:"api_server_url"`
	Channel               string                  `json:"channel"`
	Environment           string                  `json:"environment"`
	CriticalityLevel      int32                   `json:"criticality_level"`
	LifecycleStatus       fairway.LifecycleStatus `json:"lifecycle_status"`
	Provider              string                  `json:"provider"`
	Region                string                  `json:"region"`
	Owner                 string                  `json:"owner"`
	ConfigItems           map[string]string       `json:"config_items"`
	NodePools             []fairway.NodePool      `json:"node_pools"`
}

// registryYAML returns clusters.yaml for clusters whose API servers answer at
// the given URLs, by local id.
func registryYAML(all []fleetCluster, urls map[string]string) ([]byte, error) {
	var entries []registryEntry
	for _, c := range all {
		entries = append(entries, registryEntry{
			ID: c.ID, Alias: c.LocalID, LocalID: c.LocalID, InfrastructureAccount: account, APIServerURL: urls[c.LocalID],
			Channel: c.Channel, Environment: c.Environment, CriticalityLevel: 1, LifecycleStatus: fairway.StatusRequested,
			Provider: fairway.ProviderLocal, Region: c.Region, Owner: "demo", ConfigItems: settings(), NodePools: pools(),
		})
	}
	text, err := yaml.Marshal(map[string]any{"clusters": entries})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", registryFile, err)
	}
	return append([]byte("# The fleet of this demo. The manager imports it whenever its content changes.\n"), text...), nil
}

// nodegroupsJSON returns the file that tells a localkube how its machines behave.
func (c fleetCluster) nodegroupsJSON() ([]byte, error) {
	return json.MarshalIndent(map[string]any{
		"seed":             c.seed,
		"region":           c.Region,
		"zones":            c.zones(),
		"boot":             map[string]string{"base": "4s", "spread": "1s"},
		"in_service_delay": "500ms",
		"shutdown":         "1s",
		"pod":              map[string]string{"start_min": "1s", "start_max": "2s", "termination": "2s"},
		"volume":           map[string]string{"attach": "500ms", "detach": "500ms", "provision": "500ms"},
		"groups":           []any{},
	}, "", "  ")
}
