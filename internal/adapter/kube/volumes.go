package kube

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// zoneKeys are the keys by which the node affinity of a volume names a zone.
var zoneKeys = []string{corev1.LabelTopologyZone, labelZoneBeta, "topology.ebs.csi.aws.com/zone", "topology.gke.io/zone"}

// attachedByNode returns the names of the volumes that each node has: those of
// its status, and those of attachments that still exist, which outlive the
// status while a volume is being detached and come before it while it is being
// attached. A volume in both counts once.
func (s *seen) attachedByNode() map[string]map[string]bool {
	attached := map[string]map[string]bool{}
	note := func(node, volume string) {
		if attached[node] == nil {
			attached[node] = map[string]bool{}
		}
		attached[node][volume] = true
	}
	for name, n := range s.nodes.byKey {
		for _, v := range n.value.attached {
			note(name, v)
		}
	}
	for _, a := range s.attachments.byKey {
		note(a.value.node, cmp.Or(s.volumes.get(a.value.volume).name, a.value.name))
	}
	return attached
}

// csiName is how the attach controller calls a CSI volume in a node's status.
func csiName(driver, handle string) string {
	return "kubernetes.io/csi/" + driver + "^" + handle
}

// zoneByClaim returns the zone that the volume bound to each claim lies in, for
// those that lie in exactly one.
func (s *seen) zoneByClaim() map[string]string {
	zones := map[string]string{}
	for name, claim := range s.claims.byKey {
		if zone := s.volumes.get(claim.value).zone; zone != "" {
			zones[name] = zone
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

// claimsOf returns the volume claims of a pod, as namespace/name.
func claimsOf(p *corev1.Pod) []string {
	var claims []string
	for i := range p.Spec.Volumes {
		v := &p.Spec.Volumes[i]
		switch {
		case v.PersistentVolumeClaim != nil:
			claims = append(claims, p.Namespace+"/"+v.PersistentVolumeClaim.ClaimName)
		case v.Ephemeral != nil:
			claims = append(claims, p.Namespace+"/"+p.Name+"-"+v.Name)
		}
	}
	return claims
}
