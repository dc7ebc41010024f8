package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// Stack is a stack of the cloud before and after an update, as templates.
type Stack struct {
	Name string
	// Before and After are its templates; "" when it is not there.
	Before, After string
	// Deleted says that the update deletes it; one without a template after is
	// left alone otherwise.
	Deleted bool
}

// StackAction is what an update does with a stack.
type StackAction string

// The actions on a stack.
const (
	StackCreate StackAction = "create"
	StackUpdate StackAction = "update"
	StackDelete StackAction = "delete"
	// StackLeave: it left the configuration and stays.
	StackLeave StackAction = "leave"
)

// Replacement says what becomes of a changed resource.
type Replacement string

// What becomes of a changed resource.
const (
	// InPlace: it stays the same resource.
	InPlace Replacement = "no"
	// Replaced: another is made, and the old one deleted.
	Replaced Replacement = "yes"
	// Unsure: the type is not known here, or what it refers to decides.
	Unsure Replacement = "perhaps"
)

// StackImpact is what an update does with one stack.
type StackImpact struct {
	Name      string           `json:"name"`
	Action    StackAction      `json:"action"`
	Resources []ResourceImpact `json:"resources"`
}

// ResourceImpact is one resource of a stack that is made, changed or removed.
type ResourceImpact struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Action string `json:"action"` // "add", "change" or "remove"
	// Replaced says whether a changed resource becomes another one, Kept that the
	// old one stays, because of its policy.
	Replaced Replacement `json:"replaced,omitempty"`
	Kept     bool        `json:"kept,omitempty"`
	// Fields are the changed properties, masked.
	Fields []Field `json:"fields,omitempty"`
}

// stacks compares the templates of all stacks, those that do not change left out.
func stacks(all []Stack, hide mask) ([]StackImpact, []Finding) {
	var out []StackImpact
	var found []Finding
	for _, s := range all {
		if s.Before == s.After && !s.Deleted {
			continue
		}
		impact, err := s.impact()
		if err != nil {
			found = append(found, Finding{
				Check: CheckStack, Severity: Warn, Object: "stack " + s.Name, Reason: "its template cannot be compared: " + err.Error(), Remedy: "correct the template",
			})
			continue
		}
		for i := range impact.Resources {
			for j := range impact.Resources[i].Fields {
				hide.property(&impact.Resources[i].Fields[j])
			}
			if f := s.danger(impact.Resources[i]); f != nil {
				found = append(found, *f)
			}
		}
		if impact.Action != StackUpdate || len(impact.Resources) > 0 {
			out = append(out, impact)
		}
	}
	slices.SortFunc(out, func(a, b StackImpact) int { return cmp.Compare(a.Name, b.Name) })
	return out, found
}

func (s Stack) impact() (StackImpact, error) {
	before, err := parseTemplate(s.Before)
	if err != nil {
		return StackImpact{}, err
	}
	after, err := parseTemplate(s.After)
	if err != nil {
		return StackImpact{}, err
	}
	impact := StackImpact{Name: s.Name, Action: StackUpdate, Resources: []ResourceImpact{}}
	switch {
	case s.Deleted:
		impact.Action, after = StackDelete, template{}
	case s.After == "":
		impact.Action = StackLeave
		return impact, nil
	case s.Before == "":
		impact.Action = StackCreate
	}
	impact.Resources = append(impact.Resources, before.changes(after)...)
	return impact, nil
}

