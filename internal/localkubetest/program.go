package localkubetest

import "testing"

// Binary returns the path of the localkube program, for tests that run it
// themselves; it is built if need be, which takes minutes the first time.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
