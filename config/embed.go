// Package config holds the reference cluster configuration: a configuration
// repository in the layout of contract 2.1, for the provider local. The demo
// makes its repository from it, and tests render it.
package config

import "embed"

// FS holds fairway.yaml and cluster/, the content of the repository, and
// changes/, patches for git apply that are no part of it: changes/demo.diff is
// the change that the demo carries through the channels.
//
//go:embed all:cluster fairway.yaml changes
var FS embed.FS
