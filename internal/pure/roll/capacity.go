package roll

import (
	"fmt"
	"math"

	"github.com/fairwayhq/fairway"
)

// alike is how much the resources of two nodes may differ to count as the same:
// images of the same machine reserve a little more or less.
const alike = 0.05

// measure finds out what a node of a pool could allocate before the roll, and
// what a new one can: the floor of a pool is its size in resources too. What is
// not known does not limit.
func (v *view) measure() {
	for _, p := range v.pools {
		was, known := v.History.Units[p.Pool]
		if !known {
			was = mean(p.members, func(m *member) bool { return m.old() && m.State == fairway.InstanceInService })
			if was != (Unit{}) {
				put(&v.History.Units, p.Pool, was)
			}
		}
		p.was, p.is = was, mean(p.members, func(m *member) bool { return !m.old() && m.kind != leaving })
		if r := p.ratio(); r > 1 && int(math.Ceil(float64(p.base-p.stuck())*r))+p.stuck() > p.Max {
			p.capped = true
			v.wait(Wait{Pool: p.Pool, Actor: "whoever sets the size of " + p.Pool,
				Reason: fmt.Sprintf("the new nodes of %s are smaller, and %d instead of %d would be as much as before; its maximum is %d, so its capacity falls",
					p.Pool, int(math.Ceil(float64(p.base)*r)), p.base, p.Max)})
		}
	}
}

// mean returns what nodes can allocate on average; zero when any of them does
// not say.
func mean(members []*member, pass func(*member) bool) Unit {
	var sum Unit
	n := int64(0)
	for _, m := range members {
		if m.node == nil || !pass(m) {
			continue
		}
		sum.CPU += m.node.CPU
		sum.Memory += m.node.Memory
		n++
	}
	if n == 0 {
		return Unit{}
	}
	return Unit{CPU: sum.CPU / n, Memory: sum.Memory / n}
}

// ratio is how many new nodes can do what one node from before the roll could;
// 1 when that is not known, or not less.
func (p *pool) ratio() float64 {
	r := 1.0
	if p.is.CPU > 0 {
		r = max(r, float64(p.was.CPU)/float64(p.is.CPU))
	}
	if p.is.Memory > 0 {
		r = max(r, float64(p.was.Memory)/float64(p.is.Memory))
	}
	if r <= 1+alike {
		return 1
	}
	return r
}

// more is how many nodes beyond n it takes to have what n had before the roll.
func (p *pool) more(n int) int {
	if n <= 0 {
		return 0
	}
	return int(math.Ceil(float64(n)*p.ratio()-1e-9)) - n
}

// renewed is how many nodes from before the roll are replaced or about to be.
func (p *pool) renewed() int {
	return max(0, p.base-p.countOutdated()+min(p.surgeNow(), p.active()))
}

// extra is how many more nodes the pool needs now because new ones are smaller.
func (p *pool) extra() int { return p.more(p.renewed()) }

// enlarge makes the size that smaller nodes need the size from before the roll,
// once only they are left, so that the pool never shrinks below it again. It
// reports whether it does.
func (v *view) enlarge(p *pool) bool {
	more := p.more(p.base)
	if more == 0 || p.active() > 0 || p.stuck() > 0 || !p.tagged || v.late(p) {
		return false
	}
	base := min(p.base+more, p.Max)
	put(&v.History.Units, p.Pool, p.is)
	p.resized = true
	v.asks(p, max(p.Desired, base), base)
	v.act(p, Action{Kind: ActionSetDesired, Desired: max(p.Desired, base), Base: base,
		Why: fmt.Sprintf("the new nodes of %s are smaller: %d of them have what %d had before the roll", p.Pool, base, p.base)})
	return true
}

// thins says how the cordon of a node would leave the pool with less CPU or
// memory than before the roll, though with as many nodes; or "".
func (v *view) thins(c candidate) string {
	p := c.pool
	if c.cost == 0 || p.capped || p.Remove || c.node == nil || p.was == (Unit{}) {
		return ""
	}
	var have Unit
	uneven := false
	for _, m := range p.members {
		if m.node != nil && m != c.member && m.schedulable() {
			have.CPU += m.node.CPU
			have.Memory += m.node.Memory
			uneven = uneven || !similar(m.node.CPU, p.was.CPU) || !similar(m.node.Memory, p.was.Memory)
		}
	}
	if !uneven {
		return "" // the number of nodes says all
	}
	floor := int64(p.floor())
	switch {
	case p.was.CPU > 0 && have.CPU < floor*p.was.CPU:
		return fmt.Sprintf("the nodes that stay have %d millicores, and %d before the roll", have.CPU, floor*p.was.CPU)
	case p.was.Memory > 0 && have.Memory < floor*p.was.Memory:
		return fmt.Sprintf("the nodes that stay have %d MiB of memory, and %d before the roll", have.Memory>>20, floor*p.was.Memory>>20)
	}
	return ""
}

func similar(a, b int64) bool {
	return math.Abs(float64(a-b)) <= alike*float64(b)
}
