package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// DeletionLimit is how many objects of a cluster an update may delete without
// being called large: 3, or 5 % of them.
func DeletionLimit(objects int) int { return max(3, objects*5/100) }

// largeDeletion finds deletions that a second person should agree to.
func largeDeletion(s subject) []Finding {
	var found []Finding
	const remedy = "delete in smaller steps; where it is meant, somebody other than the author has to agree: `fairway update approve`"
	objects := known(s.in)
	if n := distinct(s.plan.Deletions); n > DeletionLimit(objects) {
		found = append(found, Finding{
			Check: CheckLargeDeletion, Severity: Block, Object: s.in.Cluster.ID,
			Reason: fmt.Sprintf("%d objects would be deleted, more than %d (3, or 5 %% of %d)", n, DeletionLimit(objects), objects), Remedy: remedy,
		})
	}
	for _, d := range s.plan.Deletions {
		if d.Contents != "" && HoldsOthers(d.Ref.Kind) {
			found = append(found, Finding{
				Check: CheckLargeDeletion, Severity: Block, Object: d.Ref.String(),
				Reason: fmt.Sprintf("it would be deleted with what it holds: %s", d.Contents), Remedy: remedy,
			})
		}
	}
	return found
}

// HoldsOthers reports whether the deletion of an object of a kind takes others,
// or data, with it.
func HoldsOthers(kind string) bool {
	return kind == "Namespace" || kind == "CustomResourceDefinition" || kind == "PersistentVolume"
}

// room finds pools that cannot grow for their roll.
func room(s subject) []Finding {
	var found []Finding
	for i, p := range s.in.Pools {
		impact := s.plan.Pools[i]
		if impact.Replaced == 0 || p.Group == nil || p.Settings.Strategy == roll.OnDelete || p.Settings.Strategy == roll.CLC {
			continue
		}
		finding := func(severity Severity, reason, remedy string) {
			found = append(found, Finding{Check: CheckRoom, Severity: severity, Object: "node pool " + impact.Pool, Reason: reason, Remedy: remedy})
		}
		if len(p.Group.Refusals) > 0 {
			finding(Block, "the cloud refuses to launch instances: "+p.Group.Refusals[0], "raise the quota, or free addresses, before nodes are replaced")
		}
		most := max(p.Group.Max, int(p.Spec.Pool.MaxSize))
		if !p.Settings.RaiseMax && impact.Nodes >= most {
			finding(Warn, fmt.Sprintf("it has %d nodes and may have %d: nothing can be launched before a node goes, so that it lacks nodes during the roll", impact.Nodes, most),
				"raise max_size, or set roll_raise_max")
		}
	}
	return found
}

// unknownKinds finds objects of kinds that the API server does not know and the
// configuration does not define.
func unknownKinds(s subject) []Finding {
	defined := map[string]bool{}
	for _, m := range s.manifests() {
		if m.object.Ref().Kind == "CustomResourceDefinition" {
			spec := mapAt(map[string]any(m.object), "spec")
			for _, v := range listAt(spec, "versions") {
				defined[textAt(spec, "group")+"/"+textAt(v, "name")+"/"+textAt(spec, "names", "kind")] = true
			}
		}
	}
	var found []Finding
	for _, m := range s.manifests() {
		ref := m.object.Ref()
		id := ref.APIVersion + "/" + ref.Kind
		if _, removed := removedIn(ref.APIVersion, ref.Kind); !s.in.Observed.Unserved[id] || defined[id] || removed && s.target.known() {
			continue
		}
		found = append(found, Finding{
			Check: CheckKind, Severity: Block, Object: ref.String(), Component: m.component,
			Reason: fmt.Sprintf("the API server does not know %s of %s", ref.Kind, ref.APIVersion),
			Remedy: "add its CustomResourceDefinition to the configuration, or correct apiVersion and kind",
		})
	}
	for _, d := range slices.Concat(s.in.Bundle.PreApply, s.in.Bundle.PostApply) {
		if s.in.Observed.Unserved[d.Kind] {
			found = append(found, Finding{
				Check: CheckKind, Severity: Block, Object: d.String(),
				Reason: "deletions.yaml names a kind that the API server does not know, which ends the update",
				Remedy: "correct the kind, or take the entry out of deletions.yaml when the kind itself was removed",
			})
		}
	}
	return found
}

// immutable are the fields that cannot be changed on a live object, by kind.
var immutable = map[string][]string{
	"Deployment":         {"spec.selector"},
	"DaemonSet":          {"spec.selector"},
	"ReplicaSet":         {"spec.selector"},
	"Job":                {"spec.selector", "spec.template", "spec.completionMode", "spec.manualSelector"},
	"RoleBinding":        {"roleRef"},
	"ClusterRoleBinding": {"roleRef"},
	"StorageClass":       {"provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"},
	"PriorityClass":      {"value", "preemptionPolicy"},
	"Secret":             {"type"},
	"CSIDriver":          {"spec.attachRequired", "spec.podInfoOnMount", "spec.volumeLifecycleModes"},
	"RuntimeClass":       {"handler"},
}

// mutable are the only fields of a kind's spec that can be changed.
var mutable = map[string][]string{
	"StatefulSet": {"spec.replicas", "spec.template", "spec.updateStrategy", "spec.persistentVolumeClaimRetentionPolicy", "spec.minReadySeconds",
		"spec.ordinals", "spec.revisionHistoryLimit"},
	"PersistentVolumeClaim": {"spec.resources", "spec.volumeAttributesClassName"},
}

// immutableFields finds changes that the API server will refuse.
func immutableFields(s subject) []Finding {
	var found []Finding
	for _, o := range append(slices.Clone(s.plan.Objects), s.plan.Drift...) {
		if o.Action != Change || strings.Contains(o.Ref.Group(), ".") && !strings.HasSuffix(o.Ref.Group(), ".k8s.io") {
			continue
		}
		for _, f := range o.Fields {
			if f.Op == FieldOwn || f.Op == FieldRelease || !s.frozen(o, f) {
				continue
			}
			found = append(found, Finding{
				Check: CheckImmutable, Severity: Block, Object: o.Ref.String(), Component: o.Component,
				Reason: f.Path + " cannot be changed on a live object", Remedy: "give the object a new name, or delete the old one under pre_apply in deletions.yaml",
			})
			break
		}
	}
	return found
}

// refused finds objects that the API server refused in a dry run.
func refused(s subject) []Finding {
	known := map[string]bool{}
	for _, f := range immutableFields(s) {
		known[f.Object] = true
	}
	var found []Finding
	for _, m := range s.manifests() {
		ref := m.object.Ref()
		if why := s.in.Observed.Refused[KeyOf(ref)]; why != "" && !known[ref.String()] {
			found = append(found, Finding{
				Check: CheckRefused, Severity: Block, Object: ref.String(), Component: m.component,
				Reason: "the API server refuses it in a dry run: " + why, Remedy: "correct the object as the API server says",
			})
		}
	}
	return found
}

// frozen reports whether a field of a live object cannot be changed.
func (s subject) frozen(o Object, f Field) bool {
	among := func(paths []string) bool {
		return slices.ContainsFunc(paths, func(p string) bool { return within(p, f.Path) })
	}
	if some, ok := mutable[o.Ref.Kind]; ok {
		return strings.HasPrefix(f.Path, "spec.") && !among(some)
	}
	if among(immutable[o.Ref.Kind]) {
		return true
	}
	live := s.in.Observed.Live[KeyOf(o.Ref)]
	isFixed, _ := fairway.Object(live)["immutable"].(bool)
	return isFixed && among([]string{"data", "binaryData"})
}
