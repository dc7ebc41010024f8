// Package localkubetest gives tests a real control plane with simulated
// machines: localkube, with times in fractions of a second.
//
//	func TestMain(m *testing.M) { os.Exit(localkubetest.Main(m)) }
//
//	func TestApply(t *testing.T) {
//		t.Parallel()
//		cluster := localkubetest.Start(t) // the same for all tests of the process
//		client, err := kube.New(kube.Options{Kubeconfig: cluster.Kubeconfig})
//		...
//	}
//
// The program is the one that FAIRWAY_LOCALKUBE names, or else one that is
// built by localkube/build.sh into the user's cache folder, which takes minutes
// the first time. A test without a program fails; it is never skipped.
package localkubetest
