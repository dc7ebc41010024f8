package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/rest"

	"github.com/fairwayhq/fairway/localkube/internal/csi"
	"github.com/fairwayhq/fairway/localkube/internal/kubelet"
	"github.com/fairwayhq/fairway/localkube/internal/machine"
	"github.com/fairwayhq/fairway/localkube/internal/nodegroup"
	"github.com/fairwayhq/fairway/localkube/internal/pki"
	"github.com/fairwayhq/fairway/localkube/internal/stamp"
)

// simulate starts everything that stands for hardware.
func (c *Cluster) simulate(ctx context.Context, opts Options, service *nodegroup.Service, secrets *pki.Files) error {
	client, err := clientFor(c.Server, secrets)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(slim))
	volumes := csi.New(client, factory, opts.Settings.Volumes(), opts.Logger)
	machines := machine.New(service, client, factory, opts.Settings.Region, stamp.Kubernetes, time.Duration(opts.Settings.Volume.Register), opts.Logger)
	kubelets, err := kubelet.New(client, factory, opts.Settings.Pods(), opts.Logger)
	if err != nil {
		return err
	}
	if err := volumes.Install(ctx); err != nil {
		return err
	}
	run, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	c.onStop(func() {
		cancel()
		running.Wait()
		factory.Shutdown()
	})
	factory.Start(run.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("watch %v: %w", kind, errNotSynced)
		}
	}
	if err := kubelets.Run(run); err != nil {
		return err
	}
	volumes.Run(run)
	running.Go(func() { machines.Run(run) })
	running.Go(func() { service.Run(run) })
	return nil
}

func restConfig(server string, secrets *pki.Files) *rest.Config {
	return &rest.Config{
		Host:            server,
		BearerToken:     secrets.ComponentTokens["kubelet"],
		TLSClientConfig: rest.TLSClientConfig{CAData: secrets.CAData},
		UserAgent:       "localkube",
		QPS:             200, Burst: 400,
		ContentConfig: rest.ContentConfig{
			AcceptContentTypes: "application/vnd.kubernetes.protobuf,application/json",
			ContentType:        "application/vnd.kubernetes.protobuf",
		},
	}
}

// slim drops what nobody here reads from cached objects.
func slim(obj any) (any, error) {
	if o, err := meta.Accessor(obj); err == nil {
		o.SetManagedFields(nil)
	}
	return obj, nil
}
