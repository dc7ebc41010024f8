package cli

import (
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// PlanOptions are the arguments of `fairway plan`.
type PlanOptions struct {
	SubjectOptions
	// All plans every cluster, or those of Channel; otherwise Cluster is planned.
	All     bool
	Channel string
	// Kubeconfig leads to the cluster; "" means that of its data folder.
	Kubeconfig string
	// Data is the data folder of a server on this machine; "" for none.
	Data string
	// Offline compares with the last applied revision instead of the cluster.
	Offline bool
	// State is a file of recorded clusters: with Offline what is compared with,
	// else only its peaks of memory count. Record is a file that the observed
	// clusters are added to. "" for none.
	State, Record string
	// Target is the Kubernetes version that clusters are to run; "" means what
	// they run.
	Target string
	// History are updates of the past, for estimates.
	History []fairway.Update
}

// plan is `fairway plan`.
func (e *env) plan() *cobra.Command {
	var o PlanOptions
	var out string
	var exitCode bool
	c := &cobra.Command{
		Use:   "plan CLUSTER | --all | --channel CHANNEL",
		Short: "Show what an update would do, and what would go wrong",
		Long: `Renders the configuration of a cluster and compares it with the cluster as it is, without writing anything: it asks for get and list alone, and as
the identity of "fairway plan identity" for dry runs of what differs.
It shows which objects would be created, changed (field by field, secrets masked) and deleted, what somebody changed by hand (drift), which
nodes would be replaced and why, how long that takes and what it costs, and findings: what would go wrong, where, and what to do about it.

The way to a cluster is --kubeconfig, or the data folder of a server on this machine (--data DIR: DIR/clusters/<local_id>/kubeconfig).
--offline needs no cluster: it compares with the revision that the registry says was applied last, or with nothing; with --state FILE with the
clusters as --record FILE wrote them down, where they could be reached.
With --data, the registry is that server's, and so is the configuration unless --config-source names another.

Exit code 1 when there is no plan, 3 when a finding blocks, and with --exit-code 4 when there are changes.`,
		Example: `  fairway plan kube-1 --registry-file clusters.yaml --config-source main:dir:. --kubeconfig ~/.kube/config
  fairway plan --all --registry-file clusters.yaml --directory . --offline -o markdown     for a comment on a pull request
  fairway plan --channel beta --to my-branch --registry-file clusters.yaml --config-source main:git:URL --offline     clusters of a channel against another branch, tag or commit
  fairway plan --channel beta --data ~/.fairway --directory .                              my folder, against a running server's clusters
  fairway plan kube-1 --registry-file clusters.yaml --directory . --kubeconfig kc --kubernetes-version 1.37     is it ready for an upgrade?`,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return usagef("usage: "+c.UseLine(), "unexpected argument %q", args[1])
			case len(args) == 1 && (o.All || o.Channel != ""):
				return usagef("leave out CLUSTER, or --all and --channel", "CLUSTER and --all or --channel exclude each other")
			case len(args) == 0 && !o.All && o.Channel == "":
				return usagef("name a cluster, or plan all with --all", "CLUSTER is missing")
			}
			return nil
		},
	}
	c.AddCommand(e.planIdentity())
	ready := e.subject(c, &o.SubjectOptions)
	f := c.Flags()
	f.BoolVar(&o.All, "all", false, "plan all clusters that are not being decommissioned")
	f.StringVar(&o.Channel, "channel", "", "plan the clusters of this channel")
	f.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig of the cluster")
	f.BoolVar(&o.Offline, "offline", false, "compare with the last applied revision, without asking any cluster")
	f.StringVar(&o.State, "state", "", "a file of recorded clusters: with --offline, compare with them; without, count its peaks of memory")
	f.StringVar(&o.Record, "record", "", "add the clusters as they are now to this file (.gz: compressed), for --offline --state; it holds no secrets")
	f.StringVar(&o.Target, "kubernetes-version", "", "the version that the clusters are to run, for the findings (default: what they run)")
	f.BoolVar(&exitCode, "exit-code", false, "exit with 4 when there are changes")
	f.StringVarP(&out, "output", "o", "table", "table, json or markdown")
	c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "markdown"}, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, args []string) error {
		if out != "table" && out != "json" && out != "markdown" {
			return usagef("table, json or markdown", "unknown output %q", out)
		}
		if len(args) == 1 {
			o.Cluster = args[0]
		}
		if o.Kubeconfig != "" && (o.Offline || o.Cluster == "") {
			return usagef("a kubeconfig leads to one cluster", "--kubeconfig needs CLUSTER, and excludes --offline")
		}
		if o.Record != "" && (o.Offline || o.State != "") {
			return usagef("--record needs the cluster; it adds to an earlier recording of its own", "--record excludes --offline and --state")
		}
		if o.Data = e.find.Data; o.Data != "" && len(o.ConfigSources) == 0 && c.Flags().Lookup("directory").Value.String() == "" {
			o.ConfigSources = ownSource(o.Data)
		}
		if len(o.ConfigSources) == 0 && c.Flags().Lookup("directory").Value.String() == "" {
			return usagef("give --config-source NAME:dir:PATH or NAME:git:URL", "no configuration source")
		}
		if err := ready(c.Context()); err != nil {
			return err
		}
		if o.RegistryFile == "" {
			if api, err := client.Find(e.find); err == nil {
				// Estimates are as good without the past of the fleet.
				o.History, _ = api.Updates(c.Context(), fairway.UpdateFilter{Limit: 200})
			}
		}
		fleet, err := e.Plan(c.Context(), o)
		if err != nil {
			return err
		}
		if err := e.showPlans(fleet, o.Cluster != "", out); err != nil {
			return err
		}
		return verdict(fleet, exitCode)
	}
	return c
}

