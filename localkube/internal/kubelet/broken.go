package kubelet

import (
	"k8s.io/client-go/informers"
)

// breaksPods returns the template function BreaksPods: whether pods with an
// owner of a kind never become ready on a node (BrokenPodsAnnotation).
func breaksPods(factory informers.SharedInformerFactory) func(node, ownerKind string) bool {
	nodes := factory.Core().V1().Nodes().Lister()
	return func(node, ownerKind string) bool {
		n, err := nodes.Get(node)
		if err != nil {
			return false
		}
		kind := n.Annotations[BrokenPodsAnnotation]
		return kind == "all" || kind != "" && kind == ownerKind
	}
}
