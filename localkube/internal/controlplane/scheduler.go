package controlplane

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

func startScheduler(opts Options, failed chan<- error) (stop func(), err error) {
	kubeconfig, err := componentKubeconfig(opts, "kube-scheduler")
	if err != nil {
		return nil, err
	}
	s := options.NewOptions()
	fs := pflag.NewFlagSet("kube-scheduler", pflag.ContinueOnError)
	for _, f := range s.Flags.FlagSets {
		fs.AddFlagSet(f)
	}
	if err := fs.Parse([]string{
		"--kubeconfig=" + kubeconfig,
		"--leader-elect=false",
		"--secure-port=0",
		"--profiling=false",
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		// Volumes and nodes come and go here within seconds.
		"--pod-max-in-unschedulable-pods-duration=30s",
	}); err != nil {
		return nil, fmt.Errorf("parse its flags: %w", err)
	}
	setup, cancel := context.WithCancel(context.Background())
	config, scheduler, err := app.Setup(setup, s)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("set it up: %w", err)
	}
	run := runComponent("kube-scheduler", failed, func(ctx context.Context) error {
		return app.Run(ctx, config, scheduler)
	})
	return func() {
		run()
		cancel()
	}, nil
}
