package fairway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Origin says who writes, from where and why. It travels in the context of a
// write; the zero value is Fairway itself.
type Origin struct {
	// Who is the name of the principal, Display what people call it.
	Who, Display string
	// From is the address that the request came from.
	From string
	// Reason is what the caller gave as reason.
	Reason string
}

type originKey struct{}

// WithOrigin returns a context whose writes are recorded with the origin.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns the origin of a context's writes.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	if o.Who == "" {
		o.Who, o.Display = "fairway", "fairway"
	}
	return o
}

// ChangeEvent is what a change did to its object.
type ChangeEvent string

// The events of a change.
const (
	ChangeCreated ChangeEvent = "created"
	ChangeUpdated ChangeEvent = "updated"
	ChangeDeleted ChangeEvent = "deleted"
	// ChangeDenied changed nothing: somebody tried without the right.
	ChangeDenied ChangeEvent = "denied"
	// ChangeWarned changed nothing: what was written deserves a look.
	ChangeWarned ChangeEvent = "warned"
	// ChangeAsked, ChangeApproved and ChangeWithdrawn are about the end of a
	// protected cluster, which is not changed by them yet.
	ChangeAsked     ChangeEvent = "decommission-asked"
	ChangeApproved  ChangeEvent = "decommission-approved"
	ChangeWithdrawn ChangeEvent = "decommission-withdrawn"
	// ChangeLoggedIn and ChangeLoggedOut begin and end the session of a browser.
	ChangeLoggedIn  ChangeEvent = "logged-in"
	ChangeLoggedOut ChangeEvent = "logged-out"
	// ChangeDriftRepaired changed nothing of the entry: an object of the cluster
	// was set back to what the configuration says.
	ChangeDriftRepaired ChangeEvent = "drift-repaired"
	// ChangePlanApproved changed nothing: somebody agreed to what an update of the
	// cluster is going to delete.
	ChangePlanApproved ChangeEvent = "plan-approved"
)

// The kinds of objects that changes are recorded of.
const (
	KindCluster = "cluster"
	KindAccount = "account"
	// KindRegistry is a registry file in git as a whole; only warnings are
	// recorded of it.
	KindRegistry = "registry"
	// KindSession is the session of a browser; its id is the principal's name, or
	// the issuer's while nobody is known yet.
	KindSession = "session"
)