// ownSource are the config sources of a server's data folder, if it has any.
func ownSource(data string) []string {
	if file, err := client.ReadServerFile(data); err == nil && len(file.ConfigSources) > 0 {
		return file.ConfigSources
	}
	dir := filepath.Join(data, "config.git")
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	return []string{"main:git:" + dir}
}

// showPlans prints one plan or several.
func (e *env) showPlans(fleet *plan.Fleet, one bool, out string) error {
	switch {
	case out == "markdown":
		return fleet.Markdown(e.Stdout)
	case out == "json" && one && len(fleet.Plans) == 1:
		return format{name: "json"}.print(e.Stdout, fleet.Plans[0], nil)
	case out == "json":
		return format{name: "json"}.print(e.Stdout, fleet, nil)
	case one && len(fleet.Plans) == 1:
		return fleet.Plans[0].Text(e.Stdout, e.colours())
	}
	t := &table{header: []string{"CLUSTER", "CHANNEL", "CREATE", "CHANGE", "DELETE", "DRIFT", "NODES", "VERDICT"}, width: e.Width, empty: "no cluster"}
	for _, p := range fleet.Plans {
		s := p.Summary
		t.add(p.Alias, p.Channel, numeral(s.Create), numeral(s.Change), numeral(s.Delete), numeral(s.Drift), numeral(s.Nodes), p.Verdict)
	}
	for _, f := range fleet.Failed {
		t.add(f.Cluster, "-", "-", "-", "-", "-", "-", "no plan: "+f.Error)
	}
	if err := t.write(e.Stdout); err != nil {
		return err
	}
	text := "\n" + fleet.Verdict + "\n"
	for _, u := range fleet.Unused {
		text += "accepted, and not found anywhere: " + u + "\n"
	}
	_, err := e.Stdout.Write([]byte(text))
	return err
}

// numeral prints a number so that rows without it are easy to see.
func numeral(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

// verdict is the exit code of plans.
func verdict(fleet *plan.Fleet, exitCode bool) error {
	switch {
	case len(fleet.Failed) > 0:
		return fairway.Errorf(fairway.CodeUnavailable, "no plan for %d of %d clusters, first %s: %s", len(fleet.Failed), fleet.Clusters, fleet.Failed[0].Cluster, fleet.Failed[0].Error).
			WithHint("%s", fleet.Failed[0].Hint)
	case fleet.Blocked > 0:
		return Incomplete(fairway.Errorf(fairway.CodePrecondition, "findings block the update of %d of %d clusters", fleet.Blocked, fleet.Clusters).
			WithHint("each finding says what to do about it"))
	case fleet.Changed > 0:
		return changed(exitCode)
	}
	return nil
}
