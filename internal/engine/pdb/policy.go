package pdb

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // the hash is the one that admission controllers put on pods
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// Policy says what budgets look like and when they step aside.
type Policy struct {
	// MaxUnavailable of every budget, a number or a percentage; "" means "1".
	MaxUnavailable string
	// NonReadyTTL is how long pods may be non-ready before their budget is
	// removed; 0 means for ever, unless the workload says otherwise.
	NonReadyTTL time.Duration
	// ParentResourceHash selects pods by the label that an admission controller
	// puts on them in place of the workload's selector.
	ParentResourceHash bool
	// NameSuffix is appended to a workload's name with a dash; "" appends nothing.
	NameSuffix string
}

// ttl returns how long pods of the workload may be non-ready, and whether that
// is limited at all. A zero in the annotation means no time, as it always did.
// The error is that of an annotation that is no duration; the flag counts then.
func (p Policy) ttl(w *fairway.ReplicatedWorkload) (ttl time.Duration, limited bool, err error) {
	if w.NonReadyTTL != "" {
		if ttl, err = time.ParseDuration(w.NonReadyTTL); err == nil {
			return ttl, true, nil
		}
	}
	return p.NonReadyTTL, p.NonReadyTTL > 0, err
}

// budget returns the budget that a workload is to have, but for its name.
func (p Policy) budget(w *fairway.ReplicatedWorkload, nonReadySince string) *fairway.DisruptionBudget {
	labels := maps.Clone(w.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[fairway.LabelHeritage] = fairway.HeritagePDBController
	return &fairway.DisruptionBudget{
		Namespace: w.Namespace, Labels: labels, NonReadySince: nonReadySince,
		Owners:         []fairway.Owner{{APIVersion: fairway.WorkloadAPIVersion(w.Kind), Kind: string(w.Kind), Name: w.Name, UID: w.UID}},
		MaxUnavailable: cmp.Or(p.MaxUnavailable, "1"),
		Selector:       p.selector(w),
	}
}

// selector returns what the workload's budget selects its pods by.
func (p Policy) selector(w *fairway.ReplicatedWorkload) *fairway.LabelSelector {
	if p.ParentResourceHash {
		return &fairway.LabelSelector{MatchLabels: map[string]string{fairway.LabelParentResourceHash: parentHash(w)}}
	}
	return w.Selector
}

// podLabels returns the labels that the workload's pods are known to have.
func (p Policy) podLabels(w *fairway.ReplicatedWorkload) map[string]string {
	if !p.ParentResourceHash || w.PodLabels[fairway.LabelParentResourceHash] != "" {
		return w.PodLabels
	}
	labels := maps.Clone(w.PodLabels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[fairway.LabelParentResourceHash] = parentHash(w)
	return labels
}

func parentHash(w *fairway.ReplicatedWorkload) string { return hash(string(w.Kind) + "-" + w.Name) }

func hash(text string) string {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// names returns the names that the workload's budget may have, best first. The
// second is for workloads of different kinds with one name.
func (p Policy) names(w *fairway.ReplicatedWorkload) [2]string {
	suffix := ""
	if p.NameSuffix != "" {
		suffix = "-" + p.NameSuffix
	}
	return [2]string{fit(w.Name, suffix), fit(w.Name, "-"+strings.ToLower(string(w.Kind))+suffix)}
}

// nameLimit is the longest name of an object.
const nameLimit = 253

// fit appends a suffix; what does not fit is cut and replaced by a hash.
func fit(name, suffix string) string {
	if len(name)+len(suffix) <= nameLimit {
		return name + suffix
	}
	short := "-" + hash(name)[:8]
	return strings.TrimRight(name[:max(0, nameLimit-len(suffix)-len(short))], "-.") + short + suffix
}

// same reports whether a budget is as it is to be. Labels that others have put
// on it do not matter.
func same(is, want *fairway.DisruptionBudget) bool {
	for key, value := range want.Labels {
		if has, ok := is.Labels[key]; !ok || has != value {
			return false
		}
	}
	return is.MaxUnavailable == want.MaxUnavailable && is.MinAvailable == want.MinAvailable && is.NonReadySince == want.NonReadySince &&
		slices.Equal(is.Owners, want.Owners) && sameSelector(is.Selector, want.Selector)
}

func sameSelector(a, b *fairway.LabelSelector) bool {
	return a != nil && b != nil && maps.Equal(a.MatchLabels, b.MatchLabels) &&
		slices.EqualFunc(a.MatchExpressions, b.MatchExpressions, func(a, b fairway.LabelRequirement) bool {
			return a.Key == b.Key && a.Operator == b.Operator && slices.Equal(a.Values, b.Values)
		})
}
