package kube

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestService(t *testing.T) {
	t.Parallel()
	owner := func(apiVersion, kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: name, Controller: new(true)}}
	}
	set, cnpg := owner("apps/v1", "StatefulSet", "db"), owner("postgresql.cnpg.io/v1", "Cluster", "pg")
	for name, test := range map[string]struct {
		labels     map[string]string
		owner      []metav1.OwnerReference
		want, role string
	}{
		"a pod of a Deployment":                   {map[string]string{"app": "web"}, owner("apps/v1", "ReplicaSet", "web-1"), "", ""},
		"a pod of nobody":                         {nil, nil, "", ""},
		"a StatefulSet":                           {map[string]string{"app": "db"}, set, "data/db", ""},
		"a label role alone says nothing":         {map[string]string{"role": "master"}, set, "data/db", ""},
		"CloudNativePG":                           {map[string]string{"cnpg.io/cluster": "pg", "cnpg.io/instanceRole": "primary"}, cnpg, "data/pg", "leader"},
		"CloudNativePG, older label":              {map[string]string{"cnpg.io/cluster": "pg", "role": "replica"}, cnpg, "data/pg", "replica"},
		"CloudNativePG, not joined yet":           {map[string]string{"cnpg.io/cluster": "pg"}, cnpg, "data/pg", ""},
		"its pooler":                              {map[string]string{"cnpg.io/cluster": "pg", "cnpg.io/poolerName": "p"}, owner("apps/v1", "ReplicaSet", "p-1"), "", ""},
		"its job":                                 {map[string]string{"cnpg.io/cluster": "pg", "cnpg.io/jobRole": "initdb"}, owner("batch/v1", "Job", "pg-1-initdb"), "", ""},
		"somebody else's kind Cluster":            {nil, owner("cluster.example/v1", "Cluster", "c"), "", ""},
		"postgres-operator":                       {map[string]string{"application": "spilo", "cluster-name": "team-db", "spilo-role": "master"}, owner("apps/v1", "StatefulSet", "team-db"), "data/team-db", "leader"},
		"postgres-operator, not joined yet":       {map[string]string{"application": "spilo", "cluster-name": "team-db"}, owner("apps/v1", "StatefulSet", "team-db"), "data/team-db", ""},
		"postgres-operator's connection pooler":   {map[string]string{"application": "db-connection-pooler", "cluster-name": "team-db"}, owner("apps/v1", "ReplicaSet", "p"), "", ""},
		"Patroni":                                 {map[string]string{"cluster-name": "batman", "role": "standby"}, set, "data/batman", "replica"},
		"one StatefulSet for each member (PGO)":   {map[string]string{"postgres-operator.crunchydata.com/cluster": "hippo", "postgres-operator.crunchydata.com/role": "master"}, owner("apps/v1", "StatefulSet", "hippo-a1"), "data/hippo", "leader"},
		"a value that is no role":                 {map[string]string{"cluster-name": "batman", "spilo-role": "backup"}, set, "data/db", ""},
		"the name alone of somebody else's label": {map[string]string{"cluster-name": "blue"}, owner("apps/v1", "ReplicaSet", "web"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, role := service(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "data", Name: "p-0", Labels: test.labels, OwnerReferences: test.owner}})
			if got != test.want || role != test.role {
				t.Errorf("service = %q, role = %q, want %q, %q", got, role, test.want, test.role)
			}
		})
	}
}
