package httpapi

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// TestWireText: the fast way to the wire gives what the general one gives.
func TestWireText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]fairway.Cluster{
		"empty": {},
		"odd texts": {ID: "<a&b>", Channel: "\u2028\"\\", ConfigItems: map[string]string{"b": "\x00\x1f\x7f", "a": "äöü <>&", "c": "\"", "d": "\\", "e": "\xff", "": ""},
			NodePools: []fairway.NodePool{{Name: "p", ConfigItems: map[string]string{"x": "\n"}}, {Name: "q", InstanceTypes: []string{"m\"5"}}}},
	} {
		for _, verbose := range []bool{true, false} {
			text, err := wireText(&c, verbose)
			if err != nil {
				t.Fatal(err)
			}
			want, err := json.Marshal(wire(c, verbose))
			if err != nil {
				t.Fatal(err)
			}
			var got, general any
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatalf("%s: %v in %s", name, err, text)
			}
			if err := json.Unmarshal(want, &general); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(general, got); diff != "" {
				t.Errorf("%s, verbose %v (-general +fast):\n%s", name, verbose, diff)
			}
		}
	}
}
