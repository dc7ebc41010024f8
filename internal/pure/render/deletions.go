package render

import (
	"fmt"

	"gopkg.in/yaml.v2"

	"github.com/fairwayhq/fairway"
)

// deletionsYAML is deletions.yaml (contract 4.10); unknown keys are ignored.
type deletionsYAML struct {
	PreApply  []deletionYAML `yaml:"pre_apply"`
	PostApply []deletionYAML `yaml:"post_apply"`
}

type deletionYAML struct {
	Kind               string            `yaml:"kind"`
	Namespace          string            `yaml:"namespace"`
	Name               string            `yaml:"name"`
	Selector           string            `yaml:"selector"`
	Labels             map[string]string `yaml:"labels"`
	HasOwner           *bool             `yaml:"has_owner"`
	GracePeriodSeconds *int64            `yaml:"grace_period_seconds"`
	PropagationPolicy  string            `yaml:"propagation_policy"`
	Pruned             bool              `yaml:"-"`
	Only               []string          `yaml:"-"`
}

// deletions renders the deletions of all sources, concatenated in order.
func (r *renderer) deletions(values map[string]any) (before, after []fairway.Deletion) {
	texts := map[string]string{}
	for _, src := range r.in.Sources {
		text, found, err := r.optional(src, deletionsFile, values)
		if err != nil || !found {
			r.errs.add(err)
			continue
		}
		texts[src.Name] = text
		pre, post, err := ParseDeletions(src.file(deletionsFile), text)
		r.errs.add(err)
		before, after = append(before, pre...), append(after, post...)
	}
	r.perSource("deletions", texts)
	return before, after
}

// ParseDeletions reads the rendered text of a deletions.yaml; file names it in
// errors, all of which are returned at once.
func ParseDeletions(file, text string) (before, after []fairway.Deletion, err error) {
	var raw deletionsYAML
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		return nil, nil, yamlError(file, err).WithHint("pre_apply and post_apply are lists of deletions")
	}
	var errs Errors
	read := func(list string, entries []deletionYAML) []fairway.Deletion {
		var all []fairway.Deletion
		for i, e := range entries {
			d := fairway.Deletion(e)
			if problem, hint := checkDeletion(d); problem != "" {
				errs.add(fairway.Errorf(fairway.CodeInvalid, "%s: %s entry %d (%s): %s", file, list, i+1, d, problem).WithHint("%s", hint))
				continue
			}
			all = append(all, d)
		}
		return all
	}
	before, after = read("pre_apply", raw.PreApply), read("post_apply", raw.PostApply)
	if len(errs) > 0 {
		return nil, nil, errs
	}
	return before, after, nil
}

// checkDeletion returns what is wrong with a deletion, and what to do.
func checkDeletion(d fairway.Deletion) (problem, hint string) {
	given := 0
	for _, set := range []bool{d.Name != "", d.Selector != "", len(d.Labels) > 0} {
		if set {
			given++
		}
	}
	switch {
	case d.Kind == "":
		return "kind is missing", "give the kind, the resource name, or name.version.group"
	case given == 0:
		return "none of name, selector and labels is given", "give exactly one of them: a deletion of everything of a kind is never meant"
	case given > 1:
		return "more than one of name, selector and labels is given", "give exactly one of them"
	case d.HasOwner != nil && d.Name != "":
		return "has_owner needs selector or labels", "remove has_owner: the name says exactly which object is meant"
	}
	switch d.PropagationPolicy {
	case "", "Orphan", "Background", "Foreground":
		return "", ""
	}
	return fmt.Sprintf("propagation_policy %q does not exist", d.PropagationPolicy), "it is one of Orphan, Background and Foreground"
}
