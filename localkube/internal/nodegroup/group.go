package nodegroup

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Group is a set of instances kept at a desired size.
type Group struct {
	Name           string            `json:"name"`
	Min            int               `json:"min"`
	Max            int               `json:"max"`
	Desired        int               `json:"desired"`
	Zones          []string          `json:"zones"`
	LaunchTemplate TemplateRef       `json:"launch_template"`
	Labels         map[string]string `json:"labels"`
	Tags           map[string]string `json:"tags"`
	// TargetHealth is how long after it came into service an instance counts
	// as healthy for the group's load balancer; nil means that there is none.
	TargetHealth *Duration  `json:"target_health,omitempty"`
	Activities   []Activity `json:"activities"`
}

// GroupUpdate is the body of a PUT; absent fields are left alone, or take
// their defaults when the group is created.
type GroupUpdate struct {
	Min            *int               `json:"min,omitempty"`
	Max            *int               `json:"max,omitempty"`
	Desired        *int               `json:"desired,omitempty"`
	Zones          []string           `json:"zones,omitempty"`
	LaunchTemplate *TemplateRef       `json:"launch_template,omitempty"`
	Labels         *map[string]string `json:"labels,omitempty"`
	Tags           *map[string]string `json:"tags,omitempty"`
	TargetHealth   *Duration          `json:"target_health,omitempty"`
}

// ActivityKind says what a group did.
type ActivityKind string

// The kinds of activities.
const (
	ActivityLaunch    ActivityKind = "launch"
	ActivityTerminate ActivityKind = "terminate"
	ActivityRefused   ActivityKind = "refused"
)

// Activity is one line of a group's history.
type Activity struct {
	At      time.Time    `json:"at"`
	Kind    ActivityKind `json:"kind"`
	Message string       `json:"message"`
}

// maxActivities is how many of them a group keeps.
const maxActivities = 20

func (g *Group) note(at time.Time, kind ActivityKind, format string, args ...any) {
	g.Activities = append(g.Activities, Activity{At: at.UTC(), Kind: kind, Message: fmt.Sprintf(format, args...)})
	if extra := len(g.Activities) - maxActivities; extra > 0 {
		g.Activities = slices.Delete(g.Activities, 0, extra)
	}
}

// copy is for callers outside the lock.
func (g *Group) copy() Group {
	c := *g
	c.Zones = slices.Clone(g.Zones)
	c.Labels, c.Tags = maps.Clone(g.Labels), maps.Clone(g.Tags)
	c.Activities = slices.Clone(g.Activities)
	if c.Activities == nil {
		c.Activities = []Activity{}
	}
	return c
}

// Groups lists all groups by name.
func (s *Service) Groups() []Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Group, 0, len(s.state.Groups))
	for _, name := range slices.Sorted(maps.Keys(s.state.Groups)) {
		out = append(out, s.state.Groups[name].copy())
	}
	return out
}

// Group returns one group, or a not_found error.
func (s *Service) Group(name string) (Group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(name)
	if err != nil {
		return Group{}, err
	}
	return g.copy(), nil
}

func (s *Service) group(name string) (*Group, error) {
	g, ok := s.state.Groups[name]
	if !ok {
		return nil, errorf(CodeNotFound, "group %q does not exist", name)
	}
	return g, nil
}

// PutGroup creates or changes a group and begins to bring it to its size.
func (s *Service) PutGroup(name string, u GroupUpdate) (Group, error) {
	return change(s, func(now time.Time) (Group, error) {
		old, exists := s.state.Groups[name]
		next := Group{Name: name, Zones: slices.Clone(s.settings.Zones), Labels: map[string]string{}, Tags: map[string]string{}}
		if exists {
			next = old.copy()
		} else if err := validName("group", name); err != nil {
			return Group{}, err
		}
		u.apply(&next, exists)
		if err := s.resolve(&next.LaunchTemplate); err != nil {
			return Group{}, err
		}
		if err := s.valid(next); err != nil {
			return Group{}, err
		}
		s.state.Groups[name] = &next
		delete(s.retryAt, name)
		s.advance(now)
		return s.state.Groups[name].copy(), nil
	})
}

func (u GroupUpdate) apply(g *Group, exists bool) {
	set := func(to *int, from *int) {
		if from != nil {
			*to = *from
		}
	}
	set(&g.Min, u.Min)
	if !exists {
		g.Desired = g.Min
	}
	set(&g.Desired, u.Desired)
	if !exists {
		g.Max = max(g.Desired, g.Min)
	}
	set(&g.Max, u.Max)
	if u.Zones != nil {
		g.Zones = slices.Compact(slices.Sorted(slices.Values(u.Zones)))
	}
	if u.LaunchTemplate != nil {
		g.LaunchTemplate = *u.LaunchTemplate
	}
	if u.Labels != nil {
		g.Labels = nonNil(*u.Labels)
	}
	if u.Tags != nil {
		g.Tags = nonNil(*u.Tags)
	}
	if u.TargetHealth != nil {
		g.TargetHealth = u.TargetHealth
	}
}

func nonNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}

func (s *Service) valid(g Group) error {
	if g.Min < 0 || g.Desired < g.Min || g.Max < g.Desired {
		return errorf(CodeInvalid, "group %q: 0 <= min <= desired <= max must hold, got min %d, desired %d, max %d", g.Name, g.Min, g.Desired, g.Max)
	}
	if len(g.Zones) == 0 {
		return errorf(CodeInvalid, "group %q: zones is empty; the zones are %v", g.Name, s.settings.Zones)
	}
	for _, z := range g.Zones {
		if !slices.Contains(s.settings.Zones, z) {
			return errorf(CodeInvalid, "group %q: zone %q does not exist; the zones are %v", g.Name, z, s.settings.Zones)
		}
	}
	return validLabels("group "+g.Name, g.Labels)
}

// DeleteGroup removes a group that has nothing left.
func (s *Service) DeleteGroup(name string) error {
	_, err := change(s, func(time.Time) (struct{}, error) {
		g, err := s.group(name)
		if err != nil {
			return struct{}{}, err
		}
		left := 0
		for _, r := range s.state.Instances {
			if r.Group == name && r.State != StateTerminated {
				left++
			}
		}
		if g.Desired > 0 || left > 0 {
			return struct{}{}, errorf(CodeConflict, "group %q has desired %d and %d instances; set min and desired to 0 and wait until they are Terminated", name, g.Desired, left)
		}
		delete(s.state.Groups, name)
		return struct{}{}, nil
	})
	return err
}
