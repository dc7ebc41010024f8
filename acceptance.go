package fairway

import "time"

// Acceptance is an entry of plan-accept.yaml: a preflight finding that somebody
// decided to live with for a while.
type Acceptance struct {
	// Check and Object say which finding; Object may hold "*" for any text.
	Check, Object string
	// Contains is a part of the finding's reason; "" means any reason.
	Contains string
	// Clusters are ids, local ids or aliases of clusters, with "*" for any
	// text; empty means all.
	Clusters []string
	// Reason says why it is accepted.
	Reason string
	// Until is as it is written, Ends the first moment at which the acceptance
	// does not hold any more.
	Until string
	Ends  time.Time
	// Where is the place of the entry, "main/plan-accept.yaml:3".
	Where string
	// Malformed says what is wrong with the entry, which then accepts nothing;
	// "" when nothing is.
	Malformed string
}
