package roll

import "time"

// since gives every wait that does not know it the time since when the same
// thing has been waited for, as far as this manager remembers.
func (v *view) since() {
	waiting := make(map[string]time.Time, len(v.Waits))
	for i, w := range v.Waits {
		key := w.Pool + "|" + w.Node + "|" + w.Pod + "|" + w.Actor
		at, known := v.History.Waiting[key]
		if !known {
			at = v.now
		}
		waiting[key] = at
		if w.Since.IsZero() {
			v.Waits[i].Since = at
		}
	}
	v.History.Waiting = waiting
}
