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
	text := n.Annotations[fairway.AnnotationMarks]
	if text == "" {
		return nil
	}
	if marks, ok := plain(text); ok {
		return marks
	}
	marks := map[string]string{}
	if json.Unmarshal([]byte(text), &marks) != nil {
		return nil
	}
	return marks
}

// mine reports whether Fairway set a mark on the node. It is asked of every node
// in every decision, so what Fairway itself writes is not taken apart for it.
func mine(n *fairway.Node, mark string) bool {
	text := n.Annotations[fairway.AnnotationMarks]
	if text == "" || !strings.Contains(text, mark) {
		return false
	}
	if strings.ContainsAny(text, `\ `) {
		return owned(*n)[mark] != ""
	}
	for rest := text; ; {
		before, after, found := strings.Cut(rest, mark)
		if !found {
			return false
		}
		if strings.HasSuffix(before, `"`) && strings.HasPrefix(after, `":"`) && !strings.HasPrefix(after, `":""`) {
			return true
		}
		rest = after
	}
}

// onlyMark reports whether Fairway has set no other mark on the node.
func onlyMark(n *fairway.Node, mark string) bool {
	text, ok := strings.CutPrefix(n.Annotations[fairway.AnnotationMarks], `{"`)
	text, is := strings.CutPrefix(text, mark)
	return ok && is && strings.HasPrefix(text, `":"`) && strings.Count(text, `"`) == 3 && !strings.Contains(text, `\`)
}

// plain reads the JSON that Fairway itself writes, {"mark":"update",...}, which
// is read for every node in every decision; anything else it leaves to others.
func plain(text string) (map[string]string, bool) {
	inner, ok := strings.CutPrefix(text, `{"`)
	inner, end := strings.CutSuffix(inner, `"}`)
	if !ok || !end || strings.ContainsAny(inner, `\ `) {
		return nil, false
	}
	marks := make(map[string]string, 8)
	for pair := range strings.SplitSeq(inner, `","`) {
		mark, id, ok := strings.Cut(pair, `":"`)
		if !ok || strings.Contains(mark, `"`) || strings.Contains(id, `"`) {
			return nil, false
		}
		marks[mark] = id
	}
	return marks, true
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
		case fairway.MarkScaleDown:
			m.ScaleDownDisabled = new(false)
		case fairway.MarkLastForced:
			m.LastForced = new(time.Time{})
		case fairway.MarkReplacement:
			m.Replacement = new("")
		case fairway.MarkRotate:
			m.Rotate = new("")
		}
	}
	return m
}
