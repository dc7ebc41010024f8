package roll

import (
	"time"

	"github.com/fairwayhq/fairway"
)

// longestWait is how long a drain lets a pod finish at most, whatever the pod
// asks for.
const longestWait = 24 * time.Hour

// patience is how long a drain lets a pod finish by itself: as long as it asks
// for, or as long as the pool gives pods of Jobs and those that cluster-autoscaler
// and Karpenter must not disturb.
func (p *pool) patience(pod *fairway.Pod) time.Duration {
	text := pod.Annotations[fairway.PodAnnotationWait]
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return min(d, longestWait)
	}
	if pod.OwnerKind == "Job" || text != "" ||
		pod.Annotations[fairway.PodAnnotationSafeToEvict] == "false" || pod.Annotations[fairway.PodAnnotationDoNotDisrupt] == "true" {
		return p.JobGrace
	}
	return 0
}

// finishes returns until when a drain lets a pod finish; zero when not at all.
func (m *member) finishes(pod *fairway.Pod) time.Time {
	if d := m.pool.patience(pod); d > 0 {
		return m.drainedSince().Add(d)
	}
	return time.Time{}
}

// finish returns until when any pod of the node is let finish.
func (m *member) finish() time.Time {
	var last time.Time
	for i := range m.pods {
		last = latest(last, m.finishes(&m.pods[i]))
	}
	return last
}
