package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairwayhq/fairway"
)

// Options are what a Cluster is made from. Either Config or Kubeconfig is
// needed.
type Options struct {
	// Config is the way to the API server; it is copied. nil: read Kubeconfig.
	Config *rest.Config
	// Kubeconfig is the path of a kubeconfig file whose current context is
	// used; ignored when Config is set.
	Kubeconfig string
	// FieldManager owns the fields of applied objects; default "fairway".
	FieldManager string
	// Lease is the NAMESPACE/NAME of the lease that HoldLease takes; default
	// "kube-system/fairway".
	Lease string
	// Log receives the API server's warnings; nil discards them.
	Log *slog.Logger
	// Now is the clock that leases are judged by; nil means time.Now. A clock
	// whose times carry the monotonic reading is not deceived by clock jumps.
	Now fairway.Clock
}

// requestTimeout bounds one request, however long the caller is willing to wait.
const requestTimeout = 30 * time.Second

// Cluster is the API of one cluster. It is safe for concurrent use and needs
// no closing: the watches that frequent calls of Workloads begin end by
// themselves half a minute after the last of these calls.
type Cluster struct {
	manager string
	log     *slog.Logger
	now     fairway.Clock
	lease   types.NamespacedName
	// user is whom the config acts as, as far as it shows.
	user string

	typed   *rest.RESTClient // nodes, pods, budgets, volumes, leases; protobuf
	watches *rest.RESTClient // the same without a limit of time
	dynamic *dynamic.DynamicClient
	mapper  *restmapper.DeferredDiscoveryRESTMapper

	mu sync.Mutex
	// resetAt is when discovery was last thrown away; guarded by mu.
	resetAt time.Time
	// seen is the lease as last observed; guarded by mu.
	seen observedLease
	// lookedAt is when Workloads was last asked for, lookout what keeps its
	// answer up to date, nil for nobody; guarded by mu.
	lookedAt time.Time
	lookout  *lookout

	written written
}

var _ fairway.Kubernetes = (*Cluster)(nil)

// New returns the API of the cluster that the options name. It opens no
// connection, so that a cluster that is down shows in the first call.
// CodeInvalid when the kubeconfig cannot be used.
func New(o Options) (*Cluster, error) {
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	c := &Cluster{manager: o.FieldManager, log: o.Log, now: o.Now, user: claimed(config)}
	if c.manager == "" {
		c.manager = "fairway"
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	lease := cmp.Or(o.Lease, defaultLease)
	c.lease.Namespace, c.lease.Name, _ = strings.Cut(lease, "/")
	if c.lease.Namespace == "" || c.lease.Name == "" {
		return nil, fairway.Errorf(fairway.CodeInvalid, "the lease %q cannot be read", lease).WithHint("write it as NAMESPACE/NAME")
	}
	config.WarningHandlerWithContext = warnings{c.log}

	if err := c.connect(config); err != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "make a client of %s: %w", config.Host, err).
			WithHint("check address, certificates and credentials in the cluster's kubeconfig")
	}
	return c, nil
}

// config returns a copy of the rest config with Fairway's own settings.
func (o Options) config() (*rest.Config, error) {
	config := o.Config
	if config == nil {
		if o.Kubeconfig == "" {
			return nil, fairway.Errorf(fairway.CodeInvalid, "neither a config nor a kubeconfig names the cluster")
		}
		var err error
		rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: o.Kubeconfig}
		config, err = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
		if err != nil {
			return nil, fairway.Errorf(fairway.CodeInvalid, "read kubeconfig %s: %w", o.Kubeconfig, err).
				WithHint("the file must be a kubeconfig with a current context")
		}
	}
	config = rest.CopyConfig(config)
	// The API server's priority and fairness decides; a client-side limit
	// would only hide from it how much is wanted.
	config.QPS = -1
	config.RateLimiter = nil
	if config.Timeout == 0 {
		config.Timeout = requestTimeout
	}
	if config.UserAgent == "" {
		config.UserAgent = "fairway"
	}
	return config, nil
}

// connect makes the clients, which share one HTTP client.
func (c *Cluster) connect(config *rest.Config) error {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	if c.typed, err = newTyped(config, client); err != nil {
		return err
	}
	endless := *client
	endless.Timeout = 0
	if c.watches, err = newTyped(config, &endless); err != nil {
		return err
	}
	if c.dynamic, err = dynamic.NewForConfigAndClient(config, client); err != nil {
		return err
	}
	found, err := discovery.NewDiscoveryClientForConfigAndClient(config, client)
	if err != nil {
		return err
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapperWithContext(memory.NewMemCacheClientWithContext(found))
	return nil
}

// ServerVersion returns the API server's git version, "v1.36.3".
func (c *Cluster) ServerVersion(ctx context.Context) (string, error) {
	const what = "ask the API server for its version"
	body, err := c.typed.Get().AbsPath("/version").MaxRetries(0).SetHeader("Accept", "application/json").Do(ctx).Raw()
	if err != nil {
		return "", translate(err, what)
	}
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := json.Unmarshal(body, &version); err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	return version.GitVersion, nil
}

// warnings logs the Warning headers of answers.
type warnings struct{ log *slog.Logger }

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (w warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _ string, text string) {
	// 299 is the only code that API servers use (RFC 7234, "persistent").
	if code == 299 && text != "" {
		w.log.Warn("api server warns", "warning", text)
	}
}
