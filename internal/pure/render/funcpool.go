package render

import (
	"strings"
	"text/template"
)

var poolFunctions = template.FuncMap{
	"nodeLifeCycleProviderPerNodePoolGroup": lifeCycleProviders,
	"zoneDistributedNodePoolGroups":         zoneDistributedGroups,
}

// poolGroups sorts pools into the groups of workloads that they serve: those
// of a label dedicated, and the group "" of pools that take every pod.
func poolGroups(pools []*poolView) map[string][]*poolView {
	groups := map[string][]*poolView{}
	for _, p := range pools {
		if strings.HasPrefix(p.Profile, "master") {
			continue
		}
		dedicated := p.labels()["dedicated"]
		if _, tainted := p.ConfigItems["taints"]; dedicated == "" && tainted {
			continue
		}
		groups[dedicated] = append(groups[dedicated], p)
	}
	return groups
}

// zoneDistributedGroups are the groups whose nodes are spread over all zones.
func zoneDistributedGroups(pools []*poolView) map[string]bool {
	distributed := map[string]bool{}
	for group, members := range poolGroups(pools) {
		qualifies := true
		for _, p := range members {
			_, restricted := p.ConfigItems["availability_zones"]
			spread := p.Profile == "worker-splitaz" || p.Profile == "worker-karpenter"
			tainted := group == "" || p.ConfigItems["taints"] == "dedicated="+group+":NoSchedule"
			qualifies = qualifies && !restricted && spread && tainted
		}
		if qualifies {
			distributed[group] = true
		}
	}
	return distributed
}

// lifeCycleProviders tells who makes the nodes of each group; "" when its
// pools do not agree.
func lifeCycleProviders(pools []*poolView) map[string]string {
	providers := map[string]string{}
	for group, members := range poolGroups(pools) {
		if group == "" {
			group = "default"
		}
		profile := members[0].Profile
		for _, p := range members {
			if p.Profile != profile {
				profile = ""
			}
		}
		switch profile {
		case "worker-karpenter":
			providers[group] = "karpenter"
		case "worker-combined", "worker-splitaz":
			providers[group] = "zalando"
		default:
			providers[group] = ""
		}
	}
	return providers
}
