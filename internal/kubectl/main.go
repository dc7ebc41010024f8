// Command kubectl is the kubectl of k8s.io/kubectl, built for `make bench-apply`,
// which compares Fairway's apply with it. It is a module of its own, so that
// nobody else has its dependencies.
package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
