package kube

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

// zoneKeys are the keys by which the node affinity of a volume names a zone.
var zoneKeys = []string{corev1.LabelTopologyZone, labelZoneBeta, "topology.ebs.csi.aws.com/zone", "topology.gke.io/zone"}

// claimName names a volume claim.
type claimName struct{ namespace, name string }

// attachedByNode returns the names of the volumes that each node has: those of
// its status, and those of attachments that still exist, which outlive the
// status while a volume is being detached and come before it while it is being
// attached. A volume in both counts once.
func (o *observed) attachedByNode() map[string]map[string]bool {
	driverName := map[string]string{} // by volume
	for i := range o.volumes {
		if csi := o.volumes[i].Spec.CSI; csi != nil {
			driverName[o.volumes[i].Name] = csiName(csi.Driver, csi.VolumeHandle)
		}
	}
	attached := map[string]map[string]bool{}
	note := func(node, volume string) {
		if attached[node] == nil {
			attached[node] = map[string]bool{}
		}
		attached[node][volume] = true
	}
	for i := range o.nodes {
		for _, v := range o.nodes[i].Status.VolumesAttached {
			note(o.nodes[i].Name, string(v.Name))
		}
	}
	for i := range o.attachments {
		note(o.attachments[i].Spec.NodeName, attachedName(&o.attachments[i], driverName))
	}
	return attached
}

// attachedName returns the name that the volume of an attachment has in a
// node's status, or one of its own when the volume is not known any more.
func attachedName(a *storagev1.VolumeAttachment, driverName map[string]string) string {
	source := a.Spec.Source
	if source.PersistentVolumeName != nil {
		if name, ok := driverName[*source.PersistentVolumeName]; ok {
			return name
		}
	}
	if inline := source.InlineVolumeSpec; inline != nil && inline.CSI != nil {
		return csiName(inline.CSI.Driver, inline.CSI.VolumeHandle)
	}
	return "attachment/" + a.Name
}

// csiName is how the attach controller calls a CSI volume in a node's status.
func csiName(driver, handle string) string {
	return "kubernetes.io/csi/" + driver + "^" + handle
}

// zoneByClaim returns the zone that the volume bound to each claim lies in, for
// those that lie in exactly one.
func (o *observed) zoneByClaim() map[claimName]string {
	zoneOf := map[string]string{} // by volume
	for i := range o.volumes {
		if zone := zoneOfVolume(&o.volumes[i]); zone != "" {
			zoneOf[o.volumes[i].Name] = zone
		}
	}
	zones := map[claimName]string{}
	for i := range o.claims {
		claim := &o.claims[i]
		if zone := zoneOf[claim.Spec.VolumeName]; zone != "" && claim.Status.Phase == corev1.ClaimBound {
			zones[claimName{claim.Namespace, claim.Name}] = zone
		}
	}
	return zones
}

// zoneOfVolume returns the only zone that the volume's node affinity allows, ""
// when it allows several or does not speak of zones.
func zoneOfVolume(v *corev1.PersistentVolume) string {
	if v.Spec.NodeAffinity == nil || v.Spec.NodeAffinity.Required == nil {
		return ""
	}
	zone := ""
	for _, term := range v.Spec.NodeAffinity.Required.NodeSelectorTerms {
		in := zoneOfTerm(term)
		// The terms are alternatives: one without a zone, or with another,
		// leaves the volume free.
		if in == "" || zone != "" && in != zone {
			return ""
		}
		zone = in
	}
	return zone
}

// zoneOfTerm returns the only zone of a term, or "".
func zoneOfTerm(term corev1.NodeSelectorTerm) string {
	for _, e := range term.MatchExpressions {
		if e.Operator == corev1.NodeSelectorOpIn && len(e.Values) == 1 && slices.Contains(zoneKeys, e.Key) {
			return e.Values[0]
		}
	}
	return ""
}

// volumeZone returns the zone that a bound volume ties the pod to, "" for none.
func volumeZone(p *corev1.Pod, zones map[claimName]string) string {
	for i := range p.Spec.Volumes {
		v := &p.Spec.Volumes[i]
		claim := ""
		switch {
		case v.PersistentVolumeClaim != nil:
			claim = v.PersistentVolumeClaim.ClaimName
		case v.Ephemeral != nil:
			claim = p.Name + "-" + v.Name
		}
		if zone := zones[claimName{p.Namespace, claim}]; claim != "" && zone != "" {
			return zone
		}
	}
	return ""
}
