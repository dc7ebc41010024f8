package kube

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/localkubetest"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// metricsServer stands for the aggregated API of a metrics server.
const metricsServer = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: pods.metrics.k8s.io, annotations: {api-approved.kubernetes.io: "unapproved, in place of the aggregated API"}}
spec:
  group: metrics.k8s.io
  scope: Namespaced
  names: {plural: pods, kind: PodMetrics}
  versions:
  - {name: v1beta1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
---
apiVersion: metrics.k8s.io/v1beta1
kind: PodMetrics
metadata: {name: db-0, namespace: NS}
containers: [{name: db, usage: {cpu: 5m, memory: 300Mi}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: NS}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: "db:1", resources: {limits: {memory: 512Mi}}}]}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: etcd-backup, namespace: NS, annotations: {example.org/made: "2027-01-30T03:00:00Z"}}
spec:
  schedule: "0 * * * *"
  suspend: true
  jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: x, image: "x:1"}]}}}}
`

// What a plan needs beside objects is read where clusters have it: how much
// memory is used, and when the last backup was made.
func TestObserve_UsageAndBackup(t *testing.T) {
	t.Parallel()
	c := connect(t)
	ns := namespace(t, c)
	objects := documents(t, strings.TrimSpace(metricsServer), ns)
	for _, o := range objects {
		apply(t, c, o)
	}
	lower := func(b *fairway.Bundle) {
		b.Settings = map[string]string{plan.ItemBackup: "batch/v1 CronJob " + ns + "/etcd-backup metadata.annotations[example.org/made]"}
		b.Components[0].Objects = documents(t, strings.ReplaceAll(strings.TrimSpace(metricsServer), "512Mi", "256Mi"), ns)
	}
	localkubetest.Eventually(t, patience, func() error {
		p := planned(t, c, objects, nil, lower)
		for _, f := range p.Findings {
			if f.Check == plan.CheckMemory && strings.Contains(f.Reason, "from 512 MiB to 256 MiB, and used 300 MiB") {
				return nil
			}
		}
		return fmt.Errorf("%s %+v", p.Verdict, p.Findings)
	})
	for item, want := range map[string]plan.Backup{
		"batch/v1 CronJob " + ns + "/etcd-backup metadata.annotations[example.org/made]": {At: time.Date(2027, 1, 30, 3, 0, 0, 0, time.UTC)},
		"batch/v1 CronJob " + ns + "/etcd-backup status.lastSuccessfulTime":              {},
		"batch/v1 CronJob " + ns + "/none status.lastSuccessfulTime":                     {Problem: "there is no CronJob/" + ns + "/none"},
		"velero " + ns: {Problem: "backups.velero.io in " + ns + ": NotFound"},
	} {
		observed, err := c.Observe(t.Context(), &fairway.Bundle{Settings: map[string]string{plan.ItemBackup: item}}, []fairway.InventoryItem{})
		if err != nil {
			t.Fatal(err)
		}
		if b := observed.Backup; b == nil || !b.At.Equal(want.At) || b.Problem != want.Problem {
			t.Errorf("%s: %+v, want %+v", item, b, want)
		}
	}
}
