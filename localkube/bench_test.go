package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BenchmarkStart measures the time to the ready file of one localkube.
func BenchmarkStart(b *testing.B) { benchmarkStart(b, 1) }

// BenchmarkStartFour measures four at once, to the last one's ready file.
func BenchmarkStartFour(b *testing.B) { benchmarkStart(b, 4) }

func benchmarkStart(b *testing.B, n int) {
	for b.Loop() {
		worlds := make([]*world, n)
		begin := time.Now()
		for i := range worlds {
			worlds[i] = &world{t: b, dir: b.TempDir()}
			if err := os.WriteFile(worlds[i].dir+"/nodegroups.yaml", []byte(small), 0o600); err != nil {
				b.Fatal(err)
			}
			worlds[i].launch()
		}
		for _, w := range worlds {
			w.waitReady()
		}
		b.ReportMetric(time.Since(begin).Seconds(), "s/ready")
		for _, w := range worlds {
			b.ReportMetric(rss(b, w)/(1<<20), "MiB-empty")
			w.kill()
		}
	}
	b.ReportMetric(0, "ns/op") // it would include the end
}

// BenchmarkResident measures memory with 30 nodes and 200 pods, and the
// processor time of that cluster when nothing happens.
func BenchmarkResident(b *testing.B) {
	for b.Loop() {
		w := &world{t: b, dir: b.TempDir()}
		settings := strings.Replace(fast, "desired: 6", "desired: 30", 1)
		if err := os.WriteFile(w.dir+"/nodegroups.yaml", []byte(settings), 0o600); err != nil {
			b.Fatal(err)
		}
		w.start()
		_, err := w.kube.AppsV1().Deployments("default").Create(b.Context(), &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "web"},
			Spec:       appsv1.DeploymentSpec{Replicas: new(int32(200)), Selector: selector("web"), Template: podSpec("web")},
		}, metav1.CreateOptions{})
		if err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		readyPods(b, w, "web", 200)
		b.ReportMetric(time.Since(begin).Seconds(), "s/200-pods")
		// The peak is what a machine must have; the rest of the second minute
		// is what it costs to leave the cluster alone.
		time.Sleep(time.Minute)
		cpu := cpuSeconds(b, w)
		const idle = 30 * time.Second
		time.Sleep(idle)
		b.ReportMetric((cpuSeconds(b, w)-cpu)/idle.Seconds()*100, "%cpu-idle")
		b.ReportMetric(rss(b, w)/(1<<20), "MiB-resident")
		b.ReportMetric(status(b, w, "VmHWM:")/(1<<20), "MiB-peak")
		w.kill()
	}
	b.ReportMetric(0, "ns/op")
}

func rss(b *testing.B, w *world) float64 { return status(b, w, "VmRSS:") }

// status reads a size in bytes from the process's status.
func status(b *testing.B, w *world, key string) float64 {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == key {
			kib, _ := strconv.ParseFloat(fields[1], 64)
			return kib * 1024
		}
	}
	b.Fatalf("no %s in the process's status", key)
	return 0
}

// cpuSeconds reads user and system time; the kernel counts hundredths.
func cpuSeconds(b *testing.B, w *world) float64 {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}
