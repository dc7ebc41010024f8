package synthrepo

import (
	"fmt"
	"strings"
)

// component adds one usual component: five to seven objects, and what some of
// them need besides.
func (m *maker) component(i int, c component) {
	m.items(i, c)
	m.manifest(c, "rbac.yaml", 3, c.fill(rbac))
	config := c.fill(configMap)
	for n := range 4 + m.rand.IntN(8) {
		config += fmt.Sprintf("      option-%d: %q\n", n, m.sentence(20+m.rand.IntN(40)))
	}
	m.manifest(c, "config.yaml", 1, config)
	m.manifest(c, strings.ToLower(c.kind)+".yaml", 1, m.workload(i, c))
	if c.kind != "CronJob" {
		m.manifest(c, "service.yaml", 1, c.fill(service))
		m.manifest(c, "scalingpolicy.yaml", 1, c.fill(scalingPolicy))
	}
	for _, more := range []struct {
		wanted     bool
		file, text string
	}{
		{i%6 == 0, "networkpolicy.yaml", networkPolicy},
		{i%6 == 3 && c.replicated(), "poddisruptionbudget.yaml", budget},
		{i%4 == 0, "credentials.yaml", secret},
		{i%11 == 3, "ingress.yaml", ingress},
	} {
		if more.wanted {
			m.manifest(c, more.file, 1, c.fill(more.text))
		}
	}
}

// items gives a component its config items.
func (m *maker) items(i int, c component) {
	m.defaults.add(c, "version", fmt.Sprintf("v1.%d.%d", m.rand.IntN(40), m.rand.IntN(20)), "")
	m.defaults.add(c, "cpu", fmt.Sprintf("%dm", 5*(1+m.rand.IntN(20))), "")
	m.defaults.add(c, "memory", fmt.Sprintf("%dMi", 16*(1+m.rand.IntN(12))), "memory")
	m.defaults.add(c, "memory_max", "2048Mi", "memory_max")
	m.defaults.add(c, "log_level", "info", "")
	m.defaults.add(c, "sync_interval", fmt.Sprintf("%ds", 10+m.rand.IntN(50)), "duration")
	m.defaults.add(c, "timeout", fmt.Sprintf("%ds", 5+m.rand.IntN(20)), "duration")
	m.defaults.add(c, "display_name", c.name, "name")
	if c.replicated() {
		m.defaults.add(c, "replicas", "2", "")
	}
	if i%6 == 0 {
		m.defaults.add(c, "network_policy_enabled", "true", "")
	}
	if i%5 == 0 {
		m.defaults.add(c, "hosts", "one.example.org,two.example.org", "hosts")
	}
}

// fill puts the names of a component into a text.
func (c component) fill(text string) string {
	return strings.NewReplacer("@name@", c.name, "@ns@", c.namespace, "@kind@", c.kind, "@key@", strings.ReplaceAll(c.name, "-", "_"),
		"@api@", map[string]string{"CronJob": "batch/v1"}[c.kind]+map[bool]string{true: "apps/v1"}[c.kind != "CronJob"]).Replace(text)
}

const rbac = `apiVersion: v1
kind: ServiceAccount
metadata:
  name: @name@
  namespace: @ns@
  labels:
    application: kubernetes
    component: @name@
{{ if eq .Cluster.Provider "zalando-aws" }}
  annotations:
    iam.amazonaws.com/role: "{{ .Cluster.LocalID }}-@name@"
{{ end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: @name@
  labels:
    application: kubernetes
    component: @name@
rules:
- apiGroups: [""]
  resources: [nodes, pods, services, endpoints, configmaps]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [deployments, daemonsets, statefulsets]
  verbs:
  - get
  - list
  - watch
  - patch
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: ["*"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: @name@
  labels:
    application: kubernetes
    component: @name@
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: @name@
subjects:
- kind: ServiceAccount
  name: @name@
  namespace: @ns@
`

const configMap = `apiVersion: v1
kind: ConfigMap
metadata:
  name: @name@-config
  namespace: @ns@
  labels:
    application: kubernetes
    component: @name@
data:
  config.yaml: |
    displayName: "{{ .Cluster.ConfigItems.@key@_display_name }}"
    syncInterval: {{ .Cluster.ConfigItems.@key@_sync_interval }}
    region: {{ .Cluster.Region }}
    pools:
{{ range $pool := .Cluster.NodePools }}
    - name: {{ $pool.Name }}
      profile: {{ $pool.Profile }}
      size: "{{ $pool.MinSize }}-{{ $pool.MaxSize }}"
{{ end }}
    options:
`

const service = `apiVersion: v1
kind: Service
metadata:
  name: @name@
  namespace: @ns@
  labels:
    application: kubernetes
    component: @name@
spec:
  selector:
    application: kubernetes
    component: @name@
  ports:
  - name: http
    port: 80
    targetPort: 8080
    protocol: TCP
  - name: metrics
    port: 7979
    targetPort: 7979
    protocol: TCP
`

const scalingPolicy = `apiVersion: platform.example.org/v1
kind: ScalingPolicy
metadata:
  name: @name@
  namespace: @ns@
  labels:
    application: kubernetes
    component: @name@
spec:
  targetRef:
    apiVersion: @api@
    kind: @kind@
    name: @name@
  containers:
  - name: @name@
    minimum: "{{ .Cluster.ConfigItems.@key@_memory }}"
    maximum: "{{ .Cluster.ConfigItems.@key@_memory_max }}"
`

const networkPolicy = `{{ if eq .Cluster.ConfigItems.@key@_network_policy_enabled "true" }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: @name@
  namespace: @ns@
  labels:
    application: kubernetes
    component: @name@
spec:
  podSelector:
    matchLabels:
      component: @name@
  policyTypes: [Ingress]
  ingress:
  - ports:
    - port: 8080
    - port: 7979
{{ end }}
`

const budget = `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: @name@
  namespace: @ns@
  labels:
    application: kubernetes
    component: @name@
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      application: kubernetes
      component: @name@
`

const secret = `apiVersion: v1
kind: Secret
metadata:
  name: @name@-credentials
  namespace: @ns@
  labels:
    application: kubernetes
    component: @name@
type: Opaque
data:
  token: "{{ .Cluster.ConfigItems.@key@_token | base64 }}"
  user: "{{ .Cluster.LocalID | base64 }}"
`

const ingress = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: @name@
  namespace: @ns@
  labels:
    application: kubernetes
    component: @name@
spec:
  rules:
  - host: "@name@.{{ .Values.hosted_zone }}"
    http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service:
            name: @name@
            port:
              name: http
`
