package rollbench

import (
	"github.com/fairwayhq/fairway/internal/pure/roll"
	"os"
	"strconv"
	"testing"
	"time"
)

func TestTR(t *testing.T) {
	seed, _ := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	if seed == 0 {
		seed = 1
	}
	all := standard(t)
	s, _ := Find(all, os.Getenv("ID"))
	if s.ID == "" {
		return
	}
	last := ""
	RunWith(s, seed, func(s roll.Snapshot, now time.Time) roll.Decision {
		d := roll.Decide(s, now)
		txt := ""
		for _, a := range d.Actions {
			if a.Kind == roll.ActionEvict || a.Kind == roll.ActionProtect || (a.Kind == roll.ActionMark && a.Marks.Cordoned == nil) {
				continue
			}
			txt += "\n    " + string(a.Kind) + " " + a.Why
		}
		w := ""
		if len(d.Waits) > 0 {
			w = d.Waits[0].Reason
		}
		if txt != "" || w != last {
			t.Logf("%s %d/%d want %d inst %d %s | %s", now.Sub(epoch), d.Replaced, d.Total, s.Pools[0].Group.Desired, len(s.Instances), txt, w)
		}
		last = w
		return d
	})
}
