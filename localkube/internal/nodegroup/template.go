package nodegroup

import (
	"reflect"
	"slices"
	"time"
)

// TemplateRef names a version of a launch template. Version 0 in a request
// means the newest; it is resolved when the request is handled.
type TemplateRef struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}

// TemplateContent is what instances are launched from.
type TemplateContent struct {
	Image        string            `json:"image"`
	InstanceType string            `json:"instance_type"`
	UserData     string            `json:"user_data"`
	Labels       map[string]string `json:"labels"`
	Taints       []Taint           `json:"taints"`
	Capacity     Capacity          `json:"capacity"`
	// Spot instances are sold by what is left over; here only their name is
	// different.
	Spot bool `json:"spot,omitempty"`
}

// Taint as Kubernetes knows it.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Effect string `json:"effect"`
}

// Capacity in Kubernetes quantities; what is left out is 4 CPUs, 16Gi and
// 110 pods.
type Capacity struct {
	CPU    string `json:"cpu"`
	Memory string `json:"memory"`
	Pods   string `json:"pods"`
}

// Template is one version.
type Template struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	TemplateContent
	CreatedAt time.Time `json:"created_at"`
}

// AddTemplate makes a new version, or returns the newest one when its content
// is the same; created says which.
func (s *Service) AddTemplate(name string, c TemplateContent) (t Template, created bool, err error) {
	t, err = change(s, func(now time.Time) (Template, error) {
		if err := validName("launch template", name); err != nil {
			return Template{}, err
		}
		if err := c.normalise(name); err != nil {
			return Template{}, err
		}
		versions := s.state.Templates[name]
		if n := len(versions); n > 0 && reflect.DeepEqual(versions[n-1].TemplateContent, c) {
			return versions[n-1], nil
		}
		created = true
		t := Template{Name: name, Version: len(versions) + 1, TemplateContent: c, CreatedAt: now.UTC()}
		s.state.Templates[name] = append(versions, t)
		return t, nil
	})
	return t, created, err
}

// normalise fills defaults and checks, so that equal content is equal.
func (c *TemplateContent) normalise(name string) error {
	c.Labels = nonNil(c.Labels)
	if c.Taints == nil {
		c.Taints = []Taint{}
	}
	setDefault(&c.InstanceType, "local.large")
	setDefault(&c.Capacity.CPU, "4")
	setDefault(&c.Capacity.Memory, "16Gi")
	setDefault(&c.Capacity.Pods, "110")
	if err := c.Capacity.valid(name); err != nil {
		return err
	}
	for _, t := range c.Taints {
		if t.Key == "" || !slices.Contains([]string{"NoSchedule", "PreferNoSchedule", "NoExecute"}, t.Effect) {
			return errorf(CodeInvalid, "launch template %q: taint %+v needs a key, and NoSchedule, PreferNoSchedule or NoExecute as effect", name, t)
		}
	}
	return validLabels("launch template "+name, c.Labels)
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// Templates returns the versions of a launch template, oldest first.
func (s *Service) Templates(name string) ([]Template, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions, ok := s.state.Templates[name]
	if !ok {
		return nil, errorf(CodeNotFound, "launch template %q does not exist", name)
	}
	return slices.Clone(versions), nil
}

// resolve turns version 0 into the newest one and checks that it exists.
func (s *Service) resolve(ref *TemplateRef) error {
	if ref.Name == "" {
		return errorf(CodeInvalid, "launch_template is missing; make one with POST /v1/launch-templates/NAME/versions and name it")
	}
	versions := s.state.Templates[ref.Name]
	if ref.Version == 0 {
		ref.Version = len(versions)
	}
	if ref.Version < 1 || ref.Version > len(versions) {
		return errorf(CodeInvalid, "launch template %q has no version %d; it has %d versions", ref.Name, ref.Version, len(versions))
	}
	return nil
}

func (s *Service) template(ref TemplateRef) Template {
	return s.state.Templates[ref.Name][ref.Version-1]
}
