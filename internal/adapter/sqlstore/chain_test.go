package sqlstore

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairwayhq/fairway"
)

// TestChainShowsTampering: whoever can write the database cannot alter, remove
// or put in an entry, nor cut off the newest, without VerifyChain naming it.
func TestChainShowsTampering(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statement, want string }{
		"altered":         {`UPDATE changes SET who = 'somebody else' WHERE seq = 3`, "entry 3"},
		"altered content": {`UPDATE changes SET became = '{"/channel":"beta"}' WHERE seq = 4`, "entry 4"},
		"time":            {`UPDATE changes SET at = at + 1 WHERE seq = 1`, "entry 1"},
		"removed":         {`DELETE FROM changes WHERE seq = 2`, "entry 2 is missing"},
		"first removed":   {`DELETE FROM changes WHERE seq = 1`, "entry 1 is missing"},
		"cut off":         {`DELETE FROM changes WHERE seq = 5`, "ends at 4"},
		"new hash":        {`UPDATE changes SET hash = 'x' WHERE seq = 5`, "entry 5"},
		"nothing":         {`SELECT 1`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openTest(t, filepath.Join(t.TempDir(), "fairway.db"))
			for _, id := range []string{"a", "b", "c", "d", "e"} {
				if err := s.PutAccount(t.Context(), fairway.InfrastructureAccount{ID: id}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.writer.ExecContext(t.Context(), c.statement); err != nil {
				t.Fatal(err)
			}
			n, err := s.VerifyChain(t.Context())
			switch {
			case c.want == "" && (err != nil || n != 5):
				t.Errorf("%d entries, error %v", n, err)
			case c.want != "" && (fairway.ErrorCode(err) != fairway.CodeConflict || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
