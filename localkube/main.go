// Localkube is a Kubernetes cluster in one process: etcd, kube-apiserver,
// kube-controller-manager and kube-scheduler as they are, and simulated
// machines, pods, volumes and auto-scaling groups. See docs/localkube.md.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/fairwayhq/fairway/localkube/internal/stamp"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

const usage = `localkube is a Kubernetes cluster in one process, with simulated machines.

Usage:
  localkube run --data DIR --ready-file FILE [--nodegroups FILE] [flags]
  localkube version [-o json]

Run 'localkube run --help' for its flags, files and an example.
`

func main() { os.Exit(dispatch(os.Args[1:])) }

func dispatch(args []string) int {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "run":
		return runCommand(args[1:])
	case "version":
		return versionCommand(args[1:], os.Stdout)
	case "help", "-h", "--help":
		fmt.Print(usage)
		return exitOK
	}
	fmt.Fprintf(os.Stderr, "localkube: unknown command %q\n\n%s", args[0], usage)
	return exitUsage
}

func versionCommand(args []string, out io.Writer) int {
	fs := flag.NewFlagSet("localkube version", flag.ContinueOnError)
	format := fs.String("o", "text", "`format`: text or json")
	if code, done := parse(fs, args); done {
		return code
	}
	switch *format {
	case "text":
		fmt.Fprintf(out, "localkube %s, Kubernetes %s, %s\n", stamp.Localkube, stamp.Kubernetes, runtime.Version())
	case "json":
		json.NewEncoder(out).Encode(map[string]string{
			"version": stamp.Localkube, "kubernetes_version": stamp.Kubernetes, "go_version": runtime.Version(),
		})
	default:
		fmt.Fprintf(os.Stderr, "localkube version: unknown format %q; use text or json\n", *format)
		return exitUsage
	}
	return exitOK
}

// parse parses flags; done says that the command ends here, with code.
func parse(fs *flag.FlagSet, args []string) (code int, done bool) {
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK, true
	case err != nil:
		return exitUsage, true // the flag set has said why
	case fs.NArg() > 0:
		fmt.Fprintf(os.Stderr, "%s: unexpected argument %q\n", fs.Name(), fs.Arg(0))
		return exitUsage, true
	}
	return exitOK, false
}
