package fairway

import "slices"

// transitions is the life of a cluster: what lifecycle_status may become.
//
//	requested --> creating --> ready --> decommission-requested --> decommissioned
//	    |                       ^  |            |        ^               |
//	    +-----------------------+  |            +-undo---+ (to ready)    |
//	    ^                                                                |
//	    +----------------------------------------------------- anew -----+
var transitions = map[LifecycleStatus][]LifecycleStatus{
	StatusRequested:             {StatusCreating, StatusReady, StatusDecommissionRequested},
	StatusCreating:              {StatusReady, StatusDecommissionRequested},
	StatusReady:                 {StatusDecommissionRequested},
	StatusDecommissionRequested: {StatusDecommissioned, StatusReady},
	StatusDecommissioned:        {StatusRequested},
}

// ItemDeletionProtection is the config item that protects a cluster of any
// environment when its value is "true".
const ItemDeletionProtection = "deletion_protection"

// IsProtected reports whether the end of the cluster needs a second person and
// some time to think (interfaces.md): in the environment production, or where a
// config item asks for it.
func (c *Cluster) IsProtected() bool {
	return c.Environment == "production" || c.ConfigItems[ItemDeletionProtection] == "true"
}

// Transition refuses a change of lifecycle_status that is not possible:
// CodeInvalid for a step that does not exist, CodeForbidden for the end of a
// protected cluster, which needs an approved request.
func Transition(before, after *Cluster) error {
	from, to := before.LifecycleStatus, after.LifecycleStatus
	if from == to || !slices.Contains(LifecycleStatuses, from) {
		return nil // an entry that came in with a wrong status can be mended
	}
	if !slices.Contains(transitions[from], to) {
		return Errorf(CodeInvalid, "lifecycle_status of cluster %s cannot become %s: it is %s", before.ID, to, from).
			WithHint("from %s it can become %v", from, transitions[from])
	}
	if to == StatusDecommissionRequested && before.IsProtected() && from != StatusRequested {
		return Errorf(CodeForbidden, "cluster %s is protected: it cannot be decommissioned at once", before.ID).
			WithHint("run `fairway cluster decommission %s`, and let a second person approve it", before.Alias)
	}
	return nil
}
