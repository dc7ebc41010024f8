package app_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// standing is how many machines of a pool are in which state at a moment.
type standing struct {
	at                            time.Duration // since the roll began
	fresh, old, draining, booting int
}

// record notes how the machines of the workers stand until stop is called. It
// sees the cluster with eyes of its own.
func (f *fleet) record(began time.Time) (stop func() []standing) {
	var all []standing
	quit, ended := make(chan struct{}), make(chan struct{})
	k, id := f.kube(f.clusters[0]), f.clusters[0]
	go func() {
		defer close(ended)
		for {
			var instances struct {
				Items []struct {
					State      string    `json:"state"`
					NodeName   string    `json:"node_name"`
					LaunchedAt time.Time `json:"launched_at"`
				} `json:"items"`
			}
			f.cloud(id, http.MethodGet, "/v1/instances?group=workers", "", &instances)
			w, err := k.Workloads(f.t.Context())
			if err != nil {
				f.t.Error(err)
				return
			}
			nodes := map[string]fairway.Node{}
			for _, n := range w.Nodes {
				nodes[n.Name] = n
			}
			s := standing{at: time.Since(began)}
			for _, i := range instances.Items {
				n := nodes[i.NodeName]
				switch {
				case i.State == "Terminated" || i.State == "Terminating":
				case n.Unschedulable:
					s.draining++
				case !n.Ready:
					s.booting++
				case i.LaunchedAt.After(began):
					s.fresh++
				default:
					s.old++
				}
			}
			if last := len(all) - 1; last < 0 || all[last] != (standing{all[last].at, s.fresh, s.old, s.draining, s.booting}) {
				all = append(all, s)
			}
			select {
			case <-quit:
				return
			case <-w.Changed:
			case <-time.After(250 * time.Millisecond):
			}
		}
	}()
	return sync.OnceValue(func() []standing { close(quit); <-ended; return all })
}

// BenchmarkRollPicture rolls 20 nodes, five at a time, and draws what it saw
// into the file that FAIRWAY_ROLL_PICTURE names.
func BenchmarkRollPicture(b *testing.B) {
	path := os.Getenv("FAIRWAY_ROLL_PICTURE")
	if path == "" {
		b.Skip("FAIRWAY_ROLL_PICTURE names no file to draw into")
	}
	const nodes, surge = 20, 5
	f := newFleet(b, fleetOptions{clusters: []string{"dev-1"}, workers: nodes,
		times: "boot: {base: 8s, spread: 2s}\nin_service_delay: 0s\nshutdown: 1s\npod: {start_min: 1s, start_max: 2s, termination: 4s}\n",
		items: map[string]string{"roll_surge": fmt.Sprint(surge), "roll_min_ready": "3s", "roll_deregistration": "6s", "roll_blocked_after": "5m"}})
	p := f.startProcess()
	f.awaitProvisioned()
	f.apply("dev-1", spreadApp("web", nodes, `"25%"`)...)
	f.apply("dev-1", plainApp("api", 2*nodes, `"25%"`)...)
	f.awaitHealthy("dev-1", deploymentRef("web"))
	f.awaitHealthy("dev-1", deploymentRef("api"))
	for b.Loop() {
		began := time.Now()
		stop := f.record(began)
		r := f.rollWorkers(p.pid(), 15*time.Minute)
		seen := stop()
		if err := os.WriteFile(path, []byte(drawRoll(seen, nodes, surge)), 0o644); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(leastTaking(seen))/nodes, "min-schedulable")
		b.ReportMetric(r.took.Seconds(), "s/roll")
		b.ReportMetric(0, "ns/op") // says nothing here
	}
}

