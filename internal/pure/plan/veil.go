package plan

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"regexp"
	"strings"

	"github.com/fairwayhq/fairway"
)

// veil replaces secrets in what is recorded, and in what is compared with it, by
// a mark with 16 bits of a keyed digest: one that changed is seen, but for one in
// 65,536, and none can be read or guessed from it.
type veil struct {
	mask
	salt []byte
}

// veiled is the mark.
var veiled = regexp.MustCompile(`\*\*\*~[0-9a-f]{4}`)

func newVeil(in Input, salt string) veil { return veil{newMask(in), []byte(salt)} }

func (v veil) mark(secret string) string {
	h := hmac.New(sha256.New, v.salt)
	h.Write([]byte(secret))
	return fairway.Masked + "~" + hex.EncodeToString(h.Sum(nil)[:2])
}

// object returns a copy of an object without secrets.
func (v veil) object(o fairway.Object) fairway.Object {
	out := maps.Clone(o)
	for k, value := range o {
		if k == "metadata" {
			out[k] = v.metadata(value)
		} else if o["kind"] != "Secret" {
			out[k] = v.value(strings.ToLower(k), value)
		}
	}
	if o["kind"] == "Secret" {
		delete(out, "stringData") // a part of data, as it is stored
		if data, _ := settable(o)["data"].(map[string]any); data != nil {
			hidden := map[string]any{}
			for name, entry := range data {
				hidden[name] = v.mark(text(entry))
			}
			out["data"] = hidden
		}
	}
	return out
}

// metadata leaves of what kubectl remembers only the version: the rest may hold
// the data of a Secret.
func (v veil) metadata(value any) any {
	meta, _ := value.(map[string]any)
	out := maps.Clone(meta)
	annotations, _ := meta["annotations"].(map[string]any)
	if annotations == nil {
		return out
	}
	annotations, _ = v.value("annotations", annotations).(map[string]any)
	original, _ := mapAt(value, "annotations")[annotationLastApplied].(string)
	if original != "" {
		var applied struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		_ = json.Unmarshal([]byte(original), &applied) // what cannot be read has no version
		short, _ := json.Marshal(applied)
		annotations[annotationLastApplied] = string(short)
	}
	out["annotations"] = annotations
	return out
}

// value is mask.value with marks.
func (v veil) value(key string, value any) any {
	return eachText(key, value, func(key, s string) string {
		if fairway.LooksSecret(key, s) {
			return v.mark(s)
		}
		return v.text(s)
	})
}

// text replaces the secrets in a text; one that still differs where lines are
// masked by their names gets a mark of the whole.
func (v veil) text(s string) string {
	out := s
	for _, secret := range v.texts {
		out = strings.ReplaceAll(out, secret, v.mark(secret))
	}
	if masked := v.mask.text(out); masked != veiled.ReplaceAllString(out, fairway.Masked) {
		return masked + v.mark(s)
	}
	return out
}

// spec is a pool's without secrets and user data, of which a digest is left.
func (v veil) spec(s fairway.PoolSpec) fairway.PoolSpec {
	s.Pool.ConfigItems = nil
	if s.UserData != "" {
		sum := sha256.Sum256([]byte(v.mask.text(s.UserData)))
		s.UserData = base64.StdEncoding.EncodeToString(sum[:]) + v.mark(s.UserData)
	}
	return s
}

// Comparable is a pool's spec in the form in which it is recorded.
func Comparable(in Input, salt string, s fairway.PoolSpec) fairway.PoolSpec {
	return newVeil(in, salt).spec(s)
}
