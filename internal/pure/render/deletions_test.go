package render

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

func TestParseDeletions(t *testing.T) {
	t.Parallel()
	before, after, err := ParseDeletions("f", `
pre_apply:
- {kind: Deployment, name: a, namespace: kube-system, grace_period_seconds: 5, propagation_policy: Orphan}
- {kind: nodes.v1., name: n, unknown: key}
- {kind: Pod, labels: {a: "1", b: 2}, has_owner: false}
post_apply:
- {kind: Pod, selector: "a in (b)", namespace: x, has_owner: true}
other: ignored
`)
	if err != nil {
		t.Fatal(err)
	}
	no, yes, five := false, true, int64(5)
	if diff := cmp.Diff([]fairway.Deletion{
		{Kind: "Deployment", Name: "a", Namespace: "kube-system", GracePeriodSeconds: &five, PropagationPolicy: "Orphan"},
		{Kind: "nodes.v1.", Name: "n"},
		{Kind: "Pod", Labels: map[string]string{"a": "1", "b": "2"}, HasOwner: &no},
	}, before); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]fairway.Deletion{{Kind: "Pod", Selector: "a in (b)", Namespace: "x", HasOwner: &yes}}, after); diff != "" {
		t.Error(diff)
	}
}

func TestParseDeletions_Errors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"nothing says which", "{kind: Pod}", "f: pre_apply entry 1 (Pod/): none of name, selector and labels is given"},
		{"an empty map of labels", "{kind: Pod, labels: {}}", "none of name, selector and labels is given"},
		{"name and labels", "{kind: Pod, name: a, labels: {a: b}}", "more than one of name, selector and labels is given"},
		{"selector and labels", "{kind: Pod, selector: a=b, labels: {a: b}}", "more than one of name, selector and labels is given"},
		{"owner of a name", "{kind: Pod, name: a, has_owner: false}", "has_owner needs selector or labels"},
		{"no kind", "{name: a}", "kind is missing"},
		{"unknown policy", "{kind: Pod, name: a, propagation_policy: Foregroud}", `propagation_policy "Foregroud" does not exist`},
		{"no map", "a", "f: the rendered text is not valid"},
		{"a text for a number", "{kind: Pod, name: a, grace_period_seconds: soon}", "f: the rendered text is not valid"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := ParseDeletions("f", "pre_apply: ["+tc.in+"]")
			if err == nil || !strings.Contains(err.Error(), tc.want) || fairway.ErrorCode(err) != fairway.CodeInvalid {
				t.Errorf("error %v, want an invalid one with %q", err, tc.want)
			}
		})
	}
	before, after, err := ParseDeletions("f", "")
	if err != nil || len(before)+len(after) != 0 {
		t.Errorf("an empty file: %v %v %v", before, after, err)
	}
}
