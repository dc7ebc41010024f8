package httpapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/openapi.json anew (make gen)")

// The document of the fleet API is committed, so that a change of the API is
// seen in review.
func TestOpenAPI_IsCommitted(t *testing.T) {
	t.Parallel()
	const path = "../../../docs/openapi.json"
	var served bytes.Buffer
	if err := json.Indent(&served, []byte(newServer(t).do(http.MethodGet, "/openapi.json", "", http.StatusOK).body), "", "  "); err != nil {
		t.Fatal(err)
	}
	served.WriteByte('\n')
	if *update {
		if err := os.WriteFile(path, served.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(committed), served.String()); diff != "" {
		t.Errorf("docs/openapi.json is not what the server serves; run `make gen` and review the change (-committed +served):\n%s", diff)
	}
}
