// Package storetest says by tests what a fairway.Store has to do. Every store
// passes the same suite.
//
//	func TestStore(t *testing.T) {
//		storetest.Exercise(t, func(t *testing.T) fairway.Store { return open(t) })
//	}
package storetest
