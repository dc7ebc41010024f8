package cli

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// itemPrefix names a config item whose key is like a field's: config_items.KEY.
const itemPrefix = "config_items."

// assignment is one KEY=VALUE.
type assignment struct{ key, value string }

// assignments reads KEY=VALUE arguments, and KEY=PATH of files that hold values.
func (e *env) assignments(args, files []string) ([]assignment, error) {
	var all []assignment
	add := func(text, form string) (*assignment, error) {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, usagef("write it as "+form, "%q is not %s", text, form)
		}
		if slices.ContainsFunc(all, func(a assignment) bool { return a.key == key }) {
			return nil, usagef("give it once", "%s is given twice", key)
		}
		all = append(all, assignment{key, value})
		return &all[len(all)-1], nil
	}
	for _, text := range args {
		if _, err := add(text, "KEY=VALUE"); err != nil {
			return nil, err
		}
	}
	for _, text := range files {
		a, err := add(text, "KEY=PATH")
		if err != nil {
			return nil, err
		}
		value, err := os.ReadFile(a.value)
		if err != nil {
			return nil, fairway.Errorf(fairway.CodeInvalid, "read the value of %s: %w", a.key, err).WithHint("give the path of a file: --file %s=PATH", a.key)
		}
		a.value = string(value)
	}
	return all, nil
}

// settable is an object whose fields and config items can be set by name.
type settable struct {
	what     string // "cluster", for messages
	fields   map[string]func(value string) error
	readOnly map[string]string // with what to do instead
	items    map[string]string // as they are
}

// set sets a field, or a config item. A new key that is so near to the name of
// a field that this could have been meant is refused.
func (s *settable) set(a assignment) error {
	if set, ok := s.fields[a.key]; ok {
		return set(a.value)
	}
	key, err := s.itemKey(a.key, false)
	if err != nil {
		return err
	}
	s.items[key] = a.value
	return nil
}

// unset removes a config item.
func (s *settable) unset(name string) error {
	if _, ok := s.fields[name]; ok {
		return usagef("only config items can be unset; give it another value: "+name+"=VALUE", "%s is a field that every %s has", name, s.what)
	}
	key, err := s.itemKey(name, true)
	if err != nil {
		return err
	}
	delete(s.items, key)
	return nil
}

// itemKey returns the key of the config item that a name means; with must it is
// one that is set.
func (s *settable) itemKey(name string, must bool) (string, error) {
	if instead, ok := s.readOnly[name]; ok {
		return "", fairway.Errorf(fairway.CodeInvalid, "%s of a %s cannot be set", name, s.what).WithHint("%s", instead)
	}
	key, explicit := strings.CutPrefix(name, itemPrefix)
	if _, exists := s.items[key]; exists {
		return key, nil
	}
	if must {
		err := fairway.Errorf(fairway.CodeNotFound, "the %s has no config item %q", s.what, key)
		if near := nearest.To(key, maps.Keys(s.items)); near != "" {
			return "", err.WithHint("did you mean %q?", near)
		}
		return "", err
	}
	names := slices.Collect(maps.Keys(s.fields))
	names = slices.AppendSeq(names, maps.Keys(s.readOnly))
	if near := nearest.To(key, slices.Values(names)); near != "" && !explicit {
		return "", fairway.Errorf(fairway.CodeInvalid, "unknown field %q", key).
			WithHint("did you mean %q? A config item of that name is set with %s%s=VALUE", near, itemPrefix, key)
	}
	return key, nil
}

// settableCluster makes a cluster settable; the cluster is changed in place.
func settableCluster(c *fairway.Cluster) *settable {
	c.ConfigItems = ownItems(c.ConfigItems)
	return &settable{what: "cluster", items: c.ConfigItems, fields: map[string]func(string) error{
		"alias":                  text(&c.Alias),
		"infrastructure_account": text(&c.InfrastructureAccount),
		"local_id":               text(&c.LocalID),
		"api_server_url":         text(&c.APIServerURL),
		"channel":                text(&c.Channel),
		"environment":            text(&c.Environment),
		"provider":               text(&c.Provider),
		"region":                 text(&c.Region),
		"criticality_level":      whole("criticality_level", 32, func(n int64) { c.CriticalityLevel = int32(n) }),
		"lifecycle_status": func(v string) error {
			if v == string(fairway.StatusDecommissionRequested) {
				return fairway.Errorf(fairway.CodeInvalid, "the end of a cluster is not set like a field").
					WithHint("run `fairway cluster decommission %s`", c.Alias)
			}
			c.LifecycleStatus = fairway.LifecycleStatus(v)
			return nil
		},
	}, readOnly: map[string]string{
		"id":           "the id of a cluster never changes",
		"status":       "the manager writes it",
		"created_at":   "the registry writes it",
		"owner":        "it is that of the account: `fairway account set ACCOUNT owner=VALUE`",
		"account_name": "it is that of the account: `fairway account set ACCOUNT name=VALUE`",
		"node_pools":   "use `fairway node-pool`, or `fairway cluster edit`",
		"config_items": "name the item: KEY=VALUE",
	}}
}

// settablePool makes a node pool settable; the pool is changed in place.
func settablePool(p *fairway.NodePool) *settable {
	p.ConfigItems = ownItems(p.ConfigItems)
	return &settable{what: "node pool", items: p.ConfigItems, fields: map[string]func(string) error{
		"profile":           text(&p.Profile),
		"discount_strategy": text(&p.DiscountStrategy),
		"min_size":          whole("min_size", 64, func(n int64) { p.MinSize = n }),
		"max_size":          whole("max_size", 64, func(n int64) { p.MaxSize = n }),
		"instance_types":    func(v string) error { p.InstanceTypes = commaList(v); return nil },
	}, readOnly: map[string]string{
		"name":          "the name of a node pool never changes; create another one",
		"instance_type": "name all of them: instance_types=A,B",
		"config_items":  "name the item: KEY=VALUE",
	}}
}

// ownItems returns a map that can be written to.
func ownItems(items map[string]string) map[string]string {
	if items == nil {
		return map[string]string{}
	}
	return maps.Clone(items)
}

func text(to *string) func(string) error {
	return func(v string) error { *to = v; return nil }
}

func whole(name string, bits int, set func(int64)) func(string) error {
	return func(v string) error {
		n, err := strconv.ParseInt(v, 10, bits)
		if err != nil {
			return fairway.Errorf(fairway.CodeInvalid, "%s %q is not a whole number", name, v).WithHint("for example %s=3", name)
		}
		set(n)
		return nil
	}
}

// commaList splits "a, b"; "" is an empty list.
func commaList(v string) []string {
	out := []string{}
	for _, one := range strings.Split(v, ",") {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, one)
		}
	}
	return out
}

// refuse turns findings into one error that names them all; none are nil.
func refuse(what string, findings []fairway.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	texts := make([]string, len(findings))
	hint := ""
	for i, f := range findings {
		texts[i] = f.Message
		if hint == "" {
			hint = f.Hint
		}
	}
	err := fairway.Errorf(fairway.CodeInvalid, "%s: %s", what, strings.Join(texts, "; "))
	if hint != "" {
		return err.WithHint("%s", hint)
	}
	return err
}

// plural writes "1 cluster" and "3 clusters".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
