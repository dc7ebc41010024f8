// Package machine joins the simulated cloud to Kubernetes: it makes a Node of
// an instance that has booted, lets its pods die when the instance is switched
// off, and removes what is left when the instance is gone.
//
// It compares what the cloud says with what the API server holds, so a
// restart at any point is taken up where it was left.
package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/fairwayhq/fairway/localkube/internal/nodegroup"
)

// providerPrefix marks the Nodes that belong to the simulated cloud.
const providerPrefix = "localkube:///"

// retry is the wait after a pass that met an error.
const retry = 500 * time.Millisecond

// idle is the wait at most: what a pass compares may change without a sign,
// as when someone takes a label away.
const idle = 5 * time.Second

// Cloud is what this package asks of the node-group service.
type Cloud interface {
	// Machines lists all machines, and says when to ask again for one that
	// is booting; zero is never.
	Machines() (machines []nodegroup.Machine, next time.Duration)
	// NodeRegistered remembers that a machine has made its Node.
	NodeRegistered(id string) error
	// Changed yields after Machines may answer something new.
	Changed() <-chan struct{}
}

// Machines makes Nodes of machines.
type Machines struct {
	cloud   Cloud
	client  kubernetes.Interface
	nodes   listers.NodeLister
	pods    listers.PodLister
	region  string
	version string
	log     *slog.Logger
	kick    chan struct{}
	// driverDelay is how long after its Node a machine's storage driver
	// registers; drivers are the Nodes whose has, used by Run alone.
	driverDelay time.Duration
	drivers     map[string]bool

	mu sync.Mutex
	// dark are the Nodes whose machine runs nothing; guarded by mu.
	dark map[string]bool
}

// New prepares Machines; the informers it asks factory for must be started
// and synced before Run. version is the kubelets', driverDelay how long after
// its Node a machine's storage driver registers.
func New(cloud Cloud, client kubernetes.Interface, factory informers.SharedInformerFactory, region, version string, driverDelay time.Duration, log *slog.Logger) *Machines {
	m := &Machines{
		cloud:   cloud,
		client:  client,
		nodes:   factory.Core().V1().Nodes().Lister(),
		pods:    factory.Core().V1().Pods().Lister(),
		region:  region,
		version: version,
		log:     log,
		kick:    make(chan struct{}, 1),
		dark:    map[string]bool{},

		driverDelay: driverDelay,
		drivers:     map[string]bool{},
	}
	factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { m.look(obj.(*corev1.Pod)) },
		UpdateFunc: func(_, obj any) { m.look(obj.(*corev1.Pod)) },
	})
	return m
}

// look wakes the loop for a pod that shows life on a machine without any: a
// start that was on its way when the machine was switched off.
func (m *Machines) look(p *corev1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dark[p.Spec.NodeName] && alive(p) {
		select {
		case m.kick <- struct{}{}:
		default:
		}
	}
}

// Run keeps the Nodes in line until ctx ends.
func (m *Machines) Run(ctx context.Context) {
	for ctx.Err() == nil {
		wait, err := m.pass(ctx)
		if err != nil && ctx.Err() == nil {
			m.log.Warn("bring nodes in line with instances", "error", err)
			wait = retry
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-m.cloud.Changed():
		case <-m.kick:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// pass brings every machine's Node in line. One machine's error does not hold
// up the others.
func (m *Machines) pass(ctx context.Context) (wait time.Duration, err error) {
	machines, wait := m.cloud.Machines()
	if wait == 0 || wait > idle {
		wait = idle
	}
	known := map[string]bool{}
	var errs []error
	for _, machine := range machines {
		known[machine.NodeName] = true
		again, err := m.follow(ctx, machine)
		if err != nil {
			errs = append(errs, fmt.Errorf("instance %s: %w", machine.ID, err))
		}
		if again > 0 {
			wait = min(wait, again)
		}
	}
	nodes, err := m.nodes.List(labels.Everything())
	if err != nil {
		return wait, fmt.Errorf("list nodes: %w", err)
	}
	for _, n := range nodes {
		if known[n.Name] || !strings.HasPrefix(n.Spec.ProviderID, providerPrefix) {
			continue
		}
		// The cloud has forgotten the instance while nobody looked.
		if err := m.remove(ctx, n.Name); err != nil {
			errs = append(errs, fmt.Errorf("node %s: %w", n.Name, err))
		}
	}
	return wait, errors.Join(errs...)
}

// follow brings one machine's Node in line and returns when to look again; zero
// is when anything changes.
func (m *Machines) follow(ctx context.Context, machine nodegroup.Machine) (again time.Duration, err error) {
	switch machine.Power {
	case nodegroup.PowerOn:
		if !machine.Registered {
			if err := m.register(ctx, machine); err != nil {
				return 0, err
			}
		}
		return m.registerDriver(ctx, machine)
	case nodegroup.PowerOff:
		m.darken(machine.NodeName, true)
		return 0, m.switchOff(ctx, machine)
	case nodegroup.PowerGone:
		m.darken(machine.NodeName, false)
		delete(m.drivers, machine.NodeName)
		return 0, m.remove(ctx, machine.NodeName)
	}
	return 0, nil
}

func (m *Machines) darken(node string, dark bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if dark {
		m.dark[node] = true
	} else {
		delete(m.dark, node)
	}
}

func (m *Machines) podsOn(node string) []*corev1.Pod {
	pods, err := m.pods.List(labels.Everything())
	if err != nil {
		return nil // listers of a cache do not fail
	}
	var out []*corev1.Pod
	for _, p := range pods {
		if p.Spec.NodeName == node {
			out = append(out, p)
		}
	}
	return out
}
