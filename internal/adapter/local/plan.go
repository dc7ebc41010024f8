package local

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/fairwayhq/fairway"
)

var (
	_ fairway.Forecaster = (*cloud)(nil)
	_ fairway.Surveyor   = (*cloud)(nil)
)

// Room returns how many more instances the quota of the simulated cloud allows.
func (c *cloud) Room(ctx context.Context) ([]fairway.Limit, error) {
	var faults struct {
		Quota *int `json:"quota"`
	}
	if err := c.client.do(ctx, "read the quota of the cloud", http.MethodGet, "/v1/faults", nil, &faults); err != nil || faults.Quota == nil {
		return nil, err
	}
	live, err := c.Instances(ctx)
	if err != nil {
		return nil, err
	}
	return []fairway.Limit{{Name: "instances of the account", Left: max(0, *faults.Quota-len(live))}}, nil
}

// Forecast returns the version of the pool's launch template that equals the
// spec, and what differs from the one that the group uses. It writes nothing.
func (c *cloud) Forecast(ctx context.Context, spec fairway.PoolSpec) (string, []string, error) {
	what := "read launch template " + spec.Pool.Name
	var known struct {
		Versions []templateVersion `json:"versions"`
	}
	err := c.client.do(ctx, what, http.MethodGet, "/v1/launch-templates/"+url.PathEscape(spec.Pool.Name), nil, &known)
	if err != nil && fairway.ErrorCode(err) != fairway.CodeNotFound {
		return "", nil, err
	}
	wanted := templateOf(spec)
	generation := ""
	for _, v := range slices.Backward(known.Versions) {
		if v.template.equal(wanted) {
			generation = v.generation()
			break
		}
	}
	live, err := c.group(ctx, "read node group "+spec.Pool.Name, spec.Pool.Name)
	if fairway.ErrorCode(err) == fairway.CodeNotFound {
		return generation, nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	for _, v := range known.Versions {
		if v.templateRef == live.LaunchTemplate {
			return generation, v.template.differs(wanted), nil
		}
	}
	return generation, nil, nil
}

// differs says in words what of a template is another.
func (t template) differs(o template) []string {
	var out []string
	for _, part := range []struct {
		same bool
		text string
	}{
		{t.Image == o.Image, "image " + t.Image + " becomes " + o.Image},
		{t.InstanceType == o.InstanceType, "instance type " + t.InstanceType + " becomes " + o.InstanceType},
		{t.UserData == o.UserData, "user data changes"},
		{maps.Equal(t.Labels, o.Labels), "labels change"},
		{slices.Equal(t.Taints, o.Taints), "taints change"},
		{t.Capacity == o.Capacity, "capacity changes"},
		{t.Spot == o.Spot, "spot changes"},
	} {
		if !part.same {
			out = append(out, part.text)
		}
	}
	return out
}
