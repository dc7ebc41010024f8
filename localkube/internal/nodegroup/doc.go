// Package nodegroup is the simulated cloud: groups of instances that behave
// like auto-scaling groups, with launch templates, zones, lifecycle states and
// faults that can be injected.
//
//	s, err := nodegroup.Open(file, settings, logger)
//	go s.Run(ctx)
//	http.Serve(l, s.Handler(token))
//
// The package knows nothing of Kubernetes: Machines tells package machine
// what runs, and package machine makes nodes of it. All times are decided by
// a seed and the number of the launch, so two runs with one seed agree.
package nodegroup