// drawRoll draws machines over time by state as an SVG that follows the
// reader's light or dark scheme. The lower two layers take new pods; together
// they must never be lower than the dashed line.
func drawRoll(all []standing, nodes, surge int) string {
	const width, height, left, right, top, bottom = 880, 400, 52, 20, 84, 46
	begin, end := 0, len(all)-1
	for begin < end && all[begin+1].booting == 0 && all[begin+1].fresh == 0 {
		begin++
	}
	for end > begin && all[end-1].old+all[end-1].draining+all[end-1].booting == 0 {
		end--
	}
	all = all[begin : end+1]
	// A little of before and after.
	const margin = 4 * time.Second
	zero := all[0].at
	for i := range all {
		all[i].at += margin - zero
	}
	all[0].at = 0
	total := all[len(all)-1].at + margin
	most := nodes
	for _, s := range all {
		most = max(most, s.fresh+s.old+s.draining+s.booting)
	}
	most++
	x := func(at time.Duration) float64 {
		return left + float64(at)/float64(total)*(width-left-right)
	}
	y := func(n int) float64 {
		return height - bottom - float64(n)/float64(most)*(height-top-bottom)
	}
	var out strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	say(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title desc">`, width, height)
	say(`<title id="title">A roll of %d nodes</title>`, nodes)
	say(`<desc id="desc">Nodes over time by state: new ones come while old ones drain; together, those that take new pods are never fewer than the %d from before.</desc>`, nodes)
	say(`<style>
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .head { font-size: 16px; font-weight: 600 }
  .faint { fill: #59636e }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .line { stroke: #1f2328; stroke-width: 1.5; stroke-dasharray: 6 4; fill: none }
  .fresh { fill: #1a7f5a } .old { fill: #9aa4ae } .draining { fill: #e0912f } .booting { fill: #9fd3bf }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .faint { fill: #9198a1 } .grid { stroke: #3d444d } .line { stroke: #e6edf3 }
    .fresh { fill: #2ea37a } .old { fill: #6b7682 } .draining { fill: #d9892b } .booting { fill: #1d5a47 }
  }
</style>`)
	seconds := int(all[len(all)-1].at.Seconds() - margin.Seconds())
	say(`<text class="head" x="%d" y="24">%d nodes replaced in %d s, %d at a time, and never fewer than %d that take pods</text>`, left, nodes, seconds, surge, leastTaking(all))
	keyX := float64(left)
	for _, key := range []struct{ class, name string }{
		{"fresh", "new, ready"}, {"old", "old, serving"}, {"draining", "old, draining"}, {"booting", "new, booting"},
	} {
		say(`<rect class="%s" x="%.0f" y="42" width="14" height="14" rx="3"/><text x="%.0f" y="54">%s</text>`, key.class, keyX, keyX+20, key.name)
		keyX += 46 + 7.2*float64(len(key.name))
	}
	say(`<path class="line" d="M%.0f 49h26"/><text x="%.0f" y="54">size before the roll</text>`, keyX, keyX+32)
	for n := 0; n <= most; n += 5 {
		say(`<path class="grid" d="M%d %.1fH%d"/><text class="faint" x="%d" y="%.1f" text-anchor="end">%d</text>`, left, y(n), width-right, left-8, y(n)+4.5, n)
	}
	step := 10 * time.Second
	for total/step > 12 {
		step *= 2
	}
	for at := time.Duration(0); at+margin <= total; at += step {
		say(`<text class="faint" x="%.1f" y="%d" text-anchor="middle">%d s</text>`, x(at+margin), height-bottom+20, int(at.Seconds()))
	}
	say(`<text class="faint" x="%d" y="%d" text-anchor="end">nodes by state over time, as an onlooker saw them</text>`, width-right, height-8)
	base := func(standing) int { return 0 }
	for _, layer := range []struct {
		class string
		count func(standing) int
	}{
		{"fresh", func(s standing) int { return s.fresh }},
		{"old", func(s standing) int { return s.fresh + s.old }},
		{"draining", func(s standing) int { return s.fresh + s.old + s.draining }},
		{"booting", func(s standing) int { return s.fresh + s.old + s.draining + s.booting }},
	} {
		var upper, lower []string
		for i, s := range all {
			until := total
			if i+1 < len(all) {
				until = all[i+1].at
			}
			upper = append(upper, fmt.Sprintf("%.1f %.1f", x(s.at), y(layer.count(s))), fmt.Sprintf("%.1f %.1f", x(until), y(layer.count(s))))
			lower = append([]string{fmt.Sprintf("%.1f %.1f", x(until), y(base(s))), fmt.Sprintf("%.1f %.1f", x(s.at), y(base(s)))}, lower...)
		}
		say(`<path class="%s" d="M%sZ"/>`, layer.class, strings.Join(append(upper, lower...), "L"))
		base = layer.count
	}
	say(`<path class="line" d="M%d %.1fH%d"/>`, left, y(nodes), width-right)
	say(`</svg>`)
	return out.String()
}

// leastTaking is the smallest number of machines that took new pods.
func leastTaking(all []standing) int {
	least := all[0].fresh + all[0].old
	for _, s := range all {
		least = min(least, s.fresh+s.old)
	}
	return least
}
