package local

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// group is a group of machines as the node-group API shows it.
type group struct {
	Name           string            `json:"name"`
	Min            int               `json:"min"`
	Max            int               `json:"max"`
	Desired        int               `json:"desired"`
	Zones          []string          `json:"zones"`
	LaunchTemplate templateRef       `json:"launch_template"`
	Tags           map[string]string `json:"tags"`
	Activities     []activity        `json:"activities"`
}

// groupChange is the body of a PUT; nil fields are left alone.
type groupChange struct {
	Min            *int               `json:"min,omitempty"`
	Max            *int               `json:"max,omitempty"`
	Desired        *int               `json:"desired,omitempty"`
	Zones          []string           `json:"zones,omitempty"`
	LaunchTemplate *templateRef       `json:"launch_template,omitempty"`
	Tags           *map[string]string `json:"tags,omitempty"`
}

// isEmpty reports whether the change changes nothing.
func (c groupChange) isEmpty() bool {
	return c.Min == nil && c.Max == nil && c.Desired == nil && c.Zones == nil && c.LaunchTemplate == nil && c.Tags == nil
}

type activity struct {
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"` // launch, terminate, refused
	Message string    `json:"message"`
}

// templateRef names a version of a launch template.
type templateRef struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}

// generation is how the reference is called in fairway.Group and
// fairway.Instance.
func (r templateRef) generation() string { return r.Name + ":" + strconv.Itoa(r.Version) }

// template is the content of a launch template.
type template struct {
	Image        string            `json:"image"`
	InstanceType string            `json:"instance_type"`
	UserData     string            `json:"user_data"`
	Labels       map[string]string `json:"labels"`
	Taints       []taint           `json:"taints"`
	Capacity     capacity          `json:"capacity"`
	Spot         bool              `json:"spot,omitempty"`
}

// equal reports whether nodes made from both are alike.
func (t template) equal(o template) bool {
	return t.Image == o.Image && t.InstanceType == o.InstanceType && t.UserData == o.UserData && t.Capacity == o.Capacity && t.Spot == o.Spot &&
		maps.Equal(t.Labels, o.Labels) && slices.Equal(t.Taints, o.Taints)
}

// templateVersion is a launch template as the node-group API shows it.
type templateVersion struct {
	templateRef
	template
}

type taint struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Effect string `json:"effect"`
}

// capacity is in Kubernetes quantities.
type capacity struct {
	CPU    string `json:"cpu"`
	Memory string `json:"memory"`
	Pods   string `json:"pods"`
}

type instance struct {
	ID             string      `json:"id"`
	Group          string      `json:"group"`
	Zone           string      `json:"zone"`
	LaunchTemplate templateRef `json:"launch_template"`
	State          string      `json:"state"`
	Protected      bool        `json:"protected"`
	NodeName       string      `json:"node_name"`
	ProviderID     string      `json:"provider_id"`
	LaunchedAt     time.Time   `json:"launched_at"`
	InServiceAt    time.Time   `json:"in_service_at"`
	Spot           bool        `json:"spot"`
	// TargetHealth is "" for a group without a load balancer.
	TargetHealth string `json:"target_health"`
}

// unhealthy says why the group's load balancer does not send to the instance,
// "" when it does or there is none.
func (i instance) unhealthy() string {
	switch i.TargetHealth {
	case "", "healthy":
		return ""
	}
	return "the load balancer of " + i.Group + " says that it is " + i.TargetHealth
}

type items[T any] struct {
	Items []T `json:"items"`
}
