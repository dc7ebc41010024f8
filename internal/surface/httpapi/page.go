package httpapi

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// Paged are the query parameters of a list that can be had in parts.
type Paged struct {
	Limit  int      `query:"limit" minimum:"1" maximum:"10000" doc:"the most items of one answer; without it there is no end"`
	After  string   `query:"after" maxLength:"4000" doc:"the next of an earlier answer to the same question: goes on behind it, whatever was added or removed meanwhile"`
	Fields []string `query:"fields" doc:"only these fields of each item, separated by commas"`
	Sort   []string `query:"sort" doc:"names of fields, separated by commas; a minus in front reverses one"`
	Search string   `query:"search" maxLength:"200" doc:"only items that mention each of these words; the letters A to Z match in either case"`
}

// sorting is how the items of a type can be sorted: the text that stands for a
// field and sorts as it does.
type sorting[T any] map[string]func(one *T) string

// order is one way to sort the items of a type.
type order[T any] struct {
	name string // as it was asked for
	keys []func(one *T) string
	down []bool
}

// order reads the query parameter sort.
func (s sorting[T]) order(fields []string, standard string) (order[T], *fairway.Finding) {
	if len(fields) == 0 {
		fields = []string{standard}
	}
	o := order[T]{name: strings.Join(fields, ",")}
	for _, f := range fields {
		name, down := strings.CutPrefix(strings.TrimSpace(f), "-")
		key, known := s[name]
		if !known {
			return o, unknownName("sort", name, slices.Sorted(maps.Keys(s)))
		}
		o.keys, o.down = append(o.keys, key), append(o.down, down)
	}
	return o, nil
}

// place is where an item stands in an order. It is what a cursor holds.
type place struct {
	Order string   `json:"o"`
	Keys  []string `json:"k"`
	ID    string   `json:"i"`
}

// place returns where an item stands; the id tells equal ones apart.
func (o order[T]) place(one *T, id string) place {
	p := place{Order: o.name, ID: id, Keys: make([]string, len(o.keys))}
	for i, key := range o.keys {
		p.Keys[i] = key(one)
	}
	return p
}

func (o order[T]) compare(a, b place) int {
	for i := range o.keys {
		if c := strings.Compare(a.Keys[i], b.Keys[i]); c != 0 {
			if o.down[i] {
				return -c
			}
			return c
		}
	}
	return strings.Compare(a.ID, b.ID)
}

// page sorts places and keeps those that were asked for. next is the cursor to
// go on with, "" at the end.
func (o order[T]) page(all []place, in Paged) (kept []place, next string, err error) {
	slices.SortFunc(all, o.compare)
	if in.After != "" {
		from, ok := readCursor(in.After)
		if !ok || from.Order != o.name || len(from.Keys) != len(o.keys) {
			return nil, "", refuse([]fairway.Finding{{Pointer: "/after", Message: "after is not the next of an answer with the same sort",
				Hint: "leave it out to begin anew"}})
		}
		i, found := slices.BinarySearchFunc(all, from, o.compare)
		if found {
			i++
		}
		all = all[i:]
	}
	if in.Limit > 0 && len(all) > in.Limit {
		all = all[:in.Limit]
		next = all[len(all)-1].cursor()
	}
	return all, next, nil
}

func (p place) cursor() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // texts only
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func readCursor(text string) (p place, ok bool) {
	plain, err := base64.RawURLEncoding.DecodeString(text)
	return p, err == nil && json.Unmarshal(plain, &p) == nil
}

// pageOf returns the page of a list that is at hand as a whole.
func pageOf[T any](all []T, id func(one *T) string, s sorting[T], standard string, in Paged) (kept []any, next string, err error) {
	o, err := asked(s, standard, in)
	if err != nil {
		return nil, "", err
	}
	of := make(map[string]*T, len(all))
	places := make([]place, len(all))
	for i := range all {
		name := id(&all[i])
		of[name], places[i] = &all[i], o.place(&all[i], name)
	}
	places, next, err = o.page(places, in)
	if err != nil {
		return nil, "", err
	}
	kept = make([]any, len(places))
	for i, p := range places {
		kept[i] = pick(of[p.ID], in.Fields)
	}
	return kept, next, nil
}

// asked reads sort and fields and refuses what is wrong with them, all at once.
func asked[T any](s sorting[T], standard string, in Paged) (order[T], error) {
	var findings []fairway.Finding
	o, wrong := s.order(in.Sort, standard)
	if wrong != nil {
		findings = append(findings, *wrong)
	}
	known := names(reflect.TypeFor[T]())
	for _, f := range in.Fields {
		if !slices.Contains(known, f) {
			findings = append(findings, *unknownName("fields", f, known))
		}
	}
	return o, refuse(findings)
}

func unknownName(parameter, name string, known []string) *fairway.Finding {
	hint := "known are " + strings.Join(known, ", ")
	if near := nearest.To(name, slices.Values(known)); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return &fairway.Finding{Pointer: "/" + parameter, Message: fmt.Sprintf("%s: unknown field %q", parameter, name), Hint: hint}
}

// names returns the names that the fields of a struct have in JSON.
func names(t reflect.Type) (out []string) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			out = append(out, names(f.Type)...)
		case name != "-" && f.IsExported():
			out = append(out, cmp.Or(name, f.Name))
		}
	}
	return out
}

// pick returns some fields of an item, all when none are named.
func pick(one any, fields []string) any {
	if len(fields) == 0 {
		return one
	}
	text, err := json.Marshal(one)
	if err != nil {
		panic(err) // the nouns of the domain always marshal
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		panic(err)
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return !slices.Contains(fields, name) })
	return all
}
