package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// IdentityName is the name of the plan identity, and of everything that makes it.
const IdentityName = "fairway-plan"

// onlyDryRuns is what the policy asks of every write of the identity.
const onlyDryRuns = "has(request.dryRun) && request.dryRun"

// dryRunKinds are the kinds that the identity may write in a dry run, by API
// group: what configurations are made of. Named one by one, because "*" would
// also mean serviceaccounts/token, which answers a dry run with a token.
// Kinds that grant rights, and those of admission itself, on which policies have
// no hold, are compared by managed fields.
var dryRunKinds = map[string][]string{
	"": {"configmaps", "endpoints", "limitranges", "namespaces", "persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates",
		"replicationcontrollers", "resourcequotas", "secrets", "serviceaccounts", "services"},
	"apiextensions.k8s.io":         {"customresourcedefinitions"},
	"apps":                         {"daemonsets", "deployments", "replicasets", "statefulsets"},
	"autoscaling":                  {"horizontalpodautoscalers"},
	"batch":                        {"cronjobs", "jobs"},
	"coordination.k8s.io":          {"leases"},
	"discovery.k8s.io":             {"endpointslices"},
	"flowcontrol.apiserver.k8s.io": {"flowschemas", "prioritylevelconfigurations"},
	"networking.k8s.io":            {"ingressclasses", "ingresses", "networkpolicies"},
	"node.k8s.io":                  {"runtimeclasses"},
	"policy":                       {"poddisruptionbudgets"},
	"scheduling.k8s.io":            {"priorityclasses"},
	"storage.k8s.io":               {"csidrivers", "storageclasses"},
}

