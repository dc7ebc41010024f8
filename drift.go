package fairway

import "time"

// Drift is what was found of changes that somebody else made to objects that
// Fairway applied. It has no secrets.
type Drift struct {
	ClusterID string `json:"cluster_id"`
	// At is when was looked, Objects at how many.
	At      time.Time `json:"at"`
	Objects int       `json:"objects"`
	// Found are the objects that differ now, or did within RepairMemory.
	Found []DriftedObject `json:"found"`
	// Error says why the last look, at At, saw nothing; Found is then what an
	// earlier one found.
	Error string `json:"error,omitempty"`
}

const (
	// RepairMemory is how long a repair is remembered: one who changes an object
	// again within it argues with the configuration.
	RepairMemory = 24 * time.Hour
	// MostRepairs is how often a sweep repairs an object within RepairMemory.
	MostRepairs = 3
)

// Differing returns the objects that differ now.
func (d *Drift) Differing() []DriftedObject {
	var now []DriftedObject
	for _, o := range d.Found {
		if o.State != DriftRepaired {
			now = append(now, o)
		}
	}
	return now
}

// DriftedObject is an object that differs from what was applied.
type DriftedObject struct {
	Ref       ObjectRef  `json:"ref"`
	Component string     `json:"component"`
	State     DriftState `json:"state"`
	// Deleted says that the object was deleted; else Fields are what differs.
	Deleted bool           `json:"deleted,omitempty"`
	Fields  []DriftedField `json:"fields,omitempty"`
	// Since is when it was first seen.
	Since time.Time `json:"since"`
	// Repairs counts the repairs, RepairedAt is the last one.
	Repairs    int       `json:"repairs,omitempty"`
	RepairedAt time.Time `json:"repaired_at,omitzero"`
}

// DriftedField is one field that somebody else changed.
type DriftedField struct {
	Path string `json:"path"`
	// Is and Wanted are the values, masked where they are secrets.
	Is     any `json:"is,omitempty"`
	Wanted any `json:"wanted,omitempty"`
	// By is the field manager that changed it, Since when that manager last wrote;
	// "" when the API server does not say.
	By    string `json:"by,omitempty"`
	Since string `json:"since,omitempty"`
}

// DriftState is where a drifted object stands.
type DriftState string

// The states of a drifted object.
const (
	// DriftFound: it is left as it is.
	DriftFound DriftState = "found"
	// DriftRepaired: it was set back.
	DriftRepaired DriftState = "repaired"
	// DriftContested: it was set back MostRepairs times, was changed again each
	// time, and is left as it is.
	DriftContested DriftState = "contested"
)
