package roll

import "fmt"

// pause keeps everything as it is while a person wants no more change: marks
// stay, new nodes stay protected, since an autoscaler does not pause, and are
// tried, since their time to become ready does not either.
func (v *view) pause() {
	for _, p := range v.pools {
		v.protect(p)
	}
	v.probe()
	v.wait(Wait{Reason: fmt.Sprintf("paused by %s: nothing is drained or ended until the roll is resumed", v.paused), Actor: "whoever paused it"})
}
