// Package settings reads the file that tells a localkube how to simulate:
// times, zones, and the groups to begin with.
package settings

import (
	"fmt"
	"os"
	"slices"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway/localkube/internal/csi"
	"github.com/fairwayhq/fairway/localkube/internal/kubelet"
	"github.com/fairwayhq/fairway/localkube/internal/nodegroup"
)

// File is the file's form. Everything may be left out.
type File struct {
	Seed            int64              `json:"seed"`
	Region          string             `json:"region"`
	Zones           []string           `json:"zones"`
	Boot            Boot               `json:"boot"`
	InServiceDelay  nodegroup.Duration `json:"in_service_delay"`
	Shutdown        nodegroup.Duration `json:"shutdown"`
	HealthCheck     nodegroup.Duration `json:"health_check"`
	Node            Node               `json:"node"`
	Pod             Pod                `json:"pod"`
	Volume          Volume             `json:"volume"`
	LaunchTemplates []Template         `json:"launch_templates"`
	Groups          []Group            `json:"groups"`
}

// Boot is the time from launch to the Node.
type Boot struct {
	Base   nodegroup.Duration `json:"base"`
	Spread nodegroup.Duration `json:"spread"`
}

// Node says when a silent node is NotReady.
type Node struct {
	NotReadyAfter nodegroup.Duration `json:"not_ready_after"`
}

// Pod has the times of pods.
type Pod struct {
	StartMin    nodegroup.Duration `json:"start_min"`
	StartMax    nodegroup.Duration `json:"start_max"`
	Termination nodegroup.Duration `json:"termination"`
}

// Volume has the times of volumes.
type Volume struct {
	Attach    nodegroup.Duration `json:"attach"`
	Detach    nodegroup.Duration `json:"detach"`
	Provision nodegroup.Duration `json:"provision"`
	// Register is how long after its Node a machine's storage driver registers.
	Register nodegroup.Duration `json:"register"`
}

// Template is a launch template to begin with.
type Template struct {
	Name string `json:"name"`
	nodegroup.TemplateContent
}

// Group is a group to begin with.
type Group struct {
	Name string `json:"name"`
	nodegroup.GroupUpdate
}

// Default is what an empty file means.
func Default() File {
	d := func(v time.Duration) nodegroup.Duration { return nodegroup.Duration(v) }
	return File{
		Seed:           1,
		Region:         "local-1",
		Zones:          []string{"local-1a", "local-1b", "local-1c"},
		Boot:           Boot{Base: d(4 * time.Second), Spread: d(time.Second)},
		InServiceDelay: d(500 * time.Millisecond),
		Shutdown:       d(time.Second),
		HealthCheck:    d(time.Minute),
		Node:           Node{NotReadyAfter: d(40 * time.Second)},
		Pod:            Pod{StartMin: d(time.Second), StartMax: d(2 * time.Second), Termination: d(2 * time.Second)},
		Volume:         Volume{Attach: d(time.Second), Detach: d(time.Second), Provision: d(200 * time.Millisecond)},
	}
}

// Read reads a file, strictly: an unknown key is an error, not a surprise
// later. No name means the defaults.
func Read(name string) (File, error) {
	f := Default()
	if name == "" {
		return f, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return f, fmt.Errorf("read node groups file: %w", err)
	}
	if err := yaml.UnmarshalStrict(data, &f); err != nil {
		return f, fmt.Errorf("read node groups file %s: %w", name, err)
	}
	if err := f.valid(); err != nil {
		return f, fmt.Errorf("read node groups file %s: %w", name, err)
	}
	return f, nil
}

func (f File) valid() error {
	if f.Region == "" {
		return fmt.Errorf("region is empty")
	}
	if len(f.Zones) == 0 {
		return fmt.Errorf("zones is empty; name at least one")
	}
	for i, z := range f.Zones {
		if z == "" || slices.Contains(f.Zones[:i], z) {
			return fmt.Errorf("zone %d, %q: zones have names, each a different one", i+1, z)
		}
	}
	if f.Boot.Spread > f.Boot.Base {
		return fmt.Errorf("boot.spread %s is more than boot.base %s", time.Duration(f.Boot.Spread), time.Duration(f.Boot.Base))
	}
	if f.Pod.StartMax < f.Pod.StartMin {
		return fmt.Errorf("pod.start_max %s is less than pod.start_min %s", time.Duration(f.Pod.StartMax), time.Duration(f.Pod.StartMin))
	}
	if time.Duration(f.Node.NotReadyAfter) < kubelet.LeaseDuration/4+5*time.Second {
		return fmt.Errorf("node.not_ready_after %s is too short: kubelets report every %s; use 15s or more", time.Duration(f.Node.NotReadyAfter), kubelet.LeaseDuration/4)
	}
	return nil
}

// NodeGroups are the settings of the simulated cloud.
func (f File) NodeGroups() nodegroup.Settings {
	return nodegroup.Settings{
		Seed: f.Seed, Region: f.Region, Zones: f.Zones,
		Boot: time.Duration(f.Boot.Base), BootSpread: time.Duration(f.Boot.Spread),
		InServiceDelay: time.Duration(f.InServiceDelay), Shutdown: time.Duration(f.Shutdown), HealthCheck: time.Duration(f.HealthCheck),
	}
}

// Pods are the settings of the kubelets.
func (f File) Pods() kubelet.Settings {
	return kubelet.Settings{StartMin: time.Duration(f.Pod.StartMin), StartMax: time.Duration(f.Pod.StartMax), Termination: time.Duration(f.Pod.Termination)}
}

// Volumes are the settings of the CSI driver.
func (f File) Volumes() csi.Settings {
	return csi.Settings{
		Attach: time.Duration(f.Volume.Attach), Detach: time.Duration(f.Volume.Detach), Provision: time.Duration(f.Volume.Provision),
		Zones: f.Zones,
	}
}

// Begin makes the file's templates and groups that do not exist yet. What
// exists has a life of its own by now and is left alone.
func (f File) Begin(s *nodegroup.Service) error {
	for _, t := range f.LaunchTemplates {
		if _, err := s.Templates(t.Name); err == nil {
			continue
		}
		if _, _, err := s.AddTemplate(t.Name, t.TemplateContent); err != nil {
			return fmt.Errorf("make launch template %q of the node groups file: %w", t.Name, err)
		}
	}
	for _, g := range f.Groups {
		if _, err := s.Group(g.Name); err == nil {
			continue
		}
		if _, err := s.PutGroup(g.Name, g.GroupUpdate); err != nil {
			return fmt.Errorf("make group %q of the node groups file: %w", g.Name, err)
		}
	}
	return nil
}
