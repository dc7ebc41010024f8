package roll

import "github.com/fairwayhq/fairway"

// owner is the controller of a pod; the zero value is none.
type owner struct{ namespace, kind, name string }

func ownerOf(p *fairway.Pod) owner {
	if p.OwnerKind == "" {
		return owner{}
	}
	return owner{p.Namespace, p.OwnerKind, p.OwnerName}
}

// noOwner is the number of a pod without a controller.
const noOwner = -1

// owners numbers the controllers of the pods of a snapshot, so that what is
// counted of each can stand in a list.
type owners struct {
	of     []int32          // by the index of the pod in the snapshot
	all    []owner          // by number
	next   []int32          // another owner with the same name, by number; noOwner is none
	byName map[string]int32 // the first owner of a name
}

func (o *owners) forget() {
	clear(o.all)
	clear(o.byName)
	o.of, o.all, o.next = o.of[:0], o.all[:0], o.next[:0]
}

// number finds out the owners of all pods.
func (o *owners) number(pods []fairway.Pod) {
	for i := range pods {
		p := &pods[i]
		// Pods of one controller often follow each other.
		if n := len(o.of); n > 0 && o.of[n-1] >= 0 && o.all[o.of[n-1]] == ownerOf(p) {
			o.of = append(o.of, o.of[n-1])
			continue
		}
		o.of = append(o.of, o.add(ownerOf(p)))
	}
}

func (o *owners) add(who owner) int32 {
	if who == (owner{}) {
		return noOwner
	}
	first, known := o.byName[who.name]
	if known {
		if at := o.among(first, who); at != noOwner {
			return at
		}
	} else {
		first = noOwner
	}
	at := int32(len(o.all))
	o.all, o.next = append(o.all, who), append(o.next, first)
	o.byName[who.name] = at
	return at
}

// find returns the number of the owner of a pod that is in the snapshot.
func (o *owners) find(p *fairway.Pod) int32 {
	who := ownerOf(p)
	if first, known := o.byName[who.name]; known && who != (owner{}) {
		return o.among(first, who)
	}
	return noOwner
}

// among looks for an owner in those of one name.
func (o *owners) among(at int32, who owner) int32 {
	for ; at != noOwner; at = o.next[at] {
		if o.all[at] == who {
			return at
		}
	}
	return noOwner
}
