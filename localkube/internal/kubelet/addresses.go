package kubelet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// podNetwork is where pods get their addresses from; nodes have 10.0.0.0/16.
var podNetwork = netip.MustParsePrefix("10.128.0.0/10")

// addresses hands every pod an address that no other pod has. kwok's own pool
// forgets at a restart which addresses are in use.
type addresses struct {
	pods  listers.PodLister
	nodes listers.NodeLister

	mu    sync.Mutex
	next  uint32
	byPod map[string]string
	used  map[string]bool
}

func newAddresses(factory informers.SharedInformerFactory) *addresses {
	a := &addresses{
		pods:  factory.Core().V1().Pods().Lister(),
		nodes: factory.Core().V1().Nodes().Lister(),
		byPod: map[string]string{},
		used:  map[string]bool{},
	}
	factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: func(obj any) {
		if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
			obj = gone.Obj
		}
		if pod, ok := obj.(*corev1.Pod); ok {
			a.release(string(pod.UID))
		}
	}})
	return a
}

// remember takes the addresses of the pods that an earlier process started.
func (a *addresses) remember() {
	pods, err := a.pods.List(labels.Everything())
	if err != nil {
		return // listers of a cache do not fail
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range pods {
		if p.Status.PodIP != "" && !p.Spec.HostNetwork {
			a.byPod[string(p.UID)], a.used[p.Status.PodIP] = p.Status.PodIP, true
		}
	}
}

// pod is the template function AllocatePodIP; asked again for the same pod,
// it answers the same.
func (a *addresses) pod(node string, hostNetwork bool, uid string) (string, error) {
	if hostNetwork {
		return a.host(node), nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if ip, ok := a.byPod[uid]; ok {
		return ip, nil
	}
	size := uint32(1) << (32 - podNetwork.Bits())
	for range size {
		a.next = a.next%(size-2) + 1
		if ip := offset(podNetwork.Addr(), a.next); !a.used[ip] {
			a.byPod[uid], a.used[ip] = ip, true
			return ip, nil
		}
	}
	return "", fmt.Errorf("allocate an address for pod %s: all of %s are in use", uid, podNetwork)
}

func (a *addresses) release(uid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.used, a.byPod[uid])
	delete(a.byPod, uid)
}

// host is the template function HostIP.
func (a *addresses) host(node string) string {
	n, err := a.nodes.Get(node)
	if err != nil {
		return ""
	}
	for _, address := range n.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			return address.Address
		}
	}
	return ""
}

func offset(base netip.Addr, n uint32) string {
	b := base.As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+n)
	return netip.AddrFrom4(b).String()
}
