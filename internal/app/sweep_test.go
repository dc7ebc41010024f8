package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// What a roll left that nobody goes on with is taken back within a minute of a
// manager: the size, the tags and the protections.
func TestSweep_TakesBackWhatARollLeft(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, workers: 3})
	f.start()
	f.awaitProvisioned()
	tags := f.groups("dev-1")["workers"].Tags
	tags[fairway.TagRollBase], tags[fairway.TagRollSize] = "3", "5"
	body, err := json.Marshal(map[string]any{"desired": 5, "tags": tags})
	if err != nil {
		t.Fatal(err)
	}
	old := f.workers("dev-1")
	f.cloud("dev-1", http.MethodPut, "/v1/groups/workers", string(body), nil)
	for id := range f.workers("dev-1") {
		if !old[id] {
			f.cloud("dev-1", http.MethodPut, "/v1/instances/"+id+"/protection", `{"protected": true}`, nil)
		}
	}
	f.await("the pool has its size again", 2*time.Minute, func() (bool, string) {
		g, left := f.groups("dev-1")["workers"], f.marksLeft("dev-1")
		return g.Desired == 3 && g.Tags[fairway.TagRollBase] == "" && len(left) == 0, fmt.Sprintf("%+v %v", g, left)
	})
	f.nothingLeft("dev-1")
	for id := range old {
		if !f.workers("dev-1")[id] {
			t.Errorf("node %s from before is gone", id)
		}
	}
}
