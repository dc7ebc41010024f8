package roll

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// Orphans returns the mark actions that take away the marks whose updates are
// no longer active. Marks without a recorded owner are not Fairway's and stay.
func Orphans(nodes []fairway.Node, active func(updateID string) bool) []Action {
	var actions []Action
	for _, n := range nodes {
		var marks []string
		owners := map[string]bool{}
		for _, mark := range slices.Sorted(maps.Keys(owned(n))) {
			if id := owned(n)[mark]; !active(id) {
				marks = append(marks, mark)
				owners[id] = true
			}
		}
		if len(marks) == 0 {
			continue
		}
		actions = append(actions, Action{
			Kind: ActionMark, Node: n.Name, Marks: without(marks),
			Why: fmt.Sprintf("removes the marks %s of update %s, which is over", strings.Join(marks, ", "), strings.Join(slices.Sorted(maps.Keys(owners)), ", ")),
		})
	}
	return actions
}

// owned returns the marks on the node that Fairway set, with the updates that
// own them.
func owned(n fairway.Node) map[string]string {
	marks := map[string]string{}
	if text := n.Annotations[fairway.AnnotationMarks]; text != "" {
		if json.Unmarshal([]byte(text), &marks) != nil {
			return nil
		}
	}
	return marks
}

// without returns the change that removes the named marks.
func without(marks []string) fairway.NodeMarks {
	var m fairway.NodeMarks
	for _, mark := range marks {
		switch mark {
		case fairway.MarkTaint:
			m.TaintEffect = new("")
		case fairway.MarkStatus:
			m.Status = new(fairway.LifecycleReady)
		case fairway.MarkCordon:
			m.Cordoned = new(false)
		case fairway.MarkDrainStart:
			m.DrainStart = new(time.Time{})
		case fairway.MarkExcludeLB:
			m.ExcludeLB = new(false)
		case fairway.MarkQuarantine:
			m.Quarantine = new("")
		case fairway.MarkRotate:
			m.Rotate = new("")
		}
	}
	return m
}
