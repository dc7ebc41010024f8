package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fairwayhq/fairway"
)

// Usage is how much memory a container of a pod uses at a moment.
type Usage struct {
	Namespace, Pod, Container string
	Bytes                     int64
}

// Peak is the most memory that a container of a workload was seen to use.
type Peak struct {
	// Kind is that of the workload whose template the container is of.
	Kind      string    `json:"kind"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Container string    `json:"container"`
	Bytes     int64     `json:"bytes"`
	At        time.Time `json:"at"`
}

type peakKey struct{ kind, namespace, name, container string }

func (p Peak) key() peakKey { return peakKey{p.Kind, p.Namespace, p.Name, p.Container} }

// PeaksOf returns what the containers of workloads use at most, of what their
// pods use at a moment.
func PeaksOf(usage []Usage, pods []fairway.Pod, at time.Time) []Peak {
	byName := map[[2]string]*fairway.Pod{}
	for i := range pods {
		byName[[2]string{pods[i].Namespace, pods[i].Name}] = &pods[i]
	}
	var all []Peak
	for _, u := range usage {
		if p := byName[[2]string{u.Namespace, u.Pod}]; p != nil {
			if kind, name := workloadOf(p); kind != "" {
				all = append(all, Peak{Kind: kind, Namespace: u.Namespace, Name: name, Container: u.Container, Bytes: u.Bytes, At: at})
			}
		}
	}
	return MergePeaks(all, nil)
}

// MergePeaks keeps the higher of two peaks of the same container.
func MergePeaks(a, b []Peak) []Peak {
	most := map[peakKey]Peak{}
	for _, p := range slices.Concat(a, b) {
		if was, ok := most[p.key()]; !ok || p.Bytes > was.Bytes {
			most[p.key()] = p
		}
	}
	return slices.SortedFunc(maps.Values(most), func(a, b Peak) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Container, b.Container))
	})
}

// workloadOf names the workload that has the template of a pod: controllers name
// what they make on the way after it, with a suffix.
func workloadOf(p *fairway.Pod) (kind, name string) {
	stem := func() string {
		if i := strings.LastIndexByte(p.OwnerName, '-'); i > 0 {
			return p.OwnerName[:i]
		}
		return ""
	}
	switch p.OwnerKind {
	case "ReplicaSet":
		return "Deployment", stem()
	case "Job":
		return "CronJob", stem()
	}
	return p.OwnerKind, p.OwnerName
}

// memoryLimits finds limits that the update lowers below what was used.
func memoryLimits(s subject) []Finding {
	most := map[peakKey]Peak{}
	for _, p := range s.in.Observed.Peaks {
		most[p.key()] = p
	}
	if len(most) == 0 {
		return nil
	}
	var found []Finding
	for _, m := range s.manifests() {
		ref := m.object.Ref()
		live, exists := s.in.Observed.Live[KeyOf(ref)]
		if !exists {
			continue
		}
		was := memoryOf(live)
		namespace := cmp.Or(ref.Namespace, "default")
		wanted := memoryOf(m.object)
		for _, container := range slices.Sorted(maps.Keys(wanted)) {
			limit := wanted[container]
			before, known := was[container]
			peak := most[peakKey{ref.Kind, namespace, ref.Name, container}]
			if limit == 0 || !known || before != 0 && limit >= before || peak.Bytes <= limit {
				continue
			}
			fell := "gets a memory limit of " + amountOf(limit)
			if before != 0 {
				fell = fmt.Sprintf("has its memory limit lowered from %s to %s", amountOf(before), amountOf(limit))
			}
			found = append(found, Finding{
				Check: CheckMemory, Severity: Block, Object: ref.String(), Component: m.component,
				Reason: fmt.Sprintf("container %s %s, and used %s at %s: it would be killed", container, fell, amountOf(peak.Bytes), peak.At.UTC().Format(time.RFC3339)),
				Remedy: "leave the limit above what is used, or make it use less first",
			})
		}
	}
	return found
}

// memoryOf returns the memory limits of the containers of a workload in bytes, 0
// for none.
func memoryOf(o fairway.Object) map[string]int64 {
	template := mapAt(map[string]any(o), "spec", "template", "spec")
	if job := mapAt(map[string]any(o), "spec", "jobTemplate", "spec", "template", "spec"); job != nil {
		template = job
	}
	out := map[string]int64{}
	for _, list := range []string{"containers", "initContainers"} {
		for _, c := range listAt(template, list) {
			out[textAt(c, "name")] = 0
			if limit := at(c, "resources", "limits", "memory"); limit != nil {
				if q, err := resource.ParseQuantity(text(limit)); err == nil {
					out[textAt(c, "name")] = q.Value()
				}
			}
		}
	}
	return out
}

// amountOf writes bytes as people read them.
func amountOf(bytes int64) string {
	switch {
	case bytes >= 10<<30:
		return fmt.Sprintf("%d GiB", bytes>>30)
	case bytes >= 10<<20:
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}
