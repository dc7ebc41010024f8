package controlplane

import (
	"context"
	"fmt"
	"net"
	"path/filepath"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"

	"github.com/fairwayhq/fairway/localkube/internal/datadir"
)

// authentication lets nobody in without a token, except to ask for health.
const authentication = `apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous:
  enabled: true
  conditions:
  - path: /livez
  - path: /readyz
  - path: /healthz
`

// startAPIServer returns when the server is assembled; it answers a little
// later.
func startAPIServer(opts Options, etcdEndpoint string, failed chan<- error) (stop func(), err error) {
	s := options.NewServerRunOptions()
	fs := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, f := range s.Flags().FlagSets {
		fs.AddFlagSet(f)
	}
	authn := filepath.Join(opts.Dir, "authentication.yaml")
	if err := datadir.WriteFile(authn, []byte(authentication), 0o600); err != nil {
		return nil, err
	}
	if err := fs.Parse(apiServerFlags(opts, etcdEndpoint, authn)); err != nil {
		return nil, fmt.Errorf("parse its flags: %w", err)
	}
	s.SecureServing.Listener = opts.Listener
	s.SecureServing.BindPort = datadir.Port(opts.Listener)
	// The feature gates and the version are shared by all components of the
	// process; they are settled here, before anything reads them.
	if err := s.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return nil, fmt.Errorf("set feature gates: %w", err)
	}
	completed, err := s.Complete(context.Background())
	if err != nil {
		return nil, fmt.Errorf("complete its options: %w", err)
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return nil, fmt.Errorf("validate its options: %w", utilerrors.NewAggregate(errs))
	}
	return runAPIServer(completed, failed)
}

func runAPIServer(completed options.CompletedOptions, failed chan<- error) (stop func(), err error) {
	config, err := app.NewConfig(completed)
	if err != nil {
		return nil, fmt.Errorf("configure it: %w", err)
	}
	complete, err := config.Complete()
	if err != nil {
		return nil, fmt.Errorf("complete its configuration: %w", err)
	}
	server, err := app.CreateServerChain(complete)
	if err != nil {
		return nil, fmt.Errorf("assemble it: %w", err)
	}
	prepared, err := server.PrepareRun()
	if err != nil {
		return nil, fmt.Errorf("prepare it: %w", err)
	}
	return runComponent("kube-apiserver", failed, prepared.Run), nil
}

func apiServerFlags(opts Options, etcdEndpoint, authn string) []string {
	host, _, _ := net.SplitHostPort(opts.Listener.Addr().String())
	return []string{
		"--bind-address=" + host,
		"--advertise-address=10.0.0.1", // loopback is refused in Endpoints
		// The Service kubernetes.default has nobody to serve: there are no
		// containers. Reconciling its endpoints would be one write per 10 s.
		"--endpoint-reconciler-type=none",
		"--etcd-servers=" + etcdEndpoint,
		"--tls-cert-file=" + opts.PKI.ServingCert,
		"--tls-private-key-file=" + opts.PKI.ServingKey,
		"--token-auth-file=" + opts.PKI.TokenFile,
		"--authentication-config=" + authn,
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + opts.PKI.ServiceAccountKey,
		"--service-account-signing-key-file=" + opts.PKI.ServiceAccountKey,
		"--allow-privileged=true",
		"--profiling=false",
		// Fair queuing protects a shared API server from its tenants; here
		// the tenants are the test, and it costs memory and start time.
		"--enable-priority-and-fairness=false",
		"--max-requests-inflight=800",
		"--max-mutating-requests-inflight=400",
		"--shutdown-delay-duration=0s",
	}
}