// danger finds what loses data, or makes something anew that others rely on.
func (s Stack) danger(r ResourceImpact) *Finding {
	if r.Action == "add" || r.Kept || r.Action == "change" && r.Replaced == InPlace {
		return nil
	}
	what := "is removed"
	if r.Action == "change" {
		what = pick(r.Replaced == Replaced, "is replaced by a new one", "is perhaps replaced by a new one")
		var why []string
		for _, f := range r.Fields {
			if replaces(r.Type, property(f.Path)) != InPlace {
				why = append(why, f.Path)
			}
		}
		if len(why) > 0 {
			what += fmt.Sprintf(", because %s changes", few(why, 2))
		}
	}
	f := &Finding{Check: CheckStack, Object: "stack " + s.Name, Reason: fmt.Sprintf("%s (%s) %s", r.ID, r.Type, what)}
	switch {
	case holdsData[r.Type] && r.Replaced != Unsure:
		f.Severity, f.Reason = Block, f.Reason+", and what it holds is lost"
		f.Remedy = "give it DeletionPolicy and UpdateReplacePolicy Retain, or leave the property as it is"
	case disturbs[r.Type] && (s.After != "" && !s.Deleted):
		f.Severity, f.Remedy = Warn, "look whether what relies on it can take that"
	default:
		return nil
	}
	return f
}

// template is what is compared of a template of CloudFormation.
type template struct {
	resources map[string]map[string]any
	// values are what parameters have by default, and mappings hold: a change of
	// them changes the resources that refer to them.
	values map[string]any
}

// changes says what becomes of the resources of a template when it becomes
// another one.
func (t template) changes(after template) []ResourceImpact {
	by := map[string]*ResourceImpact{}
	for id, was := range t.resources {
		is, stays := after.resources[id]
		one := &ResourceImpact{ID: id, Type: textAt(was, "Type")}
		switch {
		case !stays:
			one.Action, one.Kept = "remove", textAt(was, "DeletionPolicy") == "Retain"
		default:
			one.Action, one.Replaced, one.Kept = "change", InPlace, textAt(was, "UpdateReplacePolicy") == "Retain"
			c := comparison{exact: true}
			old, now := t.resolved(mapAt(was, "Properties")), after.resolved(mapAt(is, "Properties"))
			for _, name := range slices.Sorted(maps.Keys(now)) {
				has, v := lookup(old, name)
				c.value(name, now[name], v, has, owners{})
			}
			c.missing("", old, now)
			one.Fields = c.changes
			if textAt(is, "Type") != one.Type {
				one.Replaced = Replaced
				one.Fields = append(one.Fields, Field{Path: "Type", Op: FieldSet, From: one.Type, To: textAt(is, "Type")})
			}
			for _, f := range one.Fields {
				one.Replaced = graver(one.Replaced, replaces(one.Type, property(f.Path)))
			}
			if len(one.Fields) == 0 {
				continue
			}
		}
		by[id] = one
	}
	for id, is := range after.resources {
		if _, was := t.resources[id]; !was {
			by[id] = &ResourceImpact{ID: id, Type: textAt(is, "Type"), Action: "add"}
		}
	}
	after.ripple(by)
	var all []ResourceImpact
	for _, id := range slices.Sorted(maps.Keys(by)) {
		all = append(all, *by[id])
	}
	return all
}

// property is the name at the head of a path.
func property(path string) string {
	if i := strings.IndexAny(path, ".["); i > 0 {
		return path[:i]
	}
	return path
}

func graver(a, b Replacement) Replacement {
	order := []Replacement{InPlace, Unsure, Replaced}
	return order[max(slices.Index(order, a), slices.Index(order, b), 0)]
}

// property masks a changed property. User data is packed or encoded, so that no
// secret in it can be found: only that it changes is told.
func (m mask) property(f *Field) {
	for _, v := range []*any{&f.From, &f.To} {
		*v = withoutUserData(*v)
	}
	if strings.HasSuffix(f.Path, "UserData") {
		f.From, f.To = hidden(f.From), hidden(f.To)
		return
	}
	key := strings.ToLower(lastStep(f.Path))
	f.From, f.To = m.value(key, f.From), m.value(key, f.To)
}

func withoutUserData(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			if out[k] = withoutUserData(v[k]); k == "UserData" {
				out[k] = fairway.Masked
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = withoutUserData(v[i])
		}
		return out
	}
	return v
}
