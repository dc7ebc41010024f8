package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	yaml3 "go.yaml.in/yaml/v3"

	"github.com/fairwayhq/fairway"
)

// AcceptancesFile is where a configuration repository accepts preflight
// findings. It is no template: who reviews it reads what holds.
const AcceptancesFile = "plan-accept.yaml"

// acceptances reads the file of all sources.
func (r *renderer) acceptances() []fairway.Acceptance {
	var all []fairway.Acceptance
	for _, src := range r.in.Sources {
		text, found, err := readOptional(src, AcceptancesFile)
		if err != nil {
			r.errs.add(err)
		}
		if found {
			all = append(all, ParseAcceptances(src.file(AcceptancesFile), []byte(text))...)
		}
	}
	return all
}

// ParseAcceptances reads plan-accept.yaml; file names it in what is returned. An
// entry that cannot be read is returned as malformed and keeps no other from
// being read: an acceptance can only make a plan better.
func ParseAcceptances(file string, b []byte) []fairway.Acceptance {
	broken := func(line int, format string, args ...any) []fairway.Acceptance {
		return []fairway.Acceptance{{Where: fmt.Sprintf("%s:%d", file, max(1, line)), Malformed: fmt.Sprintf(format, args...)}}
	}
	var doc yaml3.Node
	err := yaml3.NewDecoder(bytes.NewReader(b)).Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && doc.Content[0].Tag == "!!null" {
		return nil
	}
	if err != nil {
		return broken(1, "the file is no YAML: %v", err)
	}
	root := doc.Content[0]
	if root.Kind != yaml3.MappingNode || len(root.Content) != 2 || root.Content[0].Value != "accept" || root.Content[1].Kind != yaml3.SequenceNode {
		return broken(root.Line, "the file is a mapping with one key, accept, and that a list")
	}
	var all []fairway.Acceptance
	for _, entry := range root.Content[1].Content {
		all = append(all, acceptance(fmt.Sprintf("%s:%d", file, entry.Line), entry))
	}
	return all
}

// acceptance reads one entry.
func acceptance(where string, n *yaml3.Node) fairway.Acceptance {
	a := fairway.Acceptance{Where: where}
	var problems []string
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	texts := map[string]*string{"check": &a.Check, "object": &a.Object, "contains": &a.Contains, "reason": &a.Reason, "until": &a.Until}
	if n.Kind != yaml3.MappingNode {
		a.Malformed = "an entry is a mapping"
		return a
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		into := texts[key]
		switch {
		case seen[key]:
			problem("%s is there twice", key)
		case key == "clusters":
			if value.Kind != yaml3.SequenceNode || len(value.Content) == 0 || value.Decode(&a.Clusters) != nil {
				problem("clusters is a list of ids or aliases")
			}
		case into == nil:
			known := append(slices.Sorted(maps.Keys(texts)), "clusters")
			problem("unknown key %q, %s", key, suggest(key, slices.Values(known), "the keys are "+strings.Join(known, ", ")))
		case value.Kind != yaml3.ScalarNode:
			problem("%s is a text", key)
		default:
			*into = strings.TrimSpace(value.Value)
		}
		seen[key] = true
	}
	for _, needed := range []string{"check", "object", "reason", "until"} {
		if *texts[needed] == "" && !slices.ContainsFunc(problems, func(p string) bool { return strings.HasPrefix(p, needed+" ") }) {
			problem("%s is missing", needed)
		}
	}
	if a.Object == "*" {
		problem("object names everything")
	}
	if a.Until != "" {
		if day, err := time.Parse(time.DateOnly, a.Until); err == nil {
			a.Ends = day.AddDate(0, 0, 1)
		} else if a.Ends, err = time.Parse(time.RFC3339, a.Until); err != nil {
			problem("until: %q is no date, write it like 2027-01-31", a.Until)
		}
	}
	a.Malformed = strings.Join(problems, "; ")
	return a
}
