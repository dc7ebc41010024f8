package roll

import (
	"maps"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

// History is what a manager remembers of a roll between two decisions. Losing
// it costs a little time and never safety. Decide returns it brought up to
// date; only RefusedAt is written by whoever evicts, with Refuse.
type History struct {
	// RefusedAt is when an eviction was last refused, by budget or pod
	// (RefusalKey).
	RefusedAt map[string]time.Time
	// Services are the data services seen, by namespace/name.
	Services map[string]Service
	// Drains are the drains under way, by node.
	Drains map[string]Progress
	// Retries are the quarantined nodes that are tried again, by node.
	Retries map[string]Retry
	// Away is since when a node or a new instance has been seen not Ready, by
	// instance id. It makes a clock that jumps harmless for nodes with pods.
	Away map[string]time.Time
	// NotJoined are the new instances that never became Ready, by id.
	NotJoined map[string]NotJoined
	// Began is when this manager first looked, Now when it looked last.
	Began, Now time.Time
	// Asked is the size that was last asked for, by pool: a view of the cloud
	// that does not show it yet is late.
	Asked map[string]Size
	// NoRoomSince is since when the cloud has refused to launch, by pool.
	NoRoomSince map[string]time.Time
	// IdleSince is since when nothing could be done in a pool.
	IdleSince map[string]time.Time
	// Lacking are the new instances that lack something, or did, by id.
	Lacking map[string]Lack
	// Proven is since when the probe of a new instance has been good, by id.
	Proven map[string]time.Time
	// Forced is when a pod was last deleted by force, by budget and by node.
	Forced map[string]time.Time
	// PausedAt is when the roll was last seen paused.
	PausedAt time.Time
	// Waiting is since when the things of Decision.Waits have been waited for.
	Waiting map[string]time.Time
	// Apps are the applications as they were when the roll began.
	Apps Apps
	// Units are the mean resources of a node from before the roll, by pool.
	Units map[string]Unit
	// Boots is how long the new instances took, by id.
	Boots map[string]Boot
	// Begun is when the drain of a node was begun last, by node: a view that does
	// not show it yet is late.
	Begun map[string]time.Time
	// Freed is when a drain was given up last, by node: a view that still shows the
	// drain is late, and the node takes pods again.
	Freed map[string]time.Time
	// ScaledUp is by how much autoscalers have made a pool larger since the roll began.
	ScaledUp map[string]int
	// Places is how many instances a pool had, those shutting down included, when
	// the cloud refused another.
	Places map[string]int
	// Blocked is set once nothing but these nodes is left and only cleaning up
	// remains.
	Blocked []fairway.BlockedNode
}

// Service is what is remembered of a data service: so long as one of its pods
// has been deleted and not made again, only memory knows that it is missing.
type Service struct {
	Members int       // the most that were seen
	Seen    int       // how many were seen last
	Since   time.Time // since when Seen has not changed
	// Roles says that its pods have carried roles, Leader which was the only
	// leader last ("" for none or several) and Led since when.
	Roles  bool
	Leader string
	Led    time.Time
}

// Progress is how far a drain has come.
type Progress struct {
	Left  int // steps still to go: two for a pod, one for one that shuts down or a volume
	Since time.Time
	// Told is when this manager first saw the drain: by then load balancers had
	// been told to forget the node. What the node says was written by a clock that
	// may have been wrong.
	Told time.Time
}

// Lack is since when a new instance has lacked something (zero when it lacks
// nothing), and when it was last seen to.
type Lack struct{ Since, Last time.Time }

// Unit is what one node of a pool can allocate: millicores and bytes.
type Unit struct{ CPU, Memory int64 }

// Size is a desired size, the one that the cloud showed before, the size from
// before the roll that was written down with it, and when it was asked for.
type Size struct {
	Desired int
	Seen    int
	Base    int
	At      time.Time
}

// Retry is how often a quarantined node was tried again, and which quarantine
// the newest attempt ended.
type Retry struct {
	Count int
	Since time.Time
	// Forcing is how often it was drained again so that forcing has its chance.
	Forcing int
}

// NotJoined is a new instance that never became Ready.
type NotJoined struct {
	Pool       string
	LaunchedAt time.Time
}

// RefusalKey returns the key of RefusedAt for an eviction of the pod: the
// budget that covers it, or the pod itself when that is none or several.
func RefusalKey(budgets []fairway.Budget, p fairway.Pod) string {
	key := ""
	for _, b := range budgets {
		if !slices.Contains(b.PodUIDs, p.UID) {
			continue
		}
		if key != "" {
			return podKey(p)
		}
		key = budgetName(b)
	}
	if key == "" {
		return podKey(p)
	}
	return key
}

// Refuse remembers that the API server refused to evict the pod.
func (h *History) Refuse(budgets []fairway.Budget, p fairway.Pod, now time.Time) {
	put(&h.RefusedAt, RefusalKey(budgets, p), now)
}

// clone returns a copy that can be changed, with put.
func (h History) clone() History {
	return History{
		RefusedAt:   cloned(h.RefusedAt),
		Services:    cloned(h.Services),
		Drains:      cloned(h.Drains),
		Retries:     cloned(h.Retries),
		Away:        cloned(h.Away),
		NotJoined:   cloned(h.NotJoined),
		Began:       h.Began,
		Now:         h.Now,
		Asked:       cloned(h.Asked),
		NoRoomSince: cloned(h.NoRoomSince),
		IdleSince:   cloned(h.IdleSince),
		Blocked:     slices.Clone(h.Blocked),
		Lacking:     cloned(h.Lacking),
		Proven:      cloned(h.Proven),
		Forced:      cloned(h.Forced),
		PausedAt:    h.PausedAt,
		Waiting:     cloned(h.Waiting),
		Apps:        h.Apps.clone(),
		Units:       cloned(h.Units),
		Boots:       cloned(h.Boots),
		Places:      cloned(h.Places),
		ScaledUp:    cloned(h.ScaledUp),
		Begun:       cloned(h.Begun),
		Freed:       cloned(h.Freed),
	}
}

// asleep is how far apart two decisions may be for the time between them to count.
const asleep = 2 * time.Minute

// passes brings the times up to date: a clock that jumped, or a process that
// slept, has waited for nothing meanwhile.
func (h *History) passes(now time.Time) {
	if gap := now.Sub(h.Now); !h.Now.IsZero() && (gap < 0 || gap > asleep) {
		h.each(func(t time.Time) time.Time {
			if t.IsZero() {
				return t
			}
			return t.Add(gap)
		})
	}
	h.Now = now
	h.each(func(t time.Time) time.Time { return earlier(t, now) })
	for k, t := range h.RefusedAt {
		if now.Sub(t) > time.Hour {
			delete(h.RefusedAt, k)
		}
	}
}

// each changes all times.
func (h *History) each(change func(time.Time) time.Time) {
	for _, times := range []map[string]time.Time{h.RefusedAt, h.Away, h.NoRoomSince, h.IdleSince, h.Waiting, h.Forced, h.Proven, h.Freed, h.Apps.Down, h.Apps.PackedSince} {
		for k, t := range times {
			times[k] = change(t)
		}
	}
	for k, s := range h.Services {
		s.Since, s.Led = change(s.Since), change(s.Led)
		h.Services[k] = s
	}
	for k, d := range h.Drains {
		d.Since, d.Told = change(d.Since), change(d.Told)
		h.Drains[k] = d
	}
	for k, s := range h.Asked {
		s.At = change(s.At)
		h.Asked[k] = s
	}
	for k, l := range h.Lacking {
		h.Lacking[k] = Lack{change(l.Since), change(l.Last)}
	}
	h.Began = change(h.Began)
	h.PausedAt = change(h.PausedAt)
	h.Apps.SickSince, h.Apps.CautionSince = change(h.Apps.SickSince), change(h.Apps.CautionSince)
}

func earlier(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}

// cloned returns a copy of a map; one with nothing in it is made by put.
func cloned[V any](m map[string]V) map[string]V {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

// put writes into a map, and makes it if there is none yet.
func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

func podName(p fairway.Pod) string { return p.Namespace + "/" + p.Name }

func podKey(p fairway.Pod) string { return "pod " + p.UID }

func budgetName(b fairway.Budget) string { return b.Namespace + "/" + b.Name }
