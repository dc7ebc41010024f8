package fairway

import "testing"

func TestLabelSelector(t *testing.T) {
	t.Parallel()
	labels := map[string]string{"app": "web", "tier": "front"}
	later := func(key string) bool { return key == "pod-name" }
	requirement := func(key, operator string, values ...string) *LabelSelector {
		return &LabelSelector{MatchExpressions: []LabelRequirement{{Key: key, Operator: operator, Values: values}}}
	}
	cases := []struct {
		name         string
		selector     *LabelSelector
		matches, may bool
	}{
		{"none", nil, false, false},
		{"everything", &LabelSelector{}, true, true},
		{"label", &LabelSelector{MatchLabels: map[string]string{"app": "web"}}, true, true},
		{"another value", &LabelSelector{MatchLabels: map[string]string{"app": "api"}}, false, false},
		{"one of two", &LabelSelector{MatchLabels: map[string]string{"app": "web", "x": "y"}}, false, false},
		{"added later", &LabelSelector{MatchLabels: map[string]string{"app": "web", "pod-name": "web-0"}}, false, true},
		{"another value and added later", &LabelSelector{MatchLabels: map[string]string{"app": "api", "pod-name": "web-0"}}, false, false},
		{"in", requirement("app", "In", "api", "web"), true, true},
		{"not in the values", requirement("app", "In", "api"), false, false},
		{"in, without the label", requirement("x", "In", ""), false, false},
		{"in, added later", requirement("pod-name", "In", "web-0"), false, true},
		{"not in", requirement("app", "NotIn", "api"), true, true},
		{"not in, but it is", requirement("app", "NotIn", "web"), false, false},
		{"not in, without the label", requirement("x", "NotIn", "y"), true, true},
		{"exists", requirement("tier", "Exists"), true, true},
		{"exists, but not", requirement("x", "Exists"), false, false},
		{"does not exist", requirement("x", "DoesNotExist"), true, true},
		{"does not exist, but does", requirement("app", "DoesNotExist"), false, false},
		{"unknown operator", requirement("app", "Gt", "1"), false, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.selector.Matches(labels); got != c.matches {
				t.Errorf("Matches = %v", got)
			}
			if got := c.selector.MayMatch(labels, later); got != c.may {
				t.Errorf("MayMatch = %v", got)
			}
		})
	}
}
