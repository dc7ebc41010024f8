package local

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fairwayhq/fairway"
)

// tagCluster is the tag on a group with the id of the cluster that Fairway made
// it for, or took it over for.
const tagCluster = "fairway.dev/cluster"

// tagRollLimits keeps "min-max" of the node pool while the group's own limits
// are widened, because a group cannot be larger than its maximum.
const tagRollLimits = "fairway.dev/roll-limits"

// EnsurePool makes a version of the launch template from the spec, unless one
// is equal, and the group use it. A new group starts with its minimum.
// The desired size of one that exists is moved into min..max, and left alone
// while a roll is under way (TagRollBase). Nothing is replaced. CodeInvalid
// for sizes that contradict each other.
func (c *cloud) EnsurePool(ctx context.Context, spec fairway.PoolSpec) (*fairway.Group, error) {
	what := "make node group " + spec.Pool.Name
	wanted := limits{int(spec.Pool.MinSize), int(spec.Pool.MaxSize)}
	if wanted.min < 0 || wanted.max < wanted.min {
		return nil, fairway.Errorf(fairway.CodeInvalid, "%s: min_size %d and max_size %d contradict each other", what, wanted.min, wanted.max).
			WithHint("correct the node pool in the registry: 0 <= min_size <= max_size")
	}
	version, err := c.version(ctx, what, spec)
	if err != nil {
		return nil, err
	}
	live, err := c.group(ctx, what, spec.Pool.Name)
	if fairway.ErrorCode(err) == fairway.CodeNotFound {
		return c.put(ctx, what, spec.Pool.Name, groupChange{
			Min: &wanted.min, Max: &wanted.max, Desired: &wanted.min,
			Zones: c.zones(spec), LaunchTemplate: &version, Tags: &map[string]string{tagCluster: c.cluster.ID},
		})
	}
	if err != nil {
		return nil, err
	}
	desired := live.Desired
	if _, rolling := live.Tags[fairway.TagRollBase]; !rolling {
		desired = min(max(desired, wanted.min), wanted.max)
	}
	change := resize(live, wanted, desired, with(live.Tags, tagCluster, c.cluster.ID))
	if live.LaunchTemplate != version {
		change.LaunchTemplate = &version
	}
	if zones := c.zones(spec); zones != nil && !slices.Equal(zones, live.Zones) {
		change.Zones = zones
	}
	if change.isEmpty() {
		return c.convert(live), nil
	}
	return c.put(ctx, what, spec.Pool.Name, change)
}

// version returns the version of the pool's launch template that equals the
// spec, made when there is none. An older one is as good as the newest: when a
// change is taken back, the nodes that it had not reached yet are current again.
func (c *cloud) version(ctx context.Context, what string, spec fairway.PoolSpec) (templateRef, error) {
	wanted, path := templateOf(spec), "/v1/launch-templates/"+url.PathEscape(spec.Pool.Name)
	var known struct {
		Versions []templateVersion `json:"versions"`
	}
	if err := c.client.do(ctx, what, http.MethodGet, path, nil, &known); err != nil && fairway.ErrorCode(err) != fairway.CodeNotFound {
		return templateRef{}, err
	}
	for _, v := range slices.Backward(known.Versions) {
		if v.template.equal(wanted) {
			return v.templateRef, nil
		}
	}
	var made templateRef
	err := c.client.do(ctx, what, http.MethodPost, path+"/versions", wanted, &made)
	return made, err
}

// SetDesired sets the desired size and the tags of the roll in one write. A
// size outside the group's limits widens them for as long as it takes; the
// limits of the pool are kept in a tag and put back with the first size that
// fits them.
func (c *cloud) SetDesired(ctx context.Context, pool string, desired, base int) error {
	what := fmt.Sprintf("set the desired size of node group %s to %d", pool, desired)
	if desired < 0 || base < 0 {
		return fairway.Errorf(fairway.CodeInvalid, "%s with roll base %d: neither can be negative", what, base)
	}
	live, err := c.group(ctx, what, pool)
	if err != nil {
		return err
	}
	tags := maps.Clone(live.Tags)
	if base > 0 {
		tags = with(with(tags, fairway.TagRollBase, strconv.Itoa(base)), fairway.TagRollSize, strconv.Itoa(desired))
	} else {
		delete(tags, fairway.TagRollBase)
		delete(tags, fairway.TagRollSize)
	}
	change := resize(live, limitsOf(live), desired, tags)
	if change.isEmpty() {
		return nil
	}
	_, err = c.put(ctx, what, pool, change)
	return err
}

