package rollbench

import (
	"strings"
	"testing"

	"github.com/fairwayhq/fairway"
)

func TestParse_RefusesWhatMakesNoWorld(t *testing.T) {
	t.Parallel()
	with := func(field string) string { return `{"scenarios": [{"id": "a", "n": 10, ` + field + `}]}` }
	tests := []struct {
		name, file string
		want, hint string // parts of the error and of the hint
	}{
		{"an empty file", ``, "it is empty", `"scenarios"`},
		{"no JSON", `{"scenarios": [}`, "read the scenario file", `"scenarios"`},
		{"two objects", `{"scenarios": [{"id": "a", "n": 1}]} {}`, "more after the end", `"scenarios"`},
		{"a list", `[]`, "read the scenario file", `"scenarios"`},
		{"no scenarios", `{"base": {}}`, `field "scenarios"`, `"id": "a"`},
		{"an unknown field at the top", `{"scenario": []}`, `unknown field "scenario"`, `did you mean "scenarios"?`},
		{"an unknown field of base", `{"base": {"zone": 3}, "scenarios": []}`, `unknown field "zone" of base`, `did you mean "zones"?`},
		{"an id in base", `{"base": {"id": "x"}, "scenarios": []}`, `unknown field "id" of base`, ""},
		{"an unknown field", with(`"surges": "3"`), `unknown field "surges" of scenario "a"`, `did you mean "surge"?`},
		{"no id", `{"scenarios": [{"n": 10}]}`, `no field "id"`, `"id": `},
		{"an id twice", `{"scenarios": [{"id": "a", "n": 1}, {"id": "a", "n": 2}]}`, `two scenarios have the id "a"`, ""},
		{"no nodes", `{"scenarios": [{"id": "a"}]}`, `field "n" of scenario "a" is 0`, "number of nodes"},
		{"a text for a number", `{"scenarios": [{"id": "a", "n": "10"}]}`, `field "n" of scenario "a" is "10"`, "whole number"},
		{"half a node", `{"scenarios": [{"id": "a", "n": 1.5}]}`, `field "n"`, "whole number"},
		{"null", with(`"pdb": null`), `field "pdb"`, "maxUnavailable"},
		{"no zone", with(`"zones": 0`), `field "zones"`, "zones"},
		{"a negative time", with(`"podStartS": -1`), `field "podStartS"`, "seconds"},
		{"a huge time", with(`"capS": 1e300`), `field "capS"`, "seconds"},
		{"a boot before its launch", with(`"bootBaseS": 10, "bootSpreadS": 20`), `field "bootSpreadS"`, "bootBaseS"},
		{"more pods than slots", with(`"podsPerNode": 13`), `field "slotsPerNode"`, "podsPerNode"},
		{"no pods", with(`"podsPerNode": 0`), `field "podsPerNode"`, "pods"},
		{"a budget of another kind", with(`"pdb": "minAvailable:1"`), `field "pdb" of scenario "a" is "minAvailable:1"`, "maxUnavailable"},
		{"no surge", with(`"surge": "0"`), `field "surge"`, "percentage"},
		{"no surge in percent", with(`"surge": "0%"`), `field "surge"`, "percentage"},
		{"a surge in words", with(`"surge": "many"`), `field "surge"`, "percentage"},
		{"volumes in words", with(`"volumes": "some"`), `field "volumes"`, "spread"},
		{"too many volumes", with(`"volumes": "110%-spread"`), `field "volumes"`, "spread"},
		{"a maximum without N", with(`"groupMax": "64"`), `field "groupMax"`, "N+64"},
		{"a quota in numbers", with(`"quota": "64"`), `field "quota"`, `"N"`},
		{"bad launches of no kind", with(`"badEvery": 5`), `field "badKind"`, "nojoin"},
		{"bad launches of another kind", with(`"badKind": "slow"`), `field "badKind"`, "nojoin"},
		{"more blocked apps than apps", with(`"blockedApps": 11`), `field "blockedApps"`, "10 apps"},
		{"seeds in words", with(`"seeds": ["one"]`), `field "seeds"`, "[1, 2, 3]"},
		{"no seeds", with(`"seeds": []`), `field "seeds"`, "[1, 2, 3]"},
		{"a flag in words", with(`"canary": "yes"`), `field "canary"`, "true or false"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(fairway.ErrorHint(err), tt.hint) || fairway.ErrorHint(err) == "" {
				t.Errorf("error %v with hint %q, want %q with hint %q", err, fairway.ErrorHint(err), tt.want, tt.hint)
			}
			if fairway.ErrorCode(err) != fairway.CodeInvalid {
				t.Errorf("code %s", fairway.ErrorCode(err))
			}
		})
	}
}

func TestParse_TakesWhatIsLeftOutFromBase(t *testing.T) {
	t.Parallel()
	all, err := Parse([]byte(`{"base": {"surge": "10%", "zones": 2, "seeds": [7]}, "scenarios": [{"id": "a", "n": 25}, {"id": "b", "n": 4, "surge": 2, "seeds": [1]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	a, b := all[0], all[1]
	if a.slots() != 3 || a.Zones != 2 || a.Seeds[0] != 7 || a.PodStartS != 30 || a.groupMax() != 89 {
		t.Errorf("a is %+v", a)
	}
	if b.slots() != 2 || b.Seeds[0] != 1 {
		t.Errorf("b is %+v", b)
	}
}

func TestFind_NamesTheNearest(t *testing.T) {
	t.Parallel()
	_, err := Find(standard(t), "s03-n10")
	if fairway.ErrorCode(err) != fairway.CodeNotFound || !strings.Contains(fairway.ErrorHint(err), `"s0`) {
		t.Errorf("error %v with hint %q", err, fairway.ErrorHint(err))
	}
}

// Every node gets its share of pods, and no two of one app where they can be
// apart, also when the numbers do not divide.
func TestPlacement(t *testing.T) {
	t.Parallel()
	for _, s := range []Scenario{
		{N: 10, PodsPerNode: 10, Replicas: 10}, {N: 300, PodsPerNode: 10, Replicas: 100}, {N: 7, PodsPerNode: 10, Replicas: 3},
		{N: 31, PodsPerNode: 10, Replicas: 7}, {N: 1, PodsPerNode: 3, Replicas: 5}, {N: 5, PodsPerNode: 4, Replicas: 9}, {N: 100, PodsPerNode: 1, Replicas: 30},
	} {
		load := make([]int, s.N)
		for a, nodes := range s.placement(3) {
			on := map[int]int{}
			for _, n := range nodes {
				load[n]++
				on[n]++
			}
			for n, pods := range on {
				if pods > 1 && len(nodes) <= s.N/2 {
					t.Errorf("%d nodes, %d replicas: app %d has %d pods on node %d", s.N, s.Replicas, a, pods, n)
				}
			}
		}
		for n, pods := range load {
			if pods != s.PodsPerNode {
				t.Errorf("%d nodes, %d replicas: node %d has %d pods", s.N, s.Replicas, n, pods)
			}
		}
	}
}