// readKinds are the kinds that the identity may read of the core group, and
// readGroups the further API groups of Kubernetes, all of whose kinds it may.
// "*" of the core group would also mean nodes/proxy, through which kubelets run
// commands without that any policy is asked.
var (
	readKinds = []string{"configmaps", "endpoints", "events", "limitranges", "namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods",
		"podtemplates", "replicationcontrollers", "resourcequotas", "secrets", "serviceaccounts", "services"}
	readGroups = []string{"admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps", "autoscaling", "batch", "certificates.k8s.io",
		"coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io", "metrics.k8s.io", "networking.k8s.io",
		"node.k8s.io", "policy", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io", "storagemigration.k8s.io"}
)

// Identity returns the objects that make the plan identity in a cluster: a
// service account in a namespace that may read and write in dry runs, and the
// policy that refuses its every other write. groups are API groups of custom
// objects that are included. readOnly leaves out the policy and all rights to
// write: everything is compared by managed fields then.
func Identity(namespace string, groups []string, readOnly bool) []fairway.Object {
	named := func(apiVersion, kind string, rest map[string]any) fairway.Object {
		o := fairway.Object{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": IdentityName}}
		for k, v := range rest {
			o[k] = v
		}
		return o
	}
	read, write := []string{"get", "list", "watch"}, []string{"create", "patch"}
	rules := []any{rule([]string{""}, readKinds, read), rule(slices.Concat(readGroups, groups), []string{"*"}, read)}
	for _, group := range slices.Sorted(maps.Keys(dryRunKinds)) {
		rules = append(rules, rule([]string{group}, dryRunKinds[group], write))
	}
	if len(groups) > 0 {
		rules = append(rules, rule(groups, []string{"*"}, write))
	}
	if readOnly {
		rules = rules[:2]
	}
	const rbac, admission = "rbac.authorization.k8s.io", "admissionregistration.k8s.io/v1"
	account := map[string]any{"name": IdentityName, "namespace": namespace}
	all := []fairway.Object{
		{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
		// The policy first: no moment without it.
		named(admission, "ValidatingAdmissionPolicy", map[string]any{"spec": map[string]any{
			"failurePolicy": "Fail",
			"matchConstraints": map[string]any{"resourceRules": []any{map[string]any{
				"apiGroups": []any{"*"}, "apiVersions": []any{"*"}, "resources": []any{"*/*"}, "operations": []any{"*"},
			}}},
			"matchConditions": []any{map[string]any{"name": "the-plan-identity", "expression": isIdentity(namespace)}},
			"validations":     []any{map[string]any{"expression": onlyDryRuns, "message": "the identity of plans writes nothing", "reason": "Forbidden"}},
		}}),
		named(admission, "ValidatingAdmissionPolicyBinding", map[string]any{"spec": map[string]any{"policyName": IdentityName, "validationActions": []any{"Deny"}}}),
		named(rbac+"/v1", "ClusterRole", map[string]any{"rules": rules}),
		named(rbac+"/v1", "ClusterRoleBinding", map[string]any{
			"roleRef":  map[string]any{"apiGroup": rbac, "kind": "ClusterRole", "name": IdentityName},
			"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": IdentityName, "namespace": namespace}},
		}),
	}
	if readOnly {
		all = slices.Delete(all, 1, 3)
	}
	return all
}

func rule(groups, resources, verbs []string) map[string]any {
	list := func(texts []string) (out []any) {
		for _, t := range texts {
			out = append(out, t)
		}
		return out
	}
	return map[string]any{"apiGroups": list(groups), "resources": list(resources), "verbs": list(verbs)}
}

// IsAdministration reports whether the kinds of an API group give rights or
// change what the API server admits: the identity never writes them.
func IsAdministration(group string) bool {
	return slices.Contains([]string{"admissionregistration.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "certificates.k8s.io", "rbac.authorization.k8s.io"}, group)
}

func accountName(namespace string) string {
	return "system:serviceaccount:" + namespace + ":" + IdentityName
}

// isIdentity is the expression for requests of the identity.
func isIdentity(namespace string) string {
	return fmt.Sprintf("request.userInfo.username == %q", accountName(namespace))
}

// Guards reports whether a live policy and its binding refuse every write of a
// user that is no dry run, as Identity makes them.
func Guards(policy, binding fairway.Object, user string) bool {
	namespace, ok := strings.CutPrefix(strings.TrimSuffix(user, ":"+IdentityName), "system:serviceaccount:")
	if !ok || accountName(namespace) != user {
		return false
	}
	spec, to := mapAt(map[string]any(policy), "spec"), mapAt(map[string]any(binding), "spec")
	rules, conditions, validations := listAt(spec, "matchConstraints", "resourceRules"), listAt(spec, "matchConditions"), listAt(spec, "validations")
	if len(rules) == 0 || len(conditions) != 1 || len(validations) == 0 {
		return false
	}
	everything := true
	for field, all := range map[string]string{"apiGroups": "*", "apiVersions": "*", "resources": "*/*", "operations": "*"} {
		everything = everything && slices.Contains(listAt(rules[0], field), any(all))
	}
	constraints := mapAt(spec, "matchConstraints")
	return everything && len(listAt(rules[0], "resourceNames")) == 0 && len(listAt(constraints, "excludeResourceRules")) == 0 &&
		len(mapAt(constraints, "namespaceSelector")) == 0 && len(mapAt(constraints, "objectSelector")) == 0 &&
		slices.Contains([]any{nil, "*", ""}, at(rules[0], "scope")) &&
		spec["failurePolicy"] == "Fail" && spec["paramKind"] == nil &&
		textAt(conditions[0], "expression") == isIdentity(namespace) && textAt(validations[0], "expression") == onlyDryRuns &&
		to["policyName"] == IdentityName && to["matchResources"] == nil && slices.Contains(listAt(to, "validationActions"), any("Deny"))
}

// Differing returns the objects of a bundle that a comparison by managed fields
// finds changed or missing, without those that were applied like this before:
// only of them a dry run could tell more.
func Differing(b *fairway.Bundle, seen Observed) []fairway.Object {
	var all []fairway.Object
	for _, c := range b.Components {
		for _, o := range c.Objects {
			key := KeyOf(o.Ref())
			if seen.Unserved[o.Ref().APIVersion+"/"+o.Ref().Kind] || seen.sameRender(o) {
				continue
			}
			live, exists := seen.Live[key]
			if !exists || seen.differs(o, live) {
				all = append(all, o)
			}
		}
	}
	return all
}
