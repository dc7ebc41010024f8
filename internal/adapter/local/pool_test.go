package local

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

func TestTemplateOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		spec fairway.PoolSpec
		want template
	}{
		{"a worker pool", fairway.PoolSpec{
			Pool:  fairway.NodePool{Name: "w", Profile: "worker-splitaz", InstanceTypes: []string{"m5.large", "m5.xlarge"}},
			Image: "v1", UserData: "#cloud-config", Labels: map[string]string{"dedicated": "db"}, Taints: []fairway.Taint{{Key: "dedicated", Value: "db", Effect: "NoSchedule"}},
		}, template{
			Image: "v1", InstanceType: "m5.large", UserData: "#cloud-config", Capacity: capacity{"2", "8Gi", "110"},
			Labels: map[string]string{"dedicated": "db", "lifecycle-status": "ready", "node.kubernetes.io/node-pool": "w"},
			Taints: []taint{{Key: "dedicated", Value: "db", Effect: "NoSchedule"}},
		}},
		{"a master pool of an unknown type", fairway.PoolSpec{
			Pool: fairway.NodePool{Name: "m", Profile: "master-default", InstanceTypes: []string{"x9.huge"}},
		}, template{
			InstanceType: "x9.huge", Capacity: capacity{"4", "16Gi", "110"}, Taints: []taint{},
			Labels: map[string]string{"lifecycle-status": "ready", "node.kubernetes.io/node-pool": "m", "node-role.kubernetes.io/control-plane": ""},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, templateOf(test.spec)); diff != "" {
				t.Errorf("template (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	at := func(secondsAgo int, kind, message string) activity {
		return activity{At: now.Add(-time.Duration(secondsAgo) * time.Second), Kind: kind, Message: message}
	}
	for _, test := range []struct {
		name       string
		activities []activity // oldest first
		want       []string
	}{
		{"nothing happened", nil, nil},
		{"refused since the last launch, newest first and once", []activity{
			at(50, "refused", "quota"), at(40, "launch", "i-1"), at(30, "refused", "zone a"), at(20, "terminate", "i-0"), at(10, "refused", "zone b"), at(5, "refused", "zone a")},
			[]string{"zone a", "zone b"}},
		{"it launches again", []activity{at(30, "refused", "zone a"), at(10, "launch", "i-1")}, nil},
		{"long ago", []activity{at(300, "refused", "zone a")}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, refusals(test.activities, now)); diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
		})
	}
}
