package cli

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// PDBControllerOptions are the flags of `fairway pdb-controller`.
type PDBControllerOptions struct {
	// Kubeconfig is a kubeconfig file; "" means the cluster that the program runs in.
	Kubeconfig string
	// MaxUnavailable of every budget: a number or a percentage, never zero.
	MaxUnavailable string
	// NonReadyTTL is how long pods may be non-ready before their budget goes; 0
	// means for ever.
	NonReadyTTL time.Duration
	// ParentResourceHash selects pods by the label parent-resource-hash.
	ParentResourceHash bool
	// NameSuffix is appended to the names of workloads; "" appends nothing.
	NameSuffix string
	// Rollouts keeps budgets of Argo Rollouts, too, where the cluster has them.
	Rollouts bool
	// Lease is NAMESPACE/NAME of the lease that tells which replica acts, and
	// LeaseDuration how long it outlives a replica that died.
	Lease         string
	LeaseDuration time.Duration
	// DryRun says what would be done and writes nothing.
	DryRun bool
	// MetricsListen is the address of metrics and health; "" means none.
	MetricsListen string
	// Debug logs also why nothing changed.
	Debug bool
	// LogFormat is text or json; "" means text on a terminal and json else.
	LogFormat string
}

// pdbController is `fairway pdb-controller`.
func (e *env) pdbController() *cobra.Command {
	var o PDBControllerOptions
	c := &cobra.Command{
		Use:   "pdb-controller",
		Short: "Keep a PodDisruptionBudget for every workload that has none",
		Long: `Runs a controller in or beside one cluster. Every Deployment, StatefulSet and Argo Rollout with more than one replica and without
a matching PodDisruptionBudget gets one, so that draining nodes never takes all of its pods at once. The budget goes again when it
would only be in the way: at one replica or none, when the workload goes, when a budget made by a person selects the pods, and when pods
have been non-ready for longer than --non-ready-ttl.

Budgets of the controller carry the label heritage=pdb-controller; take the label off, and the budget is yours. Budgets without it are
never changed or deleted. Budgets of the original pdb-controller are taken over as they are. A workload sets a time of its own with
the annotation pdb-controller.zalando.org/non-ready-ttl: 30m.

Any number of replicas may run; the lease says which one acts. It runs until it is interrupted, and then gives the lease back.`,
		Example: `  fairway pdb-controller --kubeconfig ~/.kube/config --dry-run      what would it do?
  fairway pdb-controller --non-ready-ttl 15m --metrics-listen :7979
  fairway pdb-controller --max-unavailable 10% --use-parent-resource-hash`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkPDBController(&o); err != nil {
				return err
			}
			return e.PDBController(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig of the cluster (default: the cluster that this program runs in)")
	f.StringVar(&o.MaxUnavailable, "max-unavailable", "1", "maxUnavailable of the budgets: a number, or a percentage such as 25%")
	f.DurationVar(&o.NonReadyTTL, "non-ready-ttl", 0, "remove the budget of pods that have been non-ready for this long; 0 keeps it")
	f.BoolVar(&o.ParentResourceHash, "use-parent-resource-hash", false, "select pods by their label parent-resource-hash")
	f.StringVar(&o.NameSuffix, "pdb-name-suffix", "pdb-controller", "budgets are called WORKLOAD-SUFFIX")
	f.BoolVar(&o.Rollouts, "enable-rollouts", true, "keep budgets of Argo Rollouts, too, where the cluster has them, now or later")
	f.StringVar(&o.Lease, "lease", "kube-system/pdb-controller", "NAMESPACE/NAME of the lease that says which replica acts")
	f.DurationVar(&o.LeaseDuration, "lease-duration", 15*time.Second, "how long the lease outlives a replica that died")
	f.BoolVar(&o.DryRun, "dry-run", false, "say what would be done and write nothing")
	f.StringVar(&o.MetricsListen, "metrics-listen", "", "address of /metrics, /healthz and /readyz, for example :7979 (default: none)")
	f.BoolVar(&o.Debug, "debug", false, "log also why nothing changed")
	f.StringVar(&o.LogFormat, "log-format", "", "text or json (default: text on a terminal)")
	// The original looked again in intervals; its command line still works.
	f.Duration("interval", time.Minute, "")
	_ = f.MarkHidden("interval") // fails only for an unknown flag
	return c
}

var (
	percentage = regexp.MustCompile(`^[0-9]{1,3}%$`)
	dnsName    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,200}[a-z0-9])?$`)
)

// checkPDBController refuses flags that cannot work, before anything is started.
func checkPDBController(o *PDBControllerOptions) error {
	const hint = "write a number such as 1, or a percentage such as 25%"
	text, share := strings.CutSuffix(o.MaxUnavailable, "%")
	n, err := strconv.ParseUint(text, 10, 31)
	namespace, name, _ := strings.Cut(o.Lease, "/")
	switch {
	case err != nil || share && (!percentage.MatchString(o.MaxUnavailable) || n > 100):
		return usagef(hint, "--max-unavailable %q cannot be read", o.MaxUnavailable)
	case n == 0:
		return usagef(hint, "--max-unavailable %s would block every drain for ever", o.MaxUnavailable)
	case o.NonReadyTTL < 0:
		return usagef("for example --non-ready-ttl 15m; 0 keeps budgets", "--non-ready-ttl %s is negative", o.NonReadyTTL)
	case o.NameSuffix != "" && !dnsName.MatchString(o.NameSuffix):
		return usagef("lower-case letters, digits and dashes", "--pdb-name-suffix %q cannot be part of a name", o.NameSuffix)
	case !dnsName.MatchString(namespace) || !dnsName.MatchString(name):
		return usagef("write it as NAMESPACE/NAME, for example kube-system/pdb-controller", "--lease %q cannot be read", o.Lease)
	case o.LeaseDuration < 2*time.Second || o.LeaseDuration > time.Hour || o.LeaseDuration%time.Second != 0:
		return usagef("whole seconds, for example --lease-duration 15s", "--lease-duration %s is not between 2s and 1h", o.LeaseDuration)
	case o.LogFormat != "" && o.LogFormat != "text" && o.LogFormat != "json":
		return usagef("text or json", "unknown --log-format %q", o.LogFormat)
	}
	o.MaxUnavailable = strconv.FormatUint(n, 10)
	if share {
		o.MaxUnavailable += "%"
	}
	return nil
}