// RetirePool sets the group's minimum to zero, also where a roll has it widened.
func (c *cloud) RetirePool(ctx context.Context, pool string) error {
	what := "retire node group " + pool
	live, err := c.group(ctx, what, pool)
	if err != nil {
		return err
	}
	change := resize(live, limits{0, limitsOf(live).max}, live.Desired, live.Tags)
	if change.isEmpty() {
		return nil
	}
	_, err = c.put(ctx, what, pool, change)
	return err
}

// DeletePool deletes an empty group; not found is success. Its launch template
// stays, because instances that have ended are still listed with it.
func (c *cloud) DeletePool(ctx context.Context, pool string) error {
	err := c.client.do(ctx, "delete node group "+pool, http.MethodDelete, "/v1/groups/"+url.PathEscape(pool), nil, nil)
	if fairway.ErrorCode(err) == fairway.CodeNotFound {
		return nil
	}
	return err
}

// with returns a copy of tags with one more.
func with(tags map[string]string, key, value string) map[string]string {
	tags = maps.Clone(tags)
	if tags == nil {
		tags = map[string]string{}
	}
	tags[key] = value
	return tags
}

// group reads one group.
func (c *cloud) group(ctx context.Context, what, name string) (group, error) {
	var live group
	err := c.client.do(ctx, what, http.MethodGet, "/v1/groups/"+url.PathEscape(name), nil, &live)
	return live, err
}

// put writes a change of a group and returns the group as it is then.
func (c *cloud) put(ctx context.Context, what, name string, change groupChange) (*fairway.Group, error) {
	var after group
	if err := c.client.do(ctx, what, http.MethodPut, "/v1/groups/"+url.PathEscape(name), change, &after); err != nil {
		return nil, err
	}
	return c.convert(after), nil
}

// limits are the sizes that a group may have.
type limits struct{ min, max int }

// limitsOf returns the limits of the node pool behind a group.
func limitsOf(g group) limits {
	var kept limits
	if n, err := fmt.Sscanf(g.Tags[tagRollLimits], "%d-%d", &kept.min, &kept.max); err == nil && n == 2 {
		return kept
	}
	return limits{g.Min, g.Max}
}

// resize returns the change of a group to a desired size with the pool's
// limits, widened so far as the size needs, and with the tags.
func resize(live group, pool limits, desired int, tags map[string]string) groupChange {
	needed := limits{min(pool.min, desired), max(pool.max, desired)}
	if needed != pool {
		tags = with(tags, tagRollLimits, fmt.Sprintf("%d-%d", pool.min, pool.max))
	} else {
		tags = maps.Clone(tags)
		delete(tags, tagRollLimits)
	}
	if tags == nil {
		tags = map[string]string{} // null would leave them alone
	}
	var change groupChange
	if live.Min != needed.min {
		change.Min = &needed.min
	}
	if live.Max != needed.max {
		change.Max = &needed.max
	}
	if live.Desired != desired {
		change.Desired = &desired
	}
	if !maps.Equal(live.Tags, tags) {
		change.Tags = &tags // the API replaces the whole map
	}
	return change
}

// zones returns the zones that the pool is restricted to by the config item
// availability_zones, of the pool or else of the cluster; nil for all.
func (c *cloud) zones(spec fairway.PoolSpec) []string {
	item, ok := spec.Pool.ConfigItems["availability_zones"]
	if !ok {
		item = c.cluster.ConfigItems["availability_zones"]
	}
	if item == "" {
		return nil
	}
	zones := strings.Split(item, ",")
	slices.Sort(zones)
	return slices.Compact(zones)
}
