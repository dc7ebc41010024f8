package render

import (
	"maps"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// The tags of subnets that say what they are for; only their presence counts.
const (
	tagELB          = "kubernetes.io/role/elb"
	tagNode         = "kubernetes.io/role/node"
	tagInternalNode = "kubernetes.io/role/internal-node"
	tagPod          = "kubernetes.io/role/pod"
	tagCustom       = "zalando.org/custom-subnet"
)

// allZones is the key for the subnets of all zones together.
const allZones = "*"

// chooseVPC returns the network of a cluster: the one that its item vpc_id
// names, else the only one, else the default one.
func chooseVPC(all []VPC, id string, named bool) (VPC, error) {
	if named {
		for _, v := range all {
			if v.ID == id {
				return v, nil
			}
		}
		return VPC{}, fairway.Errorf(fairway.CodeInvalid, "VPC %s not found in account", id).WithHint("correct the config item vpc_id")
	}
	if len(all) == 1 {
		return all[0], nil
	}
	for _, v := range all {
		if v.Default {
			return v, nil
		}
	}
	return VPC{}, fairway.Errorf(fairway.CodeInvalid, "default VPC not found in account").WithHint("name the network in the config item vpc_id")
}

// zones are the chosen subnets of the zones.
type zones map[string]Subnet

// chooseSubnets picks one subnet per zone: the earlier a subnet's tag stands
// among the preferred ones the better, then the smallest id.
func chooseSubnets(all []Subnet, preferred ...string) zones {
	rank := func(s Subnet) int {
		i := slices.IndexFunc(preferred, func(tag string) bool { _, has := s.Tags[tag]; return has })
		if i < 0 {
			return len(preferred)
		}
		return i
	}
	chosen := zones{}
	for _, s := range all {
		old, there := chosen[s.Zone]
		if !there || rank(s) < rank(old) || rank(s) == rank(old) && s.ID < old.ID {
			chosen[s.Zone] = s
		}
	}
	return chosen
}

// restrict keeps the zones of a list with commas; others are dropped silently.
func (z zones) restrict(names string) zones {
	kept := zones{}
	for name := range strings.SplitSeq(names, ",") {
		if s, ok := z[name]; ok {
			kept[name] = s
		}
	}
	return kept
}

// names are the sorted names of the zones; nil for none.
func (z zones) names() []string { return slices.Sorted(maps.Keys(z)) }

// subnets are the ids by zone, and all of them in order of the zones under *.
func (z zones) subnets() map[string]string {
	ids := map[string]string{}
	var all []string
	for _, name := range z.names() {
		ids[name] = z[name].ID
		all = append(all, z[name].ID)
	}
	if len(all) > 0 {
		ids[allZones] = strings.Join(all, ",")
	}
	return ids
}

// ipv6 are the IPv6 networks in order of the zones.
func (z zones) ipv6() string {
	var all []string
	for _, name := range z.names() {
		all = append(all, z[name].IPv6CIDRs...)
	}
	return strings.Join(all, ",")
}

// usable are the subnets that a cluster may use: no custom ones, and only
// those of its item subnets where that is given.
func usable(all []Subnet, item string, given bool) ([]Subnet, error) {
	kept := slices.DeleteFunc(slices.Clone(all), func(s Subnet) bool { _, custom := s.Tags[tagCustom]; return custom })
	if !given {
		return kept, nil
	}
	ids := strings.Split(item, ",")
	kept = slices.DeleteFunc(kept, func(s Subnet) bool { return !slices.Contains(ids, s.ID) })
	if len(kept) != len(ids) {
		return nil, fairway.Errorf(fairway.CodeInvalid, "invalid or unknown subnets; desired %v", ids).
			WithHint("correct the config item subnets: ids with commas and no blanks, of subnets in the cluster's VPC")
	}
	return kept, nil
}
