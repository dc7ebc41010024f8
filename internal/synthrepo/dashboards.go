package synthrepo

import (
	"fmt"
	"strings"
)

// rest is the last component: as many large ConfigMaps as it takes to come to
// the number of objects and bytes.
func (m *maker) rest(c component) {
	missing := Objects - m.objects
	each := (ManifestBytes - m.size) / missing
	for i := range missing {
		m.manifest(c, fmt.Sprintf("dashboard-%02d.yaml", i), 1, m.dashboard(c, i, each))
	}
}

// dashboard is a ConfigMap with a JSON document of about so many bytes.
func (m *maker) dashboard(c component, i, bytes int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: v1
kind: ConfigMap
metadata:
  name: dashboard-%02d
  namespace: %s
  labels:
    application: kubernetes
    component: %s
data:
  dashboard.json: |
    {
      "title": "Dashboard %d of {{ .Cluster.Alias }}",
      "panels": [
`, i, c.namespace, c.name, i)
	for n := 0; b.Len() < bytes-200; n++ {
		if n > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, "        {\"id\": %d, \"title\": %q, \"expr\": \"sum(rate(requests_total{job=\\\"%s\\\"}[5m])) by (code)\"}",
			n, m.sentence(40), words[m.rand.IntN(len(words))])
	}
	b.WriteString("\n      ]\n    }\n")
	return b.String()
}

// deletions adds a list of what earlier revisions left behind.
func (m *maker) deletions() {
	m.files["cluster/manifests/deletions.yaml"] = `pre_apply:
- kind: Deployment
  name: former-controller
  namespace: kube-system
{{ if eq .Cluster.Environment "test" }}
- kind: ConfigMap
  name: former-settings
  namespace: visibility
{{ end }}
post_apply:
- kind: ClusterRole
  name: former-controller
- kind: PodDisruptionBudget
  namespace: kube-system
  labels:
    component: former-controller
`
}
