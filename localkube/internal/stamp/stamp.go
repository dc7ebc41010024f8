// Package stamp gives the process the Kubernetes version it is built from.
//
// Kubernetes learns its version from linker flags of its own release build.
// Without them the API server reports v0.0.0-master, and everything that
// checks version skew refuses it. Setting the variables here means that a
// plain `go build` is stamped like a release, with no flags to forget.
package stamp

import (
	"fmt"
	_ "unsafe" // for go:linkname

	"k8s.io/component-base/version"
)

// Kubernetes is the version of k8s.io/kubernetes in go.mod. A test compares
// the two.
const (
	Kubernetes = "v1.36.3"
	major      = "1"
	minor      = "36"
)

// Localkube is the version of this binary; build.sh sets it.
var Localkube = "dev"

//go:linkname gitVersion k8s.io/component-base/version.gitVersion
var gitVersion string

//go:linkname gitMajor k8s.io/component-base/version.gitMajor
var gitMajor string

//go:linkname gitMinor k8s.io/component-base/version.gitMinor
var gitMinor string

//go:linkname gitCommit k8s.io/component-base/version.gitCommit
var gitCommit string

//go:linkname gitTreeState k8s.io/component-base/version.gitTreeState
var gitTreeState string

// init runs before the packages of Kubernetes that read the version while
// they initialise: Go initialises ready packages in the order of their
// import paths, and this one needs component-base/version only.
func init() {
	gitVersion, gitMajor, gitMinor = Kubernetes, major, minor
	// The placeholders of an unstamped tree are not facts about this build.
	gitCommit, gitTreeState = "", "archive"
	if err := version.SetDynamicVersion(Kubernetes); err != nil {
		panic(fmt.Sprintf("stamp Kubernetes version: %v", err))
	}
}
