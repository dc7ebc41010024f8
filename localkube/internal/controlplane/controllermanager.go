package controlplane

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	"k8s.io/kubernetes/cmd/kube-controller-manager/names"
)

// controllers is what a cluster of workloads on nodes needs. Left out are the
// ones for certificates, bootstrap tokens, cloud and IP allocation, device
// claims, and storage migration: each costs informers.
var controllers = []string{
	names.ServiceAccountTokenController,
	names.ServiceAccountController,
	names.RootCACertificatePublisherController,
	names.ClusterRoleAggregationController,
	names.NamespaceController,
	names.GarbageCollectorController,
	names.ResourceQuotaController,
	names.DeploymentController,
	names.ReplicaSetController,
	names.ReplicationControllerController,
	names.StatefulSetController,
	names.DaemonSetController,
	names.JobController,
	names.CronJobController,
	names.HorizontalPodAutoscalerController,
	names.DisruptionController,
	names.EndpointsController,
	names.EndpointSliceController,
	names.EndpointSliceMirroringController,
	names.PodGarbageCollectorController,
	names.TTLAfterFinishedController,
	names.NodeLifecycleController,
	names.TaintEvictionController,
	names.PersistentVolumeBinderController,
	names.PersistentVolumeAttachDetachController,
	names.PersistentVolumeClaimProtectionController,
	names.PersistentVolumeProtectionController,
	names.EphemeralVolumeController,
	names.ValidatingAdmissionPolicyStatusController,
}

func startControllerManager(opts Options, failed chan<- error) (stop func(), err error) {
	kubeconfig, err := componentKubeconfig(opts, "kube-controller-manager")
	if err != nil {
		return nil, err
	}
	s, err := options.NewKubeControllerManagerOptions()
	if err != nil {
		return nil, fmt.Errorf("make its options: %w", err)
	}
	all, disabled, aliases := app.KnownControllers(), app.ControllersDisabledByDefault(), app.ControllerAliases()
	fs := pflag.NewFlagSet("kube-controller-manager", pflag.ContinueOnError)
	for _, f := range s.Flags(all, disabled, aliases).FlagSets {
		fs.AddFlagSet(f)
	}
	if err := fs.Parse(controllerManagerFlags(opts, kubeconfig)); err != nil {
		return nil, fmt.Errorf("parse its flags: %w", err)
	}
	config, err := s.Config(context.Background(), all, disabled, aliases)
	if err != nil {
		return nil, fmt.Errorf("configure it: %w", err)
	}
	return runComponent("kube-controller-manager", failed, func(ctx context.Context) error {
		return app.Run(ctx, config.Complete())
	}), nil
}

func controllerManagerFlags(opts Options, kubeconfig string) []string {
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--controllers=" + strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0",
		"--profiling=false",
		"--use-service-account-credentials=false",
		"--service-account-private-key-file=" + opts.PKI.ServiceAccountKey,
		"--root-ca-file=" + opts.PKI.CA,
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		"--min-resync-period=12h",
		"--node-monitor-period=1s",
		"--node-monitor-grace-period=" + opts.NodeMonitorGrace.String(),
	}
}

// componentKubeconfig writes the kubeconfig a component connects with.
func componentKubeconfig(opts Options, component string) (string, error) {
	file := filepath.Join(opts.Dir, component+".kubeconfig")
	return file, opts.PKI.WriteKubeconfig(file, opts.Server, component, opts.PKI.ComponentTokens[component])
}
