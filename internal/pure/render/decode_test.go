package render

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	sigsyaml "sigs.k8s.io/yaml"
)

const head = "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n"

// finalHead is head as it is written.
const finalHead = "apiVersion: v1\nkind: A\nmetadata:\n    name: a\n"

// TestNormalise holds the measured effects of contract 3.8, vector 9.11 and
// errata 1, 2, 6 and 7: what stands below z, and what becomes of it.
func TestNormalise(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, want string }{
		{"0400", "256"}, {"0o17", "15"}, {"0x1F", "31"}, {"1_000", "1000"}, {"1.0", "1"}, {"1e3", "1000"}, {"3.0e10", "3e+10"},
		{"08", "8"}, {"0777", "511"}, {"+1", "1"}, {"0b11", "3"}, {"0x_1", "1"}, {"1_0.5", "10.5"}, {"1__0", "10"}, {"-0", "0"}, {"1.", "1"},
		{"1e-7", "1e-07"}, {"123456789.5", "1.234567895e+08"}, {"1000000.0", "1e+06"}, {"5e6", "5e+06"}, {"21000000000", "21000000000"},
		{"0o8", "0o8"}, {"yEs", "yEs"}, {"NaN", "NaN"}, {"Y", "true"}, {"Yes", "true"}, {"TRUE", "true"}, {"off", "false"}, {"n", "false"},
		{"!!set {a}", "\n    a: null"}, {"!!omap [a: 1]", "\n    - a: 1"}, {"!!float 5", "5"}, {"!!binary aGVsbG8=", "hello"}, {"!mine x", "x"},
		{"2001-01-01", `"2001-01-01"`}, {"1:30", `"1:30"`}, {`"on"`, `"on"`}, {"18446744073709551616", "1.8446744073709552e+19"},
		{">\n  a\n  b\n", "|\n    a b"}, {`"a  \nb"`, `"a  \nb"`}, {`"😀"`, `"\U0001F600"`}, {`"a\tb"`, `"a\tb"`}, {`"\r"`, `"\r"`}, {`"\0"`, `"\0"`},
		{`" x\n y"`, "|4-\n     x\n     y"}, {"[a, b]", "\n    - a\n    - b"}, {"{y: 1, a10: 1, a2: 2, B: 3, 3: 4}", "\n    true: 1\n    3: 4\n    B: 3\n    a2: 2\n    a10: 1"},
		// Where the second library would lose or refuse something, the text is quoted.
		{`"\tx\n"`, `"\tx\n"`}, {`"\tx\ny"`, `"\tx\ny"`}, {`["\na", b]`, "\n    - \"\\na\"\n    - b"}, {`[["\tx\n"]]`, "\n    - - \"\\tx\\n\""}, {`[{a: " x\ny"}]`, "\n    - a: \" x\\ny\""}, {`[{a: {b: "\nx"}}]`, "\n    - a:\n        b: |4-\n\n            x"},
		{strings.Repeat("long ", 60) + "end", strings.Repeat("long ", 60) + "end"},
		{"&a {b: c}\nzz: *a", "\n    b: c\nzz:\n    b: c"}, {"&a {b: c}\nzz: {<<: *a, d: e}", "\n    b: c\nzz:\n    b: c\n    d: e"},
	} {
		t.Run(tc.in, func(t *testing.T) {
			t.Parallel()
			got, err := Normalise(head + "z: " + tc.in + "\n")
			want := finalHead + "z: " + tc.want + "\n"
			if strings.HasPrefix(tc.want, "\n") {
				want = finalHead + "z:" + tc.want + "\n"
			}
			if err != nil || got != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
}

func TestNormalise_Documents(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want, fails string }{
		{name: "two objects", in: head + "---\n" + head, want: finalHead + "---\n" + finalHead},
		{name: "empty documents vanish", in: "---\n# comment\n---\nnull\n---\n" + head + "---\n", want: finalHead},
		{name: "nothing at all", in: "", want: ""},
		{name: "only comments", in: "# a\n", want: ""},
		{name: "booleans before all else", in: head + "y: 2\n", want: "true: 2\n" + finalHead},
		{name: "the last of equal keys", in: head + "z: 1\nz: 2\n", want: finalHead + "z: 2\n"},
		{name: "a byte order mark and CRLF", in: "\ufeff" + strings.ReplaceAll(head, "\n", "\r\n"), want: finalHead},
		{name: "a named list", in: "apiVersion: v1\nkind: List\nmetadata: {name: l}\nitems: []\n", want: "apiVersion: v1\nitems: []\nkind: List\nmetadata:\n    name: l\n"},
		{name: "a list without a name", in: "apiVersion: v1\nkind: List\nitems: []\n", fails: errUnsupported},
		{name: "a generated name", in: "apiVersion: v1\nkind: A\nmetadata: {generateName: a-}\n", fails: errUnsupported},
		{name: "an annotation that is a list", in: "apiVersion: v1\nkind: A\nmetadata: {name: a, annotations: {b: [c]}}\n", fails: errUnsupported},
		{name: "annotations of all plain kinds", in: "apiVersion: v1\nkind: A\nmetadata: {name: n, annotations: {b: ~, c: 1}}\n", want: "apiVersion: v1\nkind: A\nmetadata:\n    annotations:\n        b: null\n        c: 1\n    name: false\n"},
		{name: "no map", in: "- a\n", fails: errUnsupported},
		{name: "an empty map", in: "{}\n", fails: errUnsupported},
		{name: "a scalar", in: "a\n", fails: errUnsupported},
		{name: "an anchor of another document", in: "a: &x 1\n---\nb: *x\n", fails: "unknown anchor"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := Normalise(tc.in)
			if tc.fails == "" && (err != nil || got != tc.want) {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
			if tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)) {
				t.Errorf("got %q, %v, want an error with %q", got, err, tc.fails)
			}
		})
	}
}

