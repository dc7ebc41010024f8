package synthrepo

import (
	"fmt"
	"strings"
)

// workload is the manifest of what a component runs. What is used differs from
// one component to the next: ids and zones of the cluster, lists, hashes of
// siblings, quantities.
func (m *maker) workload(i int, c component) string {
	var b strings.Builder
	add := func(indent int, text string) {
		for line := range strings.Lines(c.fill(text)) {
			if !strings.HasPrefix(line, "{{") {
				b.WriteString(strings.Repeat(" ", indent))
			}
			b.WriteString(line)
		}
	}
	indent := 0
	switch c.kind {
	case "CronJob":
		add(0, head)
		add(0, `spec:
  schedule: "17 3 * * *"
  concurrencyPolicy: Forbid
  successfulJobsHistoryLimit: 1
  jobTemplate:
    spec:
      backoffLimit: 2
`)
		indent = 4
	case "DaemonSet":
		add(0, head)
		add(0, "spec:\n  updateStrategy:\n    type: RollingUpdate\n    rollingUpdate:\n      maxUnavailable: 10%\n")
		add(0, selector)
	case "StatefulSet":
		add(0, head)
		add(0, "spec:\n  serviceName: @name@\n  replicas: {{ .Cluster.ConfigItems.@key@_replicas }}\n")
		add(0, selector)
	default:
		add(0, head)
		add(0, "spec:\n  strategy:\n    type: RollingUpdate\n    rollingUpdate:\n      maxUnavailable: 1\n      maxSurge: 25%\n  replicas: {{ .Cluster.ConfigItems.@key@_replicas }}\n")
		add(0, selector)
	}
	add(indent, podHead)
	if i%3 == 0 {
		add(indent, `      annotations:
        config/hash: {{ "config.yaml" | manifestHash }}
`)
	}
	add(indent, podSpec)
	if c.kind == "CronJob" {
		add(indent, "      restartPolicy: Never\n")
	}
	add(indent, container)
	switch i % 5 {
	case 0:
		add(indent, `        - --cluster-id={{ .Cluster.ID }}
        - --cluster-alias={{ .Cluster.Alias }}
{{ range $i, $host := split .Cluster.ConfigItems.@key@_hosts "," }}
        - --host={{ $i }}={{ $host }}
{{ end }}
`)
	case 1:
		add(indent, `        - --account={{ accountID .Cluster.InfrastructureAccount }}
        - --zone={{ .Values.hosted_zone }}
{{ if eq .Cluster.Environment "production" }}
        - --production
{{ end }}
`)
	case 2:
		add(indent, `{{ with index .Values "availability_zones" }}
        - --zones={{ join "," . }}
{{ end }}
        - --ratio={{ scaleQuantity .Cluster.ConfigItems.@key@_memory 0.5 }}
`)
	case 3:
		add(indent, `{{ $total := sumQuantities .Cluster.ConfigItems.@key@_memory .Cluster.ConfigItems.@key@_memory_max }}
        - --total={{ $total }}
{{ range $group, $spread := zoneDistributedNodePoolGroups .Cluster.NodePools }}
        - --spread={{ $group }}:{{ $spread }}
{{ end }}
`)
	}
	add(indent, "        env:\n")
	for n := range 2 + m.rand.IntN(7) {
		add(indent, fmt.Sprintf("        - name: OPTION_%d\n          value: %q\n", n, m.sentence(24)))
	}
	add(indent, containerTail)
	return b.String()
}

const head = `apiVersion: @api@
kind: @kind@
metadata:
  name: @name@
  namespace: @ns@
  labels:
    application: kubernetes
    component: @name@
    version: "{{ .Cluster.ConfigItems.@key@_version }}"
`

const selector = `  selector:
    matchLabels:
      application: kubernetes
      component: @name@
`

const podHead = `  template:
    metadata:
      labels:
        application: kubernetes
        component: @name@
        version: "{{ .Cluster.ConfigItems.@key@_version }}"
`

const podSpec = `    spec:
      serviceAccountName: @name@
      priorityClassName: infrastructure
      dnsConfig:
        options:
        - name: ndots
          value: "1"
      tolerations:
      - key: node.kubernetes.io/role
        value: master
        effect: NoSchedule
`

const container = `      containers:
      - name: @name@
        image: "registry.example.org/@name@:{{ .Cluster.ConfigItems.@key@_version }}"
        args:
        - --log-level={{ .Cluster.ConfigItems.@key@_log_level }}
        - --timeout={{ .Cluster.ConfigItems.@key@_timeout }}
`

const containerTail = `        ports:
        - name: http
          containerPort: 8080
        - name: metrics
          containerPort: 7979
        readinessProbe:
          httpGet:
            path: /healthz
            port: 8080
          initialDelaySeconds: 2
          timeoutSeconds: 5
        resources:
          requests:
            cpu: "{{ .Cluster.ConfigItems.@key@_cpu }}"
            memory: "{{ .Cluster.ConfigItems.@key@_memory }}"
          limits:
            cpu: "{{ .Cluster.ConfigItems.@key@_cpu }}"
            memory: "{{ .Cluster.ConfigItems.@key@_memory_max }}"
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          runAsNonRoot: true
          runAsUser: 1000
        volumeMounts:
        - name: config
          mountPath: /etc/config
      volumes:
      - name: config
        configMap:
          name: @name@-config
`
