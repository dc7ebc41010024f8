package render

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// Templates that would run for ever or fill the memory end with an error that
// says where.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"a long loop without a body", "\n{{ range 9000000000 }}{{ end }}", "main/t.yaml: line 2 is run too often"},
		{"a long loop inside others", "{{ if true }}{{ with 1 }}{{ range 3 }}\n{{ range 9000000000 }}x{{ else }}{{ end }}{{ end }}{{ end }}{{ end }}", "line 2 is run too often"},
		{"loops in loops", "{{ range 3000 }}{{ range 3000 }}{{ end }}{{ end }}", "line 1 is run too often"},
		{"a loop that goes on", "{{ range 9000000000 }}{{ continue }}{{ end }}", "line 1 is run too often"},
		{"a template that calls itself twice", `{{ define "a" }}{{ if . }}{{ template "a" (slice . 1) }}{{ template "a" (slice . 1) }}{{ end }}{{ end }}{{ template "a" "` + strings.Repeat("x", 60) + `" }}`, "line 1 is run too often"},
		{"a template without an end", `{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}`, "exceeded maximum template depth"},
		{"a text that doubles", `{{ $s := "x" }}{{ range 100 }}{{ $s = print $s $s }}{{ end }}`, "the result has more than 16 MiB"},
		{"a format that doubles", `{{ $s := "x" }}{{ range 100 }}{{ $s = printf "%s%s%[1]s" $s $s }}{{ end }}`, "a format with 3 verbs may make more than 16 MiB"},
		{"wide formats", `{{ $f := "%999999d" }}{{ range 10 }}{{ $f = print $f $f }}{{ end }}{{ printf $f 1 }}`, "a format with 1024 verbs may make more than 16 MiB"},
		{"a list that doubles", `{{ $l := list "x" }}{{ range 100 }}{{ $l = list $l $l }}{{ end }}{{ $l }}`, "the result has more than 16 MiB"},
		{"a map that doubles", `{{ $m := dict "a" "x" }}{{ range 100 }}{{ $m = dict "a" $m "b" $m }}{{ end }}{{ $m }}`, "the result has more than 16 MiB"},
		{"a long output", `{{ $s := indent 1000 "x" }}{{ range 100000 }}{{ $s }}{{ end }}`, "makes more than 16 MiB of text"},
		{"escaped and escaped again", `{{ $s := "<" }}{{ range 100 }}{{ $s = html $s $s }}{{ end }}`, "the result has more than 16 MiB"},
		{"much work on little", `{{ $s := indent 4000000 "x" }}{{ range 1000 }}{{ $x := sha256 $s }}{{ end }}`, "the functions of this file handle more than 128 MiB"},
		{"deep parentheses", "{{ " + strings.Repeat("(", 20000) + "1" + strings.Repeat(")", 20000) + " }}", "template does not parse"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out, err := evaluate(tc.text, nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) || fairway.ErrorCode(err) != fairway.CodeInvalid {
				t.Errorf("%d bytes, error %.300v, want an invalid one with %q", len(out), err, tc.want)
			}
		})
	}
}

// What real templates do is far from the limits, and counting changes nothing
// in what they give.
func TestLimits_Harmless(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{{ range $i, $x := split "a,b" "," }}{{ $i }}{{ $x }}{{ else }}none{{ end }}`:                                                                       "0a1b",
		`{{ range split "" "," }}x{{ else }}none{{ end }}`:                                                                                                   "none",
		"{{ range 2 -}}\n  x\n{{- end }}":                                                                                                                    "xx",
		`{{ range 5 }}{{ if eq . 3 }}{{ break }}{{ end }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ . }}{{ end }}`:                                             "02",
		`{{ define "a" }}[{{ . }}]{{ end }}{{ template "a" 1 }}{{ block "b" 2 }}<{{ . }}>{{ end }}`:                                                          "[1]<2>",
		`{{ printf "%05d|%-4s|%q" 42 "a" "b" }}{{ print 1 2 "a" "b" 3 }}{{ println "x" }}`:                                                                   "00042|a   |\"b\"1 2ab3x\n",
		`{{ html "<a>" }} {{ js "'" }} {{ urlquery "a b" }}`:                                                                                                 `&lt;a&gt; \' a+b`,
		`{{ define "fact" }}{{ if gt . 0 }}{{ . }}{{ template "fact" (index (split "0,0,1" ",") . | parseInt64) }}{{ end }}{{ end }}{{ template "fact" 2 }}`: "21",
	} {
		if got, err := evaluate(text, nil); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
}

// An end of the context ends a loop that is within the limits.
func TestLimits_Cancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("somebody gave up"))
	files := base(map[string]string{"cluster/manifests/a/a.yaml": configMap + "{{ range 200000 }}{{ end }}1\n"})
	in := Input{Cluster: testCluster(nil), Sources: []Source{{Name: "main", FS: files}}}
	_, err := Bundle(ctx, in)
	if err == nil || fairway.ErrorCode(err) != fairway.CodeUnavailable || !strings.Contains(err.Error(), "somebody gave up") {
		t.Errorf("error %v", err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	// Runs for seconds when nobody stops it.
	text := `{{ $a := indent 1000000 "x" }}{{ $b := indent 1000000 "x" }}{{ range 200000 }}{{ if ne $a $b }}{{ end }}{{ end }}`
	if _, err := Eval(ctx, EvalInput{Input: in, Text: text}); fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Errorf("error %v", err)
	}
}