// Change is one entry of the registry's append-only record. Entries are chained
// by their hashes: none can be altered, removed or put between others unseen.
type Change struct {
	// Seq counts up by one without gaps, in the order in which changes were
	// committed.
	Seq     int64       `json:"seq"`
	At      time.Time   `json:"at"`
	Kind    string      `json:"kind"`
	ID      string      `json:"id"`
	Event   ChangeEvent `json:"event"`
	Who     string      `json:"who"`
	Display string      `json:"display,omitempty"`
	From    string      `json:"from,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	// Before and After hold what differs, by JSON pointer; node pools are
	// addressed by name. Secrets are masked.
	Before map[string]any `json:"before,omitempty"`
	After  map[string]any `json:"after,omitempty"`
	// ETag is that of the object after the change.
	ETag string `json:"etag,omitempty"`
	// Hash is the hex SHA-256 of the hash before and this entry's own content.
	Hash string `json:"hash"`
}

// ChainHash returns the hash of an entry that follows one with the hash before;
// "" is before the first.
func (c Change) ChainHash(before string) string {
	c.Hash = ""
	c.At = c.At.UTC()
	text, err := json.Marshal(c) // struct fields in order, map keys sorted
	if err != nil {
		panic(err) // texts, numbers and lists of them: always marshals
	}
	sum := sha256.Sum256(append([]byte(before+"\n"), text...))
	return hex.EncodeToString(sum[:])
}

// ChangeFilter selects changes; empty fields select all.
type ChangeFilter struct {
	Kinds  []string
	ID     string
	Events []ChangeEvent
	Who    string
	// After and Before bound Seq, both exclusive; 0 is no bound.
	After, Before int64
	Since, Until  time.Time
	// Newest returns the newest first, else the oldest.
	Newest bool
	// Limit is the largest number returned; 0 means 500.
	Limit int
}

// Audit is the record of all changes of the registry. Implementations are safe
// for concurrent use.
type Audit interface {
	// Changes returns the entries that pass the filter.
	Changes(ctx context.Context, filter ChangeFilter) ([]Change, error)
	// ChangeBounds returns the numbers of the oldest and the newest entry; both
	// are 0 when there is none.
	ChangeBounds(ctx context.Context) (oldest, newest int64, err error)
	// ClusterAt returns a cluster as it was after the change with that number.
	// CodeNotFound when it did not exist then, or that is not kept any more.
	ClusterAt(ctx context.Context, id string, seq int64) (*Cluster, error)
	// AccountAt is ClusterAt for accounts.
	AccountAt(ctx context.Context, id string, seq int64) (*InfrastructureAccount, error)
	// Record appends an entry that is no change of an object.
	Record(ctx context.Context, c Change) error
	// VerifyChain reads the whole record and returns how many entries it has.
	// CodeConflict names the first that does not follow from the one before.
	VerifyChain(ctx context.Context) (int64, error)
	// Changed returns a channel that is closed at the next change of this
	// process or, with some delay, of another.
	Changed() <-chan struct{}
}

// Masked stands in place of a secret.
const Masked = "***"

// IsSecretReference reports whether a config item's value is an encrypted
// secret: the registry stores and serves it, and never decrypts it.
func IsSecretReference(value string) bool {
	return strings.HasPrefix(value, "aws:kms:") || strings.HasPrefix(value, "age:")
}

// LooksSecret reports whether a config item seems to hold a secret in clear: by
// what its value begins with (private keys, tokens of well-known services,
// JSON web tokens), or by its name.
func LooksSecret(key, value string) bool {
	if value == "" || IsSecretReference(value) {
		return false
	}
	for _, part := range []string{"PRIVATE KEY-----", "PGP PRIVATE KEY BLOCK"} {
		if strings.Contains(value, part) {
			return true
		}
	}
	for _, head := range []string{"ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "AKIA", "ASIA", "sk_live_", "AGE-SECRET-KEY-", "ya29.", "hvs."} {
		if strings.HasPrefix(value, head) {
			return true
		}
	}
	if strings.HasPrefix(value, "eyJ") && strings.Count(value, ".") == 2 {
		return true
	}
	for _, word := range []string{"password", "passwd", "secret", "token", "private_key", "api_key", "apikey", "credential"} {
		if strings.Contains(key, word) {
			// A name alone says little: flags, numbers and short words are no secrets.
			return len(value) >= 8 && !isPlain(value)
		}
	}
	return false
}

// isPlain reports whether a value is a flag, a number, a duration, a name or a
// URL without user.
func isPlain(value string) bool {
	if _, err := strconv.ParseFloat(value, 64); err == nil {
		return true
	}
	if _, err := time.ParseDuration(value); err == nil {
		return true
	}
	if _, err := strconv.ParseBool(value); err == nil {
		return true
	}
	return strings.Contains(value, "://") && !strings.Contains(value, "@")
}

// Diff returns what differs between two values of one type, by JSON pointer:
// what stood there before and what stands there after. Lists of objects with a
// name are compared by name; a value that is missing on one side is missing in
// its map. Config items that hold secrets are masked.
func Diff(before, after any) (was, is map[string]any) {
	was, is = map[string]any{}, map[string]any{}
	if b, ok := before.(*Cluster); ok && b != nil {
		if a, ok := after.(*Cluster); ok && a != nil {
			before, after = differing(b, a)
		}
	}
	diff("", plain(before), plain(after), was, is)
	return was, is
}

// differing returns two clusters without what is large and the same in both:
// most changes touch little of a cluster.
func differing(before, after *Cluster) (*Cluster, *Cluster) {
	b, a := *before, *after
	b.ConfigItems, a.ConfigItems = lacking(before.ConfigItems, after.ConfigItems), lacking(after.ConfigItems, before.ConfigItems)
	if reflect.DeepEqual(b.NodePools, a.NodePools) {
		b.NodePools, a.NodePools = nil, nil
	}
	return &b, &a
}

// lacking returns the entries that another map does not have.
func lacking(m, other map[string]string) map[string]string {
	var out map[string]string
	for k, v := range m {
		if o, both := other[k]; !both || o != v {
			if out == nil {
				out = map[string]string{}
			}
			out[k] = v
		}
	}
	return out
}

// plain returns a value as decoded JSON.
func plain(v any) any {
	if v == nil {
		return nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the nouns of this package always marshal
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		panic(err)
	}
	return byName(out)
}

// byName turns lists of named objects into maps.
func byName(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, one := range v {
			v[k] = byName(one)
		}
	case []any:
		named := map[string]any{}
		for _, one := range v {
			m, ok := one.(map[string]any)
			if !ok {
				return v
			}
			name, ok := m["name"].(string)
			if !ok {
				return v
			}
			named[name] = byName(m)
		}
		if len(named) == len(v) && len(v) > 0 {
			return named
		}
	}
	return v
}

func diff(path string, before, after any, was, is map[string]any) {
	b, isMap := before.(map[string]any)
	a, areMaps := after.(map[string]any)
	if !isMap && !areMaps || path != "" && (!isMap && before != nil || !areMaps && after != nil) {
		if !reflect.DeepEqual(before, after) {
			put(was, path, before)
			put(is, path, after)
		}
		return
	}
	for k, v := range b {
		diff(path+"/"+pointer.Replace(k), v, a[k], was, is)
	}
	for k, v := range a {
		if _, both := b[k]; !both {
			diff(path+"/"+pointer.Replace(k), nil, v, was, is)
		}
	}
}

// pointer escapes what has a meaning in JSON pointers (RFC 6901).
var pointer = strings.NewReplacer("~", "~0", "/", "~1")

func put(m map[string]any, path string, v any) {
	if v == nil {
		return
	}
	if text, ok := v.(string); ok {
		if dir, key, ok := cutLast(path); ok && strings.HasSuffix(dir, "/config_items") && LooksSecret(key, text) {
			v = Masked
		}
	}
	m[path] = v
}

func cutLast(path string) (dir, last string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}
