package synthrepo

import "strings"

// component is one folder of manifests.
type component struct {
	folder, name, namespace string
	kind                    string // of its workload
}

// key is the name of a config item of the component.
func (c component) key(item string) string {
	return strings.ReplaceAll(c.name, "-", "_") + "_" + item
}

// replicated reports whether the component has a number of replicas.
func (c component) replicated() bool { return c.kind == "Deployment" || c.kind == "StatefulSet" }

// names are those of the components between the first and the last, which sort
// around them.
var names = strings.Fields(`02-admission-controller 03-network-agent 04-dns-server 05-node-problem-watcher
	access-proxy audit-forwarder autoscaler-buffer backup-scheduler batch-cleaner budget-controller cache-warmer
	certificate-issuer cluster-autoscaler cost-reporter credentials-provider cron-guard csi-block-driver csi-file-driver
	dashboard deployment-gate event-logger external-dns-writer flow-collector heartbeat image-policy ingress-proxy
	ingress-template-controller job-janitor kubelet-summary limit-keeper load-reporter log-shipper metadata-proxy
	metrics-adapter metrics-server node-janitor priority-tagger quota-reporter secret-syncer stack-controller
	state-exporter trace-agent volume-snapshotter`)

// kinds are what components run as that are no Deployment.
var kinds = map[string]string{
	"network-agent": "DaemonSet", "node-problem-watcher": "DaemonSet", "log-shipper": "DaemonSet", "metadata-proxy": "DaemonSet",
	"flow-collector": "DaemonSet", "csi-block-driver": "DaemonSet", "trace-agent": "DaemonSet",
	"batch-cleaner": "CronJob", "backup-scheduler": "CronJob", "cost-reporter": "CronJob",
	"cache-warmer": "StatefulSet", "audit-forwarder": "StatefulSet", "metrics-adapter": "StatefulSet",
}

// components are all in byte order of their folders.
func components() []component {
	all := []component{{folder: "01-base", name: "base", namespace: "kube-system"}}
	for i, folder := range names {
		c := component{folder: folder, name: strings.TrimLeft(folder, "0123456789-"), namespace: "kube-system", kind: "Deployment"}
		if kind := kinds[c.name]; kind != "" {
			c.kind = kind
		}
		switch i % 9 {
		case 5:
			c.namespace = "visibility"
		case 7:
			c.namespace = "delivery"
		}
		all = append(all, c)
	}
	return append(all, component{folder: "z-dashboards", name: "dashboards", namespace: "visibility"})
}
