// Package demo brings up a small fleet on one machine, carries a change through
// its channels, and says by an independent watcher whether anything that runs
// there was disturbed.
//
// Run is the supervisor. Its children are one manager (fairway server), one
// localkube per cluster and one watcher (fairway demo watch); none of them
// outlives it, however it ends. Everything is kept below one data folder.
//
//	summary, err := demo.Run(ctx, demo.Options{Clusters: 4, Stdout: os.Stdout, Stderr: os.Stderr})
//	if exit, ok := errors.AsType[*demo.ExitError](err); ok {
//		os.Exit(exit.Code)
//	}
//	fmt.Println(summary.OK)
//
// The parts that judge (balancer, tracker, roster, verdict) are values without
// clock and network, so that what the summary claims is tested without a cluster.
package demo
