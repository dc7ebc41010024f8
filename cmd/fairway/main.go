// Command fairway delivers Kubernetes infrastructure to a fleet of clusters.
package main

import (
	"os"

	"github.com/fairwayhq/fairway/internal/app"
)

func main() { os.Exit(app.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
