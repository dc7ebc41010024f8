package nodegroup

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// validName takes what is a DNS label: names become parts of messages, URLs
// and node labels.
func validName(what, name string) error {
	if errs := validation.IsDNS1123Subdomain(name); len(errs) > 0 {
		return errorf(CodeInvalid, "%s name %q: %s", what, name, strings.Join(errs, "; "))
	}
	return nil
}

// validLabels refuses here what the API server would refuse on the Node,
// where nobody who made the mistake is listening.
func validLabels(what string, labels map[string]string) error {
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		errs := validation.IsQualifiedName(k)
		errs = append(errs, validation.IsValidLabelValue(labels[k])...)
		if len(errs) > 0 {
			return errorf(CodeInvalid, "%s: label %q=%q: %s", what, k, labels[k], strings.Join(errs, "; "))
		}
	}
	return nil
}

func (c Capacity) valid(template string) error {
	for name, value := range map[string]string{"cpu": c.CPU, "memory": c.Memory, "pods": c.Pods} {
		q, err := resource.ParseQuantity(value)
		if err != nil {
			return errorf(CodeInvalid, "launch template %q: capacity %s %q: %v", template, name, value, err)
		}
		if q.Sign() <= 0 {
			return errorf(CodeInvalid, "launch template %q: capacity %s %q must be more than nothing", template, name, value)
		}
	}
	return nil
}
