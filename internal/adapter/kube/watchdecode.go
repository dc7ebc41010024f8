package kube

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairwayhq/fairway"
)

// Objects are decoded into structs that have only what is needed, straight from
// the stream: a Deployment is some 10 kB, and 300 bytes of it matter here.

// watchedObject is what all kinds have.
type watchedObject struct {
	Metadata struct {
		Namespace         string            `json:"namespace"`
		Name              string            `json:"name"`
		UID               string            `json:"uid"`
		ResourceVersion   string            `json:"resourceVersion"`
		CreationTimestamp time.Time         `json:"creationTimestamp"`
		DeletionTimestamp *time.Time        `json:"deletionTimestamp"`
		Labels            map[string]string `json:"labels"`
		Annotations       struct {
			NonReadyTTL   string `json:"pdb-controller.zalando.org/non-ready-ttl"`
			NonReadySince string `json:"pdb-controller.zalando.org/non-ready-since"`
		} `json:"annotations"`
		OwnerReferences []fairway.Owner `json:"ownerReferences"`
	} `json:"metadata"`
}

// watchedWorkload is a Deployment, StatefulSet or Rollout.
type watchedWorkload struct {
	watchedObject
	Spec struct {
		Replicas *int                   `json:"replicas"`
		Selector *fairway.LabelSelector `json:"selector"`
		Template struct {
			Metadata struct {
				Labels map[string]string `json:"labels"`
			} `json:"metadata"`
		} `json:"template"`
	} `json:"spec"`
	Status struct {
		ReadyReplicas int `json:"readyReplicas"`
		// Selector is the text of a Rollout's selector.
		Selector string `json:"selector"`
	} `json:"status"`
}

// watchedBudget is a PodDisruptionBudget.
type watchedBudget struct {
	watchedObject
	Spec struct {
		MinAvailable   numberOrShare          `json:"minAvailable"`
		MaxUnavailable numberOrShare          `json:"maxUnavailable"`
		Selector       *fairway.LabelSelector `json:"selector"`
	} `json:"spec"`
}

// numberOrShare is a number or a percentage as text.
type numberOrShare string

// UnmarshalJSON implements json.Unmarshaler.
func (n *numberOrShare) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return json.Unmarshal(text, (*string)(n))
	}
	if string(text) != "null" {
		*n = numberOrShare(text)
	}
	return nil
}

// tell decodes one object, hands it on and returns its resource version.
func (f *follower) tell(decode func(any) error, gone bool) (string, error) {
	if f.kind == fairway.KindDisruptionBudget {
		var b watchedBudget
		if err := decode(&b); err != nil {
			return "", err
		}
		f.tellBudget(&b, gone)
		return b.Metadata.ResourceVersion, nil
	}
	var w watchedWorkload
	if err := decode(&w); err != nil {
		return "", err
	}
	f.tellWorkload(&w, gone)
	return w.Metadata.ResourceVersion, nil
}

func (f *follower) tellBudget(b *watchedBudget, gone bool) {
	if gone {
		f.to.Gone(f.kind, b.Metadata.Namespace, b.Metadata.Name, b.Metadata.ResourceVersion)
		return
	}
	f.to.Budget(b.budget())
}

func (f *follower) tellWorkload(w *watchedWorkload, gone bool) {
	if gone {
		f.to.Gone(f.kind, w.Metadata.Namespace, w.Metadata.Name, w.Metadata.ResourceVersion)
		return
	}
	f.to.Workload(w.workload(f.kind))
}

func (b *watchedBudget) budget() *fairway.DisruptionBudget {
	m := &b.Metadata
	return &fairway.DisruptionBudget{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, Version: m.ResourceVersion, Deleting: m.DeletionTimestamp != nil,
		Labels: m.Labels, NonReadySince: m.Annotations.NonReadySince, Owners: m.OwnerReferences,
		MinAvailable: string(b.Spec.MinAvailable), MaxUnavailable: string(b.Spec.MaxUnavailable), Selector: b.Spec.Selector,
	}
}

// labelRolloutHash is the label by which a Rollout tells its versions apart. It
// changes with each of them, so it is not part of what selects the Rollout's pods.
const labelRolloutHash = "rollouts-pod-template-hash"

func (w *watchedWorkload) workload(kind fairway.WorkloadKind) *fairway.ReplicatedWorkload {
	m := &w.Metadata
	seen := &fairway.ReplicatedWorkload{
		Kind: kind, Namespace: m.Namespace, Name: m.Name, UID: m.UID, CreatedAt: m.CreationTimestamp, Deleting: m.DeletionTimestamp != nil,
		Labels: m.Labels, NonReadyTTL: m.Annotations.NonReadyTTL, Replicas: 1, ReadyReplicas: w.Status.ReadyReplicas,
		Selector: w.Spec.Selector, PodLabels: w.Spec.Template.Metadata.Labels,
	}
	if w.Spec.Replicas != nil {
		seen.Replicas = *w.Spec.Replicas
	}
	if seen.Selector == nil && kind == fairway.KindRollout {
		// Its pods are described by another object (workloadRef); the status
		// says what selects them.
		seen.Selector = parseSelector(w.Status.Selector)
	}
	if seen.PodLabels == nil && seen.Selector != nil {
		seen.PodLabels = seen.Selector.MatchLabels
	}
	return seen
}

// parseSelector reads a selector from its text; nil when there is none.
func parseSelector(text string) *fairway.LabelSelector {
	parsed, err := metav1.ParseToLabelSelector(text)
	if err != nil || text == "" {
		return nil
	}
	delete(parsed.MatchLabels, labelRolloutHash)
	selector := &fairway.LabelSelector{MatchLabels: parsed.MatchLabels}
	for _, r := range parsed.MatchExpressions {
		if r.Key != labelRolloutHash {
			selector.MatchExpressions = append(selector.MatchExpressions, fairway.LabelRequirement{Key: r.Key, Operator: string(r.Operator), Values: append([]string(nil), r.Values...)})
		}
	}
	return selector
}

// readList reads a list from a stream and calls each where an item begins, which
// must decode it. It returns the list's version and where the next page begins.
func readList(r io.Reader, each func(decode func(any) error) error) (version, next string, err error) {
	d := json.NewDecoder(r)
	if err := expect(d, json.Delim('{')); err != nil {
		return "", "", err
	}
	complete := false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return "", "", err
		}
		switch key {
		case "metadata":
			var meta struct{ ResourceVersion, Continue string }
			if err := d.Decode(&meta); err != nil {
				return "", "", err
			}
			version, next = meta.ResourceVersion, meta.Continue
		case "items":
			if err := readItems(d, each); err != nil {
				return "", "", err
			}
			complete = true
		default:
			if err := d.Decode(new(json.RawMessage)); err != nil {
				return "", "", err
			}
		}
	}
	if err := expect(d, json.Delim('}')); err != nil {
		return "", "", err
	}
	if !complete || version == "" {
		// Absence deletes nothing: what is no list says nothing of what is gone.
		return "", "", fmt.Errorf("the answer is no list")
	}
	return version, next, nil
}

func readItems(d *json.Decoder, each func(decode func(any) error) error) error {
	if err := expect(d, json.Delim('[')); err != nil {
		return err
	}
	for d.More() {
		if err := each(d.Decode); err != nil {
			return err
		}
	}
	return expect(d, json.Delim(']'))
}

func expect(d *json.Decoder, want json.Token) error {
	switch got, err := d.Token(); {
	case err != nil:
		return err
	case got != want:
		return fmt.Errorf("read a list: found %v, want %v", got, want)
	}
	return nil
}
