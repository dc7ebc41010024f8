package kube

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The two roles of fairway.Pod.Role.
const (
	roleLeader  = "leader"
	roleReplica = "replica"
)

// serviceLabels are the labels by which operators of databases name the
// cluster that a pod is a member of, and the member's role in it, the label of
// today before older ones.
var serviceLabels = []struct {
	cluster string
	roles   []string
}{
	{"cnpg.io/cluster", []string{"cnpg.io/instanceRole", "role"}},
	{"postgres-operator.crunchydata.com/cluster", []string{"postgres-operator.crunchydata.com/role"}},
	{"cluster-name", []string{"spilo-role", "role"}}, // postgres-operator, Patroni
}

// cnpgGroup is the API group of the clusters of CloudNativePG, which own their
// pods themselves.
const cnpgGroup = "postgresql.cnpg.io/"

// service returns the data service that a pod is a member of, as
// namespace/name, and its role there; both are "" for other pods. Pods that an
// operator runs beside the members (poolers, jobs) carry the cluster's label
// but no role.
func service(p *corev1.Pod) (name, role string) {
	owner := metav1.GetControllerOfNoCopy(p)
	for _, l := range serviceLabels {
		cluster := p.Labels[l.cluster]
		if cluster == "" {
			continue
		}
		for _, label := range l.roles {
			if role = roleOf(p.Labels[label]); role != "" {
				return p.Namespace + "/" + cluster, role
			}
		}
	}
	switch {
	case owner == nil:
		return "", ""
	case owner.Kind == "Cluster" && strings.HasPrefix(owner.APIVersion, cnpgGroup):
		return p.Namespace + "/" + owner.Name, ""
	case owner.Kind != "StatefulSet":
		return "", ""
	case p.Labels["cluster-name"] != "" && p.Labels["application"] == "spilo":
		// A member that has not joined yet; the others are named by the label.
		return p.Namespace + "/" + p.Labels["cluster-name"], ""
	}
	return p.Namespace + "/" + owner.Name, ""
}

// roleOf translates what operators call the roles; "" for anything else.
func roleOf(label string) string {
	switch label {
	case "primary", "master", "leader":
		return roleLeader
	case "replica", "secondary", "standby", "sync_standby":
		return roleReplica
	}
	return ""
}
