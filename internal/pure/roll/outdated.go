package roll

import (
	"fmt"
	"time"

	"github.com/fairwayhq/fairway"
)

// WhyOutdated says why an instance of a pool has to be replaced, or "": all
// reasons share one budget, that of the pool. The node may be nil.
func WhyOutdated(p Pool, i fairway.Instance, n *fairway.Node, now time.Time) string {
	return whyOutdated(&p, &i, n, now)
}

func whyOutdated(p *Pool, i *fairway.Instance, n *fairway.Node, now time.Time) string {
	switch {
	case p.Remove:
		return "its pool is removed"
	case i.Generation != p.Group.Generation:
		return "it is made from an older launch template"
	case i.Outdated != "":
		return i.Outdated
	case n != nil && n.Annotations[fairway.AnnotationRotate] != "":
		return "its replacement was asked for: " + n.Annotations[fairway.AnnotationRotate]
	case p.Settings.MaxAge > 0 && !i.LaunchedAt.IsZero() && now.Sub(i.LaunchedAt) >= p.Settings.MaxAge:
		return fmt.Sprintf("it is older than %s", p.Settings.MaxAge)
	}
	return ""
}

// asked reports whether a person asked for the node to be replaced.
func (m *member) asked() bool {
	return m.node != nil && m.node.Annotations[fairway.AnnotationRotate] != ""
}

// keepsOld reports whether an outdated node is left as it is until a person
// asks for its replacement or ends it.
func (m *member) keepsOld() bool {
	return m.pool.Strategy == OnDelete && !m.pool.Remove && !m.asked()
}
