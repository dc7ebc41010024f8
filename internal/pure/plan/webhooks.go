package plan

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

const (
	kubeSystem = "kube-system"
	nodeLeases = "kube-node-lease"
)

// webhooks finds admission webhooks that can wedge the API: those that must
// answer before nodes, leases or the pods of kube-system can be written, and
// those that nothing answers.
func webhooks(s subject) []Finding {
	var found []Finding
	for _, o := range append(s.manifests(), s.live()...) {
		if kind := o.object.Ref().Kind; kind != "ValidatingWebhookConfiguration" && kind != "MutatingWebhookConfiguration" {
			continue
		}
		for _, w := range listAt(map[string]any(o.object), "webhooks") {
			hook, _ := w.(map[string]any)
			if textAt(hook, "failurePolicy") == "Ignore" {
				continue
			}
			found = append(found, s.webhook(o, hook)...)
		}
	}
	return found
}

// webhook judges one webhook whose failure refuses requests.
func (s subject) webhook(o place, hook map[string]any) []Finding {
	var found []Finding
	finding := func(severity Severity, reason, remedy string) {
		found = append(found, Finding{
			Check: CheckWebhook, Severity: severity, Object: o.object.Ref().String(), Component: o.component,
			Reason: fmt.Sprintf("webhook %s %s", textAt(hook, "name"), reason), Remedy: remedy,
		})
	}
	severity := Block
	if len(listAt(hook, "matchConditions")) > 0 || len(mapAt(hook, "objectSelector")) > 0 {
		severity = Warn // which requests it gets, only the API server can tell
	}
	if besideServer(textAt(hook, "clientConfig", "url")) {
		severity = Warn // it is a part of the control plane, and comes and goes with it
	}
	service := mapAt(hook, "clientConfig", "service")
	const remedy = "set failurePolicy Ignore, or leave these out with rules and a namespaceSelector"
	vital, own := s.covered(hook, textAt(service, "namespace"))
	if len(vital) > 0 {
		finding(severity, fmt.Sprintf("has failurePolicy Fail and is asked about %s: when it does not answer, the cluster cannot repair itself", strings.Join(vital, ", ")), remedy)
	}
	if own {
		finding(Warn, "has failurePolicy Fail and is asked about the pods of its own namespace: once none of them runs, none can be made", remedy)
	}
	name := textAt(service, "namespace") + "/" + textAt(service, "name")
	if ready, known := s.in.Observed.Endpoints[name]; service != nil && known && !ready && !s.arrives(o, name) {
		finding(Block, fmt.Sprintf("has failurePolicy Fail, and no endpoint of service %s is ready: what it is asked about is refused", name),
			"repair the service, or remove the webhook before the update")
	}
	return found
}

// arrives reports whether the service behind a webhook of the configuration is
// made by the same update.
func (s subject) arrives(o place, service string) bool {
	if o.component == "" {
		return false
	}
	namespace, name, _ := strings.Cut(service, "/")
	key := Key{Kind: "Service", Namespace: namespace, Name: name}
	if namespace == "default" {
		key.Namespace = ""
	}
	_, live := s.in.Observed.Live[key]
	return !live && slices.ContainsFunc(s.manifests(), func(m place) bool { return KeyOf(m.object.Ref()) == key })
}

// besideServer reports whether a webhook is called on the API server's own machine.
func besideServer(address string) bool {
	u, err := url.Parse(address)
	if err != nil || address == "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// covered lists what of the cluster's own life a webhook is asked about, and
// whether also the pods of its service's namespace home are.
func (s subject) covered(hook map[string]any, home string) (vital []string, own bool) {
	selector := mapAt(hook, "namespaceSelector")
	inSystem := selects(selector, s.namespaceLabels(kubeSystem))
	inLeases := selects(selector, s.namespaceLabels(nodeLeases))
	for _, r := range listAt(hook, "rules") {
		if !anyOf(r, "operations", "CREATE", "UPDATE", "DELETE") {
			continue
		}
		scope := textAt(r, "scope")
		add := func(what string, yes bool) {
			if yes && !slices.Contains(vital, what) {
				vital = append(vital, what)
			}
		}
		core, leases := anyOf(r, "apiGroups", ""), anyOf(r, "apiGroups", "coordination.k8s.io")
		pods := core && anyOf(r, "resources", "pods", "*/*") && anyOf(r, "operations", "CREATE") && scope != "Cluster"
		add("nodes", core && anyOf(r, "resources", "nodes", "nodes/status", "*/*") && scope != "Namespaced")
		add("leases", leases && anyOf(r, "resources", "leases", "*/*") && scope != "Cluster" && (inSystem || inLeases))
		add("pods of "+kubeSystem, pods && inSystem)
		own = own || pods && home != "" && home != kubeSystem && selects(selector, s.namespaceLabels(home))
	}
	return vital, own
}

// namespaceLabels are the labels of a live namespace, at least the one that every
// namespace has.
func (s subject) namespaceLabels(name string) map[string]string {
	labels := map[string]string{"kubernetes.io/metadata.name": name}
	for _, o := range s.in.Observed.Others {
		if ref := o.Ref(); ref.Kind == "Namespace" && ref.Name == name {
			for k, v := range mapAt(map[string]any(o), "metadata", "labels") {
				labels[k], _ = v.(string)
			}
		}
	}
	return labels
}

// anyOf reports whether a list of a rule holds one of the values, or "*".
func anyOf(rule any, field string, values ...string) bool {
	for _, v := range listAt(rule, field) {
		if text, _ := v.(string); text == "*" || slices.Contains(values, text) {
			return true
		}
	}
	return false
}
