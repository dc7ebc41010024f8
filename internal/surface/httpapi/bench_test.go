package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/postgrestest"
)

// The data set of the figures.
const (
	benchClusters = 10_000
	benchPools    = 5
	benchItems    = 100
)

// BenchmarkRegistry prints the figures of a registry with 10,000 clusters in a
// process of its own, on each database (make bench-registry). It runs once,
// whatever b.N is: -benchtime 1x.
func BenchmarkRegistry(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchRegistry(b, filepath.Join(b.TempDir(), "fairway.db")) })
	b.Run("postgres", func(b *testing.B) { benchRegistry(b, postgrestest.Database(b)) })
}

func benchRegistry(b *testing.B, database string) {
	begin := time.Now()
	fill(b, database)
	b.Logf("%d clusters stored in %s", benchClusters, time.Since(begin).Round(time.Millisecond))
	url, process := startProcess(b, database)
	l := &load{b: b, url: url, client: &http.Client{Transport: &http.Transport{MaxConnsPerHost: 16, MaxIdleConnsPerHost: 16}}}
	b.ResetTimer()
	b.ReportMetric(0, "ns/op") // says nothing here

	for _, path := range []string{"/kubernetes-clusters", "/api/v1/clusters"} {
		begin = time.Now()
		size := l.get(path)
		b.Logf("GET %s: %.2f s, %d MB, server memory at most %d MB", path, time.Since(begin).Seconds(), size>>20, peak(b, process.Process.Pid))
		if path == "/kubernetes-clusters" {
			b.ReportMetric(time.Since(begin).Seconds(), "s/list")
		}
	}
	l.quantiles("terse", "/kubernetes-clusters?verbose=false", l.each(60, func(int) { l.get("/kubernetes-clusters?verbose=false") }))
	l.quantiles("page", "/api/v1/clusters?limit=100", l.each(60, func(int) { l.get("/api/v1/clusters?limit=100") }))
	l.quantiles("search", "/api/v1/clusters?search=", l.each(10, func(i int) { l.get(fmt.Sprintf("/api/v1/clusters?search=needle-%d&fields=id", i*7)) }))
	l.openLoop(500, 30*time.Second)
	l.watchers(1000, 10)
	b.ReportMetric(float64(peak(b, process.Process.Pid)), "MB-peak")
}

