package roll

import "time"

// Apps are the applications of a cluster as they were when the roll began, and
// what is wrong with them since. Forgotten, they are as they are now.
type Apps struct {
	// Ready is how many pods were ready, by owner; only those with any.
	Ready map[string]int
	// Packed are the owners that had more than half of their ready pods on one node.
	Packed map[string]bool
	// Sick of All pods were not ready.
	Sick, All int
	// Down is since when an application has had no ready pod.
	Down map[string]time.Time
	// SickSince is since when more pods than before are not ready; zero when they are not.
	SickSince time.Time
}

func (a Apps) clone() Apps {
	a.Down = cloned(a.Down) // the others are never changed
	return a
}

// watchApps finds out whether applications suffer.
func (v *view) watchApps() {}
