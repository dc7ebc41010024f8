package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/fairwayhq/fairway"
)

// Only a policy that refuses every write of the identity counts.
func TestGuards(t *testing.T) {
	t.Parallel()
	const user = "system:serviceaccount:kube-system:fairway-plan"
	var text []string
	for _, o := range Identity("kube-system", nil, false)[1:3] {
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, string(b))
	}
	read := func(from, to string) (all []fairway.Object) {
		for _, one := range text {
			var o fairway.Object
			if err := json.Unmarshal([]byte(strings.Replace(one, from, to, 1)), &o); err != nil {
				t.Fatal(err)
			}
			all = append(all, o)
		}
		return all
	}
	for name, c := range map[string]struct {
		from, to, user string
		want           bool
	}{
		"as it is":                   {"", "", user, true},
		"with what is filled in":     {`"resources":["*/*"]`, `"resources":["*/*"],"scope":"*"`, user, true},
		"another user":               {"", "", "system:serviceaccount:default:fairway-plan", false},
		"an administrator":           {"", "", "admin", false},
		"no user":                    {"", "", "", false},
		"failures ignored":           {`"Fail"`, `"Ignore"`, user, false},
		"only some kinds":            {`"resources":["*/*"]`, `"resources":["pods"]`, user, false},
		"only some names":            {`"resources":["*/*"]`, `"resources":["*/*"],"resourceNames":["a"]`, user, false},
		"only some operations":       {`"operations":["*"]`, `"operations":["CREATE"]`, user, false},
		"only in namespaces":         {`"resources":["*/*"]`, `"resources":["*/*"],"scope":"Namespaced"`, user, false},
		"with exceptions":            {`"matchConstraints":{`, `"matchConstraints":{"excludeResourceRules":[{}],`, user, false},
		"in some namespaces":         {`"matchConstraints":{`, `"matchConstraints":{"namespaceSelector":{"matchLabels":{"a":"b"}},`, user, false},
		"another condition":          {`kube-system`, `kube-systen`, user, false},
		"one that always holds":      {"has(request.dryRun)", "true", user, false},
		"one that only warns":        {`["Deny"]`, `["Warn"]`, user, false},
		"bound to some":              {`"policyName"`, `"matchResources":{},"policyName"`, user, false},
		"a binding of another":       {`"policyName":"fairway-plan"`, `"policyName":"x"`, user, false},
		"depending on a parameter":   {`"failurePolicy"`, `"paramKind":{},"failurePolicy"`, user, false},
		"warning and refusing":       {`["Deny"]`, `["Warn","Deny"]`, user, true},
		"with empty selectors added": {`"matchConstraints":{`, `"matchConstraints":{"namespaceSelector":{},"objectSelector":{},`, user, true},
	} {
		live := read(c.from, c.to)
		if got := Guards(live[0], live[1], c.user); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The identity may write nothing that gives rights, tokens or access, not even
// in a dry run.
func TestIdentity_Rights(t *testing.T) {
	t.Parallel()
	for _, o := range Identity("kube-system", []string{"example.org"}, false) {
		for i, r := range listAt(map[string]any(o), "rules") {
			verbs, groups, resources := listAt(r, "verbs"), listAt(r, "apiGroups"), listAt(r, "resources")
			if slices.Contains(groups, any("*")) || slices.Contains(groups, any("")) && slices.Contains(resources, any("*")) {
				t.Errorf("%v includes what runs commands: nodes/proxy", r)
			}
			if i < 2 {
				continue // reads
			}
			if len(verbs) != 2 || slices.Contains(groups, any("rbac.authorization.k8s.io")) || slices.Contains(groups, any("admissionregistration.k8s.io")) || slices.Contains(groups, any("*")) {
				t.Errorf("%v", r)
			}
			if slices.Contains(resources, any("*")) && groups[0] != "example.org" || slices.ContainsFunc(resources, func(v any) bool { return strings.Contains(v.(string), "/") }) {
				t.Errorf("%v", r)
			}
		}
	}
}

// Without the policy the identity has no right to write at all.
func TestIdentity_ReadOnly(t *testing.T) {
	t.Parallel()
	for _, o := range Identity("kube-system", []string{"example.org"}, true) {
		if strings.HasPrefix(o.Ref().Kind, "Validating") {
			t.Errorf("%s", o.Ref())
		}
		for _, r := range listAt(map[string]any(o), "rules") {
			if slices.Contains(listAt(r, "verbs"), any("patch")) {
				t.Errorf("%v", r)
			}
		}
	}
}
