package kubelet

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/kwok/pkg/kwok/controllers"
	"sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/gotpl"
)

// Kubelets stand for the kubelets of all machines.
type Kubelets struct {
	kwok   *controllers.Controller
	leases *leases
	ips    *addresses
	gate   *gate
}

// New prepares the kubelets; the informers it asks factory for must be
// started and synced before Run.
func New(client kubernetes.Interface, factory informers.SharedInformerFactory, s Settings, logger *slog.Logger) (*Kubelets, error) {
	local, err := stages(s)
	if err != nil {
		return nil, err
	}
	ips := newAddresses(factory)
	kwok, err := controllers.NewController(controllers.Config{
		TypedClient:                  client,
		ManageNodesWithLabelSelector: RunningLabel + "=" + RunningValue,
		LocalStages:                  local,
		PodPlayStageParallelism:      4,
		NodePlayStageParallelism:     2,
		PodsOnNodeSyncParallelism:    1,
		CIDR:                         podNetwork.String(),
		FuncMap:                      gotpl.FuncMap{"AllocatePodIP": ips.pod, "HostIP": ips.host, "BreaksPods": breaksPods(factory)},
		// Leases are renewed by this package. kwok's own renewer makes pods
		// read-only until a lease is seen, and forgets the pods of a
		// DaemonSet that were bound a moment earlier.
		NodeLeaseDurationSeconds: 0,
	})
	if err != nil {
		return nil, fmt.Errorf("configure kwok: %w", err)
	}
	return &Kubelets{
		kwok:   kwok,
		leases: newLeases(client, factory, logger),
		ips:    ips,
		gate:   newGate(client, factory, logger),
	}, nil
}

// Run starts the kubelets; they end with ctx.
func (k *Kubelets) Run(ctx context.Context) error {
	k.ips.remember()
	if err := k.kwok.Start(log.NewContext(ctx, log.NewLogger(kwokLog{}, log.LevelError))); err != nil {
		return fmt.Errorf("start kwok: %w", err)
	}
	go k.leases.run(ctx)
	go k.gate.run(ctx)
	return nil
}

// kwokLog passes kwok's errors on, except that an object is gone or was
// changed: with kwok each deletion ends in one, and the next event heals it.
type kwokLog struct{}

func (kwokLog) Write(line []byte) (int, error) {
	for _, harmless := range []string{"not found", "object has been modified", "context canceled"} {
		if bytes.Contains(line, []byte(harmless)) {
			return len(line), nil
		}
	}
	return os.Stderr.Write(line)
}