// fill stores the data set.
func fill(b *testing.B, database string) {
	b.Helper()
	store, err := sqlstore.Open(b.Context(), database, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	next := make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := range next {
				if err := store.CreateCluster(b.Context(), benchCluster(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	for i := range benchClusters {
		next <- i
	}
	close(next)
	workers.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

func benchID(i int) string { return fmt.Sprintf("aws:123456789012:eu-central-1:kube-%d", i) }

func benchCluster(i int) *fairway.Cluster {
	name := fmt.Sprint("kube-", i)
	c := &fairway.Cluster{ID: benchID(i), Alias: name, InfrastructureAccount: "aws:123456789012", LocalID: name, APIServerURL: "https://" + name + ".example.org",
		Channel: "beta", Environment: "test", CriticalityLevel: 1, LifecycleStatus: fairway.StatusReady, Provider: fairway.ProviderAWS, Region: "eu-central-1",
		ConfigItems: map[string]string{}, Status: fairway.ClusterStatus{CurrentVersion: "0123456789012345678901234567890123456789#0123456789"}}
	for n := range benchItems {
		c.ConfigItems[fmt.Sprintf("config_item_%d", n)] = fmt.Sprintf("%-40s", fmt.Sprintf("needle-%d value-%d", i, n))[:40]
	}
	for n := range benchPools {
		c.NodePools = append(c.NodePools, fairway.NodePool{Name: fmt.Sprint("pool-", n), Profile: "worker-default", InstanceTypes: []string{"m5.large", "m5.xlarge"}, DiscountStrategy: "spot", MaxSize: 100})
	}
	return c
}

// peak is the most memory that a process has had, in MB.
func peak(b testing.TB, pid int) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	n, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		b.Fatal(err)
	}
	return n >> 10
}

// load sends requests to a server.
type load struct {
	b      *testing.B
	url    string
	client *http.Client
}

func (l *load) send(method, path, body string) int64 {
	r, err := http.NewRequest(method, l.url+path, strings.NewReader(body))
	if err != nil {
		l.b.Error(err)
		return 0
	}
	r.Header.Set("Authorization", "Bearer "+adminToken)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := l.client.Do(r)
	if err != nil {
		l.b.Error(err)
		return 0
	}
	defer response.Body.Close()
	size, err := io.Copy(io.Discard, response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		l.b.Errorf("%s %s: %d %v", method, path, response.StatusCode, err)
	}
	return size
}

func (l *load) get(path string) int64 { return l.send(http.MethodGet, path, "") }

// each times a thing that is done several times, one after another.
func (l *load) each(n int, do func(i int)) (took []time.Duration) {
	for i := range n {
		begin := time.Now()
		do(i)
		took = append(took, time.Since(begin))
	}
	return took
}

func (l *load) quantiles(name, what string, took []time.Duration) {
	slices.Sort(took)
	at := func(q float64) time.Duration { return took[min(len(took)-1, int(q*float64(len(took))))] }
	l.b.Logf("%s: p50 %.1f ms, p99 %.1f ms, most %.1f ms of %d", what, ms(at(0.5)), ms(at(0.99)), ms(at(1)), len(took))
	l.b.ReportMetric(ms(at(0.99)), "ms-p99-"+name)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// openLoop sends so many requests a second, when they are due, over 16
// connections, half of them reads of one cluster and half changes of a status.
// What a request waits for a free connection counts.
func (l *load) openLoop(perSecond int, lasts time.Duration) {
	type due struct {
		at   time.Time
		read bool
		of   int
	}
	const connections = 16
	queue := make(chan due, perSecond*int(lasts.Seconds()))
	var mu sync.Mutex
	var reads, writes []time.Duration
	var workers sync.WaitGroup
	for range connections {
		workers.Go(func() {
			for d := range queue {
				if d.read {
					l.get("/kubernetes-clusters/" + benchID(d.of))
				} else {
					l.send(http.MethodPatch, "/kubernetes-clusters/"+benchID(d.of), fmt.Sprintf(`{"lifecycle_status":"ready","status":{"current_version":"v-%d","problems":[]}}`, d.at.UnixNano()))
				}
				took := time.Since(d.at)
				mu.Lock()
				if d.read {
					reads = append(reads, took)
				} else {
					writes = append(writes, took)
				}
				mu.Unlock()
			}
		})
	}
	begin := time.Now()
	for i := range perSecond * int(lasts.Seconds()) {
		at := begin.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		time.Sleep(time.Until(at))
		queue <- due{at, i%2 == 0, rand.IntN(benchClusters)}
	}
	close(queue)
	workers.Wait()
	l.b.Logf("%d requests a second for %s, done after %.1f s", perSecond, lasts, time.Since(begin).Seconds())
	l.quantiles("get", "GET of one", reads)
	l.quantiles("patch", "PATCH of a status", writes)
}

// watchers follow all changes; of some changes the time is taken until the last
// watcher has heard of each.
func (l *load) watchers(n, changes int) {
	ctx, cancel := context.WithCancel(l.b.Context())
	defer cancel()
	var ready, ended sync.WaitGroup
	var heard atomic.Int64
	client := &http.Client{Transport: &http.Transport{}}
	for range n {
		ready.Add(1)
		ended.Go(func() {
			r, _ := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/api/v1/watch", nil)
			r.Header.Set("Authorization", "Bearer "+adminToken)
			response, err := client.Do(r)
			if err != nil {
				l.b.Error(err)
				ready.Done()
				return
			}
			defer response.Body.Close()
			lines := bufio.NewReaderSize(response.Body, 16<<10)
			begun := sync.OnceFunc(ready.Done)
			defer begun()
			for {
				line, err := lines.ReadSlice('\n')
				if err != nil && err != bufio.ErrBufferFull {
					return
				}
				if strings.HasPrefix(string(line[:min(len(line), 7)]), "id: ") {
					begun()
				}
				if strings.HasPrefix(string(line[:min(len(line), 7)]), "event: ") {
					heard.Add(1)
				}
			}
		})
	}
	ready.Wait()
	took := l.each(changes, func(i int) {
		want := heard.Load() + int64(n)
		l.send(http.MethodPatch, "/kubernetes-clusters/"+benchID(i), fmt.Sprintf(`{"status":{"current_version":"w-%d","problems":[]}}`, time.Now().UnixNano()))
		for end := time.Now().Add(30 * time.Second); heard.Load() < want; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				l.b.Errorf("change %d: %d of %d watchers heard of it within 30 s", i, heard.Load()-want+int64(n), n)
				return
			}
		}
	})
	l.quantiles("watch", fmt.Sprintf("a change until the last of %d watchers has it", n), took)
	cancel()
	ended.Wait()
}
