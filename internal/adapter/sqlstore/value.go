package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// crockford is the alphabet of ULIDs, in the order of its bytes.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// newID returns an id that sorts by its time: 48 bits of milliseconds and 80
// random bits in 26 characters, as ULIDs are.
func newID(now time.Time) string {
	var b [20]byte // 4 leading zero bytes: 26 characters hold 130 bits
	binary.BigEndian.PutUint64(b[2:], uint64(now.UnixMilli()))
	rand.Read(b[10:])
	return crockford.EncodeToString(b[:])[6:]
}

// micros turns a time into what is stored; 0 is the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// at reads a stored time.
type at struct{ t *time.Time }

// Scan implements sql.Scanner.
func (a at) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", v)
	}
	*a.t = time.Time{}
	if n != 0 {
		*a.t = time.UnixMicro(n).UTC()
	}
	return nil
}

// packed stores and reads a value as JSON text.
type packed struct{ v any }

// Scan implements sql.Scanner.
func (p packed) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("JSON is stored as %T", v)
	}
	return json.Unmarshal([]byte(s), p.v)
}

// items reads a map of texts, stored by pack, from a database.
type items struct{ m *map[string]string }

// Scan implements sql.Scanner.
func (i items) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("JSON is stored as %T", v)
	}
	if m, ok := plainItems(s); ok {
		*i.m = m
		return nil
	}
	return json.Unmarshal([]byte(s), i.m)
}

// plainItems reads an object of texts as json.Marshal writes it, as long as no
// text has an escape: a tenth of the time of the general decoder, in lists of
// thousands of clusters with a hundred items each.
func plainItems(s string) (map[string]string, bool) {
	if s == "null" {
		return nil, true
	}
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' || strings.IndexByte(s, '\\') >= 0 {
		return nil, false
	}
	m := make(map[string]string, strings.Count(s, `":"`))
	text := func(head string) (string, bool) {
		rest, ok := strings.CutPrefix(s, head)
		if !ok {
			return "", false
		}
		t, rest, ok := strings.Cut(rest, `"`)
		s = rest
		return t, ok
	}
	for head := `{"`; s != "}" && s != "{}"; head = `,"` {
		k, ok := text(head)
		if !ok {
			return nil, false
		}
		v, ok := text(`:"`)
		if !ok {
			return nil, false
		}
		m[k] = v
	}
	return m, true
}

// pack returns the JSON text of a value, which never fails for our types.
func pack(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a map of strings, a list of structs: always marshals
	}
	return string(b)
}

// row is what both sql.Row and sql.Rows can do.
type row interface{ Scan(dest ...any) error }

// collect reads all rows of a query.
func collect[T any](rows *sql.Rows, err error, scan func(row) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []T{}
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// affected returns CodeNotFound when a statement changed no row.
func affected(r sql.Result, err error, what, id string) error {
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err == nil && n == 0 {
		return notFound(what, id)
	}
	return err
}

// overOrMissing tells a row that does not exist from one whose state is final,
// after a conditional write touched none.
func overOrMissing(ctx context.Context, tx *transaction, cause error, what, table, id string) error {
	if fairway.ErrorCode(cause) != fairway.CodeNotFound {
		return cause
	}
	var state string
	if err := tx.QueryRowContext(ctx, `SELECT state FROM `+table+` WHERE id = $1`, id).Scan(&state); err != nil {
		return cause
	}
	return fairway.Errorf(fairway.CodeConflict, "save %s %s: it is over (%s)", what, id, state)
}

func notFound(what, id string) error {
	return fairway.Errorf(fairway.CodeNotFound, "%s %q does not exist", what, id)
}

// micro returns the time as it comes back from the database.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
