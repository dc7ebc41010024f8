package fairway

import "time"

// Decommission is the wish to end a protected cluster. It becomes
// lifecycle_status decommission-requested once somebody else has approved it
// and the time to think it over has passed.
type Decommission struct {
	ClusterID string `json:"cluster_id"`
	// By is the name of the principal who asked, ByName what people call it.
	By          string    `json:"by"`
	ByName      string    `json:"by_name,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	RequestedAt time.Time `json:"requested_at"`
	// Approver is "" until it is approved.
	Approver     string    `json:"approver,omitempty"`
	ApproverName string    `json:"approver_name,omitempty"`
	ApprovedAt   time.Time `json:"approved_at,omitzero"`
	// DueAt is when it begins; zero until it is approved.
	DueAt time.Time `json:"due_at,omitzero"`
}

// CoolOff is how long after its approval the end of a protected cluster begins
// (interfaces.md).
const CoolOff = 24 * time.Hour

// Approve is the word of a second person. CodeForbidden when it is the first
// one again, CodeConflict when it is approved already.
func (d *Decommission) Approve(who Principal, now time.Time) error {
	switch {
	case d.Approver != "":
		return Errorf(CodeConflict, "the end of cluster %s is approved already, by %s", d.ClusterID, d.ApproverName)
	case who.Name == d.By:
		return Errorf(CodeForbidden, "%s asked for the end of cluster %s and cannot approve it", who, d.ClusterID).
			WithHint("a second person has to run `fairway cluster decommission %s --approve`", d.ClusterID)
	}
	d.Approver, d.ApproverName, d.ApprovedAt, d.DueAt = who.Name, who.String(), now, now.Add(CoolOff)
	return nil
}

// KeptAnswer is the answer to a request that can be sent again (header
// Idempotency-Key).
type KeptAnswer struct {
	// Key is the caller's name and its key.
	Key string
	// Request is a digest of the request: one key belongs to one request.
	Request string
	// Status is 0 while the request is being worked on.
	Status      int
	ContentType string
	Body        []byte
	At          time.Time
}
