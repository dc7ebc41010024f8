package demo

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway"
)

func TestFleet(t *testing.T) {
	t.Parallel()
	tests := []struct {
		n        int
		want     string
		channels string
	}{
		{1, "dev-1", "dev"},
		{2, "dev-1 alpha-1", "dev alpha"},
		{3, "dev-1 alpha-1 beta-1", "dev alpha beta"},
		{4, "dev-1 alpha-1 beta-1 beta-2", "dev alpha beta"},
		{9, "dev-1 alpha-1 beta-1 beta-2 beta-3 beta-4 beta-5 beta-6 beta-7", "dev alpha beta"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			t.Parallel()
			var names []string
			for _, c := range fleet(tt.n) {
				names = append(names, c.LocalID)
				if !strings.HasPrefix(c.LocalID, c.Channel+"-") {
					t.Errorf("%s is on channel %s", c.LocalID, c.Channel)
				}
			}
			if got := strings.Join(names, " "); got != tt.want {
				t.Errorf("clusters %q, want %q", got, tt.want)
			}
			if got := strings.Join(channelsOf(fleet(tt.n)), " "); got != tt.channels {
				t.Errorf("channels %q, want %q", got, tt.channels)
			}
		})
	}
}

func TestRegistryYAML(t *testing.T) {
	t.Parallel()
	text, err := registryYAML(fleet(4), map[string]string{"dev-1": "https://127.0.0.1:1", "alpha-1": "https://127.0.0.1:2", "beta-1": "https://127.0.0.1:3", "beta-2": "https://127.0.0.1:4"})
	check(t, err)
	var file struct {
		Clusters []fairway.Cluster `json:"clusters"`
	}
	check(t, yaml.UnmarshalStrict(text, &file))
	if len(file.Clusters) != 4 {
		t.Fatalf("%d clusters, want 4", len(file.Clusters))
	}
	id := regexp.MustCompile(`^[a-z][a-z0-9-:]*[a-z0-9]$`)
	item := regexp.MustCompile(`^[a-z][a-z0-9_]*[a-z0-9]$`)
	for i, c := range file.Clusters {
		if !id.MatchString(c.ID) || c.ID != c.LocalID {
			t.Errorf("id %q", c.ID)
		}
		if c.LifecycleStatus != fairway.StatusRequested || c.Provider != fairway.ProviderLocal || c.InfrastructureAccount != "local:demo" {
			t.Errorf("%s: status %s, provider %s, account %s", c.ID, c.LifecycleStatus, c.Provider, c.InfrastructureAccount)
		}
		if want := "https://127.0.0.1:" + string(rune('1'+i)); c.APIServerURL != want {
			t.Errorf("%s: API server %s, want %s", c.ID, c.APIServerURL, want)
		}
		for key := range c.ConfigItems {
			if !item.MatchString(key) {
				t.Errorf("%s: config item %q", c.ID, key)
			}
		}
		workers := int64(0)
		for _, p := range c.NodePools {
			if !p.IsMaster() {
				workers += p.MinSize
			} else if p.MinSize != 2 {
				t.Errorf("%s: %d control-plane nodes", c.ID, p.MinSize)
			}
			if p.MaxSize < p.MinSize || len(p.InstanceTypes) == 0 {
				t.Errorf("%s: pool %+v", c.ID, p)
			}
		}
		if workers < 6 || workers > 9 {
			t.Errorf("%s: %d workers, want 6 to 9", c.ID, workers)
		}
	}
	first := file.Clusters[0]
	want := map[string]string{"roll_surge": "3", "roll_min_ready": "500ms", "roll_deregistration": "7s", "roll_node_ready_timeout": "60s",
		"roll_blocked_after": "30s", "roll_retry_refused": "500ms", "roll_canary": "false", "health_timeout": "2m", "ingress_replicas": "4"}
	if diff := cmp.Diff(want, first.ConfigItems); diff != "" {
		t.Errorf("config items (-want +got):\n%s", diff)
	}
}

func TestNodegroups_Sizes(t *testing.T) {
	t.Parallel()
	text, err := fleet(4)[3].nodegroupsJSON()
	check(t, err)
	var got map[string]any
	check(t, json.NewDecoder(bytes.NewReader(text)).Decode(&got))
	want := map[string]any{
		"seed": 4.0, "region": "local-2", "zones": []any{"local-2a", "local-2b", "local-2c"}, "groups": []any{},
		"boot": map[string]any{"base": "4s", "spread": "1s"}, "in_service_delay": "500ms", "shutdown": "1s",
		"pod":    map[string]any{"start_min": "1s", "start_max": "2s", "termination": "2s"},
		"volume": map[string]any{"attach": "500ms", "detach": "500ms", "provision": "500ms"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWorkloads holds workloads.yaml and the constants of the code together.
func TestWorkloads(t *testing.T) {
	t.Parallel()
	all, err := workloads()
	check(t, err)
	found := map[string]map[string]any{}
	for _, o := range all {
		if _, known := resources[o.GetKind()]; !known {
			t.Errorf("no resource is known for the kind %s", o.GetKind())
		}
		if o.GetKind() != "Namespace" && o.GetNamespace() != shopNamespace {
			t.Errorf("%s/%s is in namespace %q", o.GetKind(), o.GetName(), o.GetNamespace())
		}
		spec, _ := o.Object["spec"].(map[string]any)
		found[o.GetKind()+"/"+o.GetName()] = spec
	}
	want := map[string]map[string]any{
		"Deployment/web":               {"replicas": int64(webReplicas)},
		"PodDisruptionBudget/web":      {"maxUnavailable": int64(webUnavailable)},
		"StatefulSet/database":         {"replicas": int64(databaseReplicas)},
		"PodDisruptionBudget/database": {"minAvailable": int64(1)},
		"Deployment/mailer":            {"replicas": int64(1)},
		"DaemonSet/node-agent":         {},
		"Job/report":                   {},
		"Service/" + webName:           {},
	}
	for name, fields := range want {
		spec, ok := found[name]
		if !ok {
			t.Errorf("%s is missing", name)
			continue
		}
		for key, value := range fields {
			if diff := cmp.Diff(value, spec[key]); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, key, diff)
			}
		}
	}
}
