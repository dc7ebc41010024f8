package manifest

import (
	"maps"
	"strings"

	"github.com/fairwayhq/fairway"
)

// ScaledByOthers reports whether a controller set the number of replicas of a
// live object through its scale, as autoscalers do. A person with kubectl is no
// controller.
func ScaledByOthers(live fairway.Object) bool {
	metadata, _ := live["metadata"].(map[string]any)
	entries, _ := metadata["managedFields"].([]any)
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		manager, _ := entry["manager"].(string)
		fields, _ := entry["fieldsV1"].(map[string]any)
		spec, _ := fields["f:spec"].(map[string]any)
		if _, sets := spec["f:replicas"]; sets && entry["subresource"] == "scale" && !strings.HasPrefix(manager, "kubectl") {
			return true
		}
	}
	return false
}

// WithoutReplicas returns an object without its number of replicas. The object
// itself is left as it is, and returned when it has none.
func WithoutReplicas(o fairway.Object) fairway.Object {
	spec, _ := o["spec"].(map[string]any)
	if spec["replicas"] == nil {
		return o
	}
	o, spec = maps.Clone(o), maps.Clone(spec)
	delete(spec, "replicas")
	o["spec"] = spec
	return o
}
