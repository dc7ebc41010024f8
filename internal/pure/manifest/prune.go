package manifest

import (
	"github.com/fairwayhq/fairway"
)

// Prune returns what is to be deleted because it left the configuration: the
// objects that are remembered, that the bundle does not have any more, and whose
// component says `prune: true`. An empty bundle prunes nothing: absence of
// everything is a mistake, not a wish.
func Prune(b *fairway.Bundle, inventory []fairway.InventoryItem) []fairway.InventoryItem {
	have := map[fairway.ObjectRef]bool{}
	for _, c := range b.Components {
		for _, o := range c.Objects {
			have[identity(o.Ref())] = true
		}
	}
	var out []fairway.InventoryItem
	for _, item := range inventory {
		if len(have) > 0 && !have[identity(item.Ref)] && b.Policy(item.Component).Prune {
			out = append(out, item)
		}
	}
	return out
}

// Pruning returns the deletions of what Prune names.
func Pruning(b *fairway.Bundle, inventory []fairway.InventoryItem) []fairway.Deletion {
	var out []fairway.Deletion
	for _, item := range Prune(b, inventory) {
		kind := item.Ref.Kind
		if item.Ref.Group() != "" {
			// Kinds of the same name in other groups are not meant.
			kind += "." + item.Ref.Version() + "." + item.Ref.Group()
		}
		out = append(out, fairway.Deletion{Kind: kind, Namespace: item.Ref.Namespace, Name: item.Ref.Name, Pruned: true})
	}
	return out
}
