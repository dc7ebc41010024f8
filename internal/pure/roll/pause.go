package roll

import "fmt"

// pause keeps everything as it is while a person wants no more change: marks
// stay, and new nodes stay protected, since an autoscaler does not pause.
func (v *view) pause() {
	for _, p := range v.pools {
		v.protect(p)
	}
	v.wait(Wait{Reason: fmt.Sprintf("paused by %s: nothing is drained or ended until the roll is resumed", v.paused), Actor: "whoever paused it"})
}
