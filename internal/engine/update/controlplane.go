package update

import (
	"fmt"
	"slices"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// spareControlPlane drops the actions that would take a control-plane node away
// while another one of the pools, registered before, is not Ready, and says why
// in a sentence, "" when nothing is dropped. Etcd and API server may run on
// these nodes: one that is ill is as good as one that is gone. The ill node
// itself may go.
func spareControlPlane(s roll.Snapshot, actions []roll.Action) ([]roll.Action, string) {
	ill := ""
	for _, i := range s.Instances {
		if !slices.ContainsFunc(s.Pools, func(p roll.Pool) bool { return p.Group.Pool == i.Pool }) {
			continue
		}
		for _, n := range s.Nodes {
			if (n.Name == i.NodeName || n.ProviderID != "" && n.ProviderID == i.ProviderID) && !n.Ready && i.State == fairway.InstanceInService {
				ill = n.Name
			}
		}
	}
	if ill == "" {
		return actions, ""
	}
	var kept []roll.Action
	why := ""
	for _, a := range actions {
		if a.Node != ill && disrupts(a) {
			why = fmt.Sprintf("control-plane node %s is not Ready: no other one is touched", ill)
			continue
		}
		kept = append(kept, a)
	}
	return kept, why
}

// disrupts reports whether an action takes something from what runs on a node.
func disrupts(a roll.Action) bool {
	switch a.Kind {
	case roll.ActionEvict, roll.ActionForce, roll.ActionTerminate:
		return true
	case roll.ActionMark:
		return a.Marks.DrainStart != nil && !a.Marks.DrainStart.IsZero()
	}
	return false
}
