package manifest

import (
	"github.com/fairwayhq/fairway"
)

// Item is one object of a stage and the component that it belongs to.
type Item struct {
	Component string
	Object    fairway.Object
}

// stage is how far in the order of an apply an object stands.
type stage int

const (
	// stageKinds: what makes kinds, places and classes exist.
	stageKinds stage = iota
	// stageSupport: what workloads refer to or are limited by. Budgets come
	// before the pods that they guard.
	stageSupport
	// stageServices: before the pods, which get their names as variables.
	stageServices
	// stageWorkloads: what runs, and objects of custom kinds, whose
	// definitions are there by now.
	stageWorkloads
	// stageHooks: what the API server asks before it accepts anything; last,
	// when that what answers had its chance to start.
	stageHooks
	stageCount
)

// kinds are the built-in kinds by group and kind. Everything else is a custom
// kind.
var kinds = map[string]stage{
	"apiextensions.k8s.io/CustomResourceDefinition": stageKinds,
	"/Namespace":                                              stageKinds,
	"scheduling.k8s.io/PriorityClass":                         stageKinds,
	"storage.k8s.io/StorageClass":                             stageKinds,
	"storage.k8s.io/CSIDriver":                                stageKinds,
	"storage.k8s.io/VolumeAttributesClass":                    stageKinds,
	"node.k8s.io/RuntimeClass":                                stageKinds,
	"networking.k8s.io/IngressClass":                          stageKinds,
	"resource.k8s.io/DeviceClass":                             stageKinds,
	"flowcontrol.apiserver.k8s.io/FlowSchema":                 stageKinds,
	"flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": stageKinds,

	"/ServiceAccount":                       stageSupport,
	"/ConfigMap":                            stageSupport,
	"/Secret":                               stageSupport,
	"/ResourceQuota":                        stageSupport,
	"/LimitRange":                           stageSupport,
	"/PersistentVolume":                     stageSupport,
	"/PersistentVolumeClaim":                stageSupport,
	"rbac.authorization.k8s.io/ClusterRole": stageSupport,
	"rbac.authorization.k8s.io/ClusterRoleBinding": stageSupport,
	"rbac.authorization.k8s.io/Role":               stageSupport,
	"rbac.authorization.k8s.io/RoleBinding":        stageSupport,
	"policy/PodDisruptionBudget":                   stageSupport,
	"networking.k8s.io/NetworkPolicy":              stageSupport,

	"/Service":                       stageServices,
	"/Endpoints":                     stageServices,
	"discovery.k8s.io/EndpointSlice": stageServices,

	"apiregistration.k8s.io/APIService":                             stageHooks,
	"admissionregistration.k8s.io/MutatingWebhookConfiguration":     stageHooks,
	"admissionregistration.k8s.io/ValidatingWebhookConfiguration":   stageHooks,
	"admissionregistration.k8s.io/ValidatingAdmissionPolicy":        stageHooks,
	"admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": stageHooks,
	"admissionregistration.k8s.io/MutatingAdmissionPolicy":          stageHooks,
	"admissionregistration.k8s.io/MutatingAdmissionPolicyBinding":   stageHooks,
}

// Stages returns the objects in the order of an apply: those of one stage
// need nothing of each other and may be applied in any order, each stage needs
// the ones before. Empty stages are left out; within a stage the order is
// that of the components and their files. An object that is there twice is
// there twice in its stage: see Check.
func Stages(components []fairway.Component) [][]Item {
	all := make([][]Item, stageCount)
	for _, c := range components {
		for _, o := range c.Objects {
			s := stageOf(o.Ref())
			all[s] = append(all[s], Item{Component: c.Name, Object: o})
		}
	}
	filled := all[:0]
	for _, items := range all {
		if len(items) > 0 {
			filled = append(filled, items)
		}
	}
	return filled
}

// stageOf is where an object of a kind stands; kinds of no table stand with
// the workloads.
func stageOf(ref fairway.ObjectRef) stage {
	if s, known := kinds[ref.Group()+"/"+ref.Kind]; known {
		return s
	}
	return stageWorkloads
}