// TestDecode_EqualsNormalised compares the short way, which an update takes,
// with the long one: what a client reads from the normalised text.
func TestDecode_EqualsNormalised(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"0400", "0x1F", "1.0", "1e3", "3.0e10", "-0", "-0.0", "1e-7", "123456789.5", "1e+06", "9223372036854775807", "9223372036854775808", "18446744073709551615",
		"18446744073709551616", "1e20", "1e21", "1e30", "-1e19", "0.1", "y", "off", "~", "''", "2001-01-01", "!!timestamp 2001-01-01", "2001-01-01T00:00:00Z", "1:30",
		"{y: 1, n: 2}", "{1: a, 0x10: b, 1.5: c}", "!!set {a}", "!!omap [a: 1]", "!!binary aGVsbG8=", "[1, [2, {a: ~}]]", "{}", "[]", `"\na"`, `"\n"`, `"\n\n"`, `"\tx\n"`,
		`"\u2028x"`, `"a\u0085b"`, `"  x\ny"`, `"x\n "`, `" "`, "|\n  a\n\n  b\n", ">-\n  a\n  b", `"\U0001F600"`, "!!str 1", "!!float 5", "=", "<<", "'y'", "'1e3'", "'0o17'", "'1_0'", ".5", "'.5'", "0b11", "'0b11'", "1_0.5", "'012'",
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			text := head + "z: " + value + "\n"
			normal, err := Normalise(text)
			if err != nil {
				t.Fatal(err)
			}
			asJSON, err := sigsyaml.YAMLToJSON([]byte(normal))
			if err != nil {
				t.Fatal(err)
			}
			var read map[string]any
			if err := utiljson.Unmarshal(asJSON, &read); err != nil {
				t.Fatal(err)
			}
			objects, err := decode("f", text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(read, map[string]any(objects[0])); diff != "" {
				t.Errorf("%s\nnormalised: %q", diff, normal)
			}
		})
	}
}

func TestDecode_Types(t *testing.T) {
	t.Parallel()
	objects, err := decode("f", head+"i: 1\nf: 1.5\nwhole: 2.0\nbig: 18446744073709551615\ns: x\nb: yes\nnone: ~\nl: [1]\nm: {a: 1}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"apiVersion": "v1", "kind": "A", "metadata": map[string]any{"name": "a"}, "i": int64(1), "f": 1.5, "whole": int64(2), "big": float64(18446744073709551615),
		"s": "x", "b": true, "none": nil, "l": []any{int64(1)}, "m": map[string]any{"a": int64(1)},
	}
	if diff := cmp.Diff(want, map[string]any(objects[0])); diff != "" {
		t.Error(diff)
	}
}

func TestDecode_List(t *testing.T) {
	t.Parallel()
	item := func(name string) string { return "{apiVersion: v1, kind: A, metadata: {name: " + name + "}}" }
	objects, err := decode("f", "apiVersion: v1\nkind: List\nmetadata: {name: l}\nitems: ["+item("a")+", "+item("b")+"]\n---\n"+head)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range objects {
		names = append(names, o.Ref().String())
	}
	if diff := cmp.Diff([]string{"A/a", "A/b", "A/a"}, names); diff != "" {
		t.Error(diff)
	}
	if _, err := decode("f", "apiVersion: v1\nkind: List\nmetadata: {name: l}\nitems: [{kind: A}]\n"); err == nil || !strings.Contains(err.Error(), "f: document 1: item 1 of the list: unsupported manifest") {
		t.Errorf("a broken item: %v", err)
	}
}

func TestDecode_BadValues(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"infinite", "z: {a: [.inf]}", ".z.a[0] is no finite number"},
		{"two keys that become one", "z: {y: 1, 'true': 2}", `two keys of .z are "true"`},
		{"no UTF-8", "z: !!binary /w==", ".z is not valid UTF-8"},
		{"no key", "z: {~: 1}", "a key of .z is no text"},
		{"a bomb of one long text", "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a,", 100) + "*a]", "the documents have more than 64 MiB"},
		{"a bomb", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]", "excessive aliasing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := decode("f", head+tc.in+"\n"); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}
