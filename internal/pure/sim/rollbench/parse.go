package rollbench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// Parse reads a scenario file: {"base": {...}, "scenarios": [{...}]}. What a
// scenario leaves out it has from base, and what base leaves out has the value
// of the world's definition. Errors carry CodeInvalid and a hint, and name the
// scenario and the field.
func Parse(file []byte) ([]Scenario, error) {
	top, err := object(file)
	if err != nil {
		return nil, invalid(`a scenario file is {"base": {...}, "scenarios": [{"id": "a", "n": 30}]}`, "read the scenario file: %v", err)
	}
	for _, key := range slices.Sorted(maps.Keys(top)) {
		if key != "base" && key != "scenarios" {
			return nil, invalid(suggest(key, []string{"base", "scenarios"}, "there are base and scenarios"), "unknown field %q at the top of the scenario file", key)
		}
	}
	from := base()
	if raw, ok := top["base"]; ok {
		if err := from.read("base", raw); err != nil {
			return nil, err
		}
	}
	var list []json.RawMessage
	if err := json.Unmarshal(top["scenarios"], &list); err != nil || len(list) == 0 {
		return nil, invalid(`for example "scenarios": [{"id": "a", "n": 30}]`, `field "scenarios" of the scenario file is no list of scenarios with at least one`)
	}
	var all []Scenario
	for i, raw := range list {
		s := from
		s.Seeds = slices.Clone(from.Seeds)
		where := fmt.Sprintf("scenario %d", i+1)
		if fields, err := object(raw); err == nil && json.Unmarshal(fields["id"], &s.ID) == nil && s.ID != "" {
			where = fmt.Sprintf("scenario %q", s.ID)
		}
		if err := s.read(where, raw); err != nil {
			return nil, err
		}
		if s.ID == "" {
			return nil, invalid(`for example "id": "s03-n100"`, `%s has no field "id"`, where)
		}
		if slices.ContainsFunc(all, func(o Scenario) bool { return o.ID == s.ID }) {
			return nil, invalid("give each scenario an id of its own", "two scenarios have the id %q", s.ID)
		}
		if err := s.validate(where); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Find returns the scenario of that id. The error names the nearest.
func Find(all []Scenario, id string) (Scenario, error) {
	var ids []string
	for _, s := range all {
		if s.ID == id {
			return s, nil
		}
		ids = append(ids, s.ID)
	}
	return Scenario{}, fairway.Errorf(fairway.CodeNotFound, "there is no scenario %q", id).
		WithHint("%s", suggest(id, ids, "there are "+strings.Join(ids, ", ")))
}

// object reads a JSON object and nothing after it.
func object(text []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&fields); err != nil {
		if err == io.EOF {
			return nil, fmt.Errorf("it is empty")
		}
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is more after the end of the object")
	}
	if fields == nil {
		return nil, fmt.Errorf("it is null")
	}
	return fields, nil
}

// read sets what the fields of a JSON object say.
func (s *Scenario) read(where string, raw []byte) error {
	given, err := object(raw)
	if err != nil {
		return invalid("fields are written as \"name\": value", "%s is no JSON object: %v", where, err)
	}
	known := s.fields()
	for _, key := range slices.Sorted(maps.Keys(given)) {
		set, ok := known[key]
		if !ok || where == "base" && key == "id" {
			names := slices.Sorted(maps.Keys(known))
			return invalid(suggest(key, names, "the fields are "+strings.Join(names, ", ")), "unknown field %q of %s", key, where)
		}
		if want := set(given[key]); want != "" {
			return invalid("write it as "+want, "field %q of %s is %s, not %s", key, where, compact(given[key]), want)
		}
	}
	return nil
}

// fields returns how each field is read: a function that returns "" or what it
// wants instead.
func (s *Scenario) fields() map[string]func(json.RawMessage) string {
	number := func(to *int) func(json.RawMessage) string {
		return func(raw json.RawMessage) string { return as(raw, to, "a whole number such as 3") }
	}
	time := func(to *float64) func(json.RawMessage) string {
		return func(raw json.RawMessage) string { return as(raw, to, "a number of seconds such as 30") }
	}
	text := func(to *string, want string) func(json.RawMessage) string {
		return func(raw json.RawMessage) string { return as(raw, to, want) }
	}
	flag := func(to *bool) func(json.RawMessage) string {
		return func(raw json.RawMessage) string { return as(raw, to, "true or false") }
	}
	return map[string]func(json.RawMessage) string{
		"id": text(&s.ID, "a text"), "why": text(&s.Why, "a text"), "n": number(&s.N), "zones": number(&s.Zones),
		"bootBaseS": time(&s.BootBaseS), "bootSpreadS": time(&s.BootSpreadS), "podTermS": time(&s.PodTermS), "podStartS": time(&s.PodStartS),
		"gracePeriodS": time(&s.GracePeriodS), "volDetachS": time(&s.VolDetachS), "volAttachS": time(&s.VolAttachS),
		"instanceShutdownS": time(&s.InstanceShutdownS), "launchHookTimeoutS": time(&s.LaunchHookTimeoutS),
		"podsPerNode": number(&s.PodsPerNode), "slotsPerNode": number(&s.SlotsPerNode), "replicas": number(&s.Replicas),
		"pdb": text(&s.PDB, wantPDB), "volumes": text(&s.Volumes, wantVolumes), "groupMax": text(&s.GroupMax, wantGroupMax), "quota": text(&s.Quota, wantQuota),
		"surge": func(raw json.RawMessage) string {
			var n int
			if as(raw, &n, "-") == "" {
				s.Surge = fmt.Sprint(n)
				return ""
			}
			return as(raw, &s.Surge, wantSurge)
		},
		"badEvery": number(&s.BadEvery), "badKind": text(&s.BadKind, wantBadKind),
		"growthNodes": number(&s.GrowthNodes), "growthEveryS": time(&s.GrowthEveryS), "blockedApps": number(&s.BlockedApps),
		"minReadyS": time(&s.MinReadyS), "canary": flag(&s.Canary), "forcing": flag(&s.Forcing), "capS": time(&s.CapS),
		"seeds": func(raw json.RawMessage) string {
			return as(raw, &s.Seeds, "a list of whole numbers such as [1, 2, 3]")
		},
	}
}

// as decodes a value, or says what it wants. Null is no value.
func as[T any](raw json.RawMessage, to *T, want string) string {
	var v T
	if string(raw) == "null" || json.Unmarshal(raw, &v) != nil {
		return want
	}
	*to = v
	return ""
}

func compact(raw json.RawMessage) string {
	text := string(raw)
	if len(text) > 60 {
		text = text[:60] + "..."
	}
	return text
}

func suggest(word string, known []string, otherwise string) string {
	if near := nearest.To(word, slices.Values(known)); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return otherwise
}

func invalid(hint, format string, args ...any) error {
	return fairway.Errorf(fairway.CodeInvalid, format, args...).WithHint("%s", hint)
}
