package fairway

import "strings"

// Object is one Kubernetes object as decoded JSON: maps, slices, strings,
// bools, int64, float64 and nil.
type Object map[string]any

// ObjectRef names one Kubernetes object.
type ObjectRef struct {
	APIVersion string `json:"api_version"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// String returns "Kind/namespace/name", or "Kind/name" without a namespace.
func (r ObjectRef) String() string {
	if r.Namespace == "" {
		return r.Kind + "/" + r.Name
	}
	return r.Kind + "/" + r.Namespace + "/" + r.Name
}

// Group returns the API group of the reference, "" for the core group.
func (r ObjectRef) Group() string {
	group, _, found := strings.Cut(r.APIVersion, "/")
	if !found {
		return ""
	}
	return group
}

// Version returns the version of the API of the reference: "v1" of "apps/v1".
func (r ObjectRef) Version() string {
	return r.APIVersion[strings.LastIndexByte(r.APIVersion, '/')+1:]
}

// Ref returns the reference of the object; missing parts are "".
func (o Object) Ref() ObjectRef {
	text := func(m map[string]any, key string) string { s, _ := m[key].(string); return s }
	meta, _ := o["metadata"].(map[string]any)
	return ObjectRef{
		APIVersion: text(o, "apiVersion"),
		Kind:       text(o, "kind"),
		Namespace:  text(meta, "namespace"),
		Name:       text(meta, "name"),
	}
}

// Action is what an apply did with one object.
type Action string

// The actions of an apply.
const (
	ActionCreated   Action = "created"
	ActionChanged   Action = "changed"
	ActionUnchanged Action = "unchanged"
	ActionDeleted   Action = "deleted"
)

// ObjectHealth is what a live object says of itself.
type ObjectHealth struct {
	// State is one of current, in_progress, failed, terminating, not_found, unknown.
	State HealthState `json:"state"`
	// Message says why, in the object's own words.
	Message string `json:"message,omitempty"`
}

// HealthState is the state part of an ObjectHealth.
type HealthState string

// The health states of an object.
const (
	HealthCurrent     HealthState = "current"
	HealthInProgress  HealthState = "in_progress"
	HealthFailed      HealthState = "failed"
	HealthTerminating HealthState = "terminating"
	HealthNotFound    HealthState = "not_found"
	HealthUnknown     HealthState = "unknown"
)

// InventoryItem is one object that a component of the configuration put into a
// cluster.
type InventoryItem struct {
	Ref       ObjectRef `json:"ref"`
	Component string    `json:"component"`
	// Digest is the SHA-256 (hex) of the object as applied, canonical JSON.
	Digest string `json:"digest"`
	// Owned is LiveObject.Owned as it was after the apply; "" when that is not known.
	Owned string `json:"owned,omitempty"`
	// Left says that the object has left the configuration and was not deleted.
	Left bool `json:"left,omitempty"`
}

// Deletion is one entry of deletions.yaml (contract 4.10). Exactly one of
// Name, Selector and Labels is set.
type Deletion struct {
	Kind               string            `json:"kind"`
	Namespace          string            `json:"namespace,omitempty"`
	Name               string            `json:"name,omitempty"`
	Selector           string            `json:"selector,omitempty"`
	Labels             map[string]string `json:"labels,omitempty"`
	HasOwner           *bool             `json:"has_owner,omitempty"`
	GracePeriodSeconds *int64            `json:"grace_period_seconds,omitempty"`
	PropagationPolicy  string            `json:"propagation_policy,omitempty"`
	// Pruned says that the object, given by its name, left the configuration: it
	// goes only while Fairway owns fields of it, because somebody else may have
	// taken it over.
	Pruned bool `json:"-"`
	// Only are the names of the objects that a plan has found: of what is
	// selected, no other is deleted. Nil means whatever is selected.
	Only []string `json:"-"`
}

// String returns "Kind/namespace/name", with the selector in place of a name
// that is not given.
func (d Deletion) String() string {
	name := d.Name
	switch {
	case d.Selector != "":
		name = "(" + d.Selector + ")"
	case len(d.Labels) > 0:
		name = "(by labels)"
	}
	return ObjectRef{Kind: d.Kind, Namespace: d.Namespace, Name: name}.String()
}
