package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/fairwayhq/fairway"
)

// Digest returns the SHA-256 (hex) of an object as canonical JSON: sorted
// keys, no blanks. Equal digests mean equal objects.
func Digest(o fairway.Object) string {
	b, err := json.Marshal(o)
	if err != nil {
		// An object holds JSON types only; anything else is a defect of the
		// room that made it.
		panic(fmt.Sprintf("digest of %s: %v", o.Ref(), err))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
