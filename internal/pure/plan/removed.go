package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// annotationLastApplied is what kubectl apply remembers of an object.
const annotationLastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// removedIn returns the removal that an API version of a kind fell to.
func removedIn(apiVersion, kind string) (removal, bool) {
	for _, r := range removals {
		if r.apiVersion == apiVersion && slices.Contains(strings.Fields(r.kinds), kind) {
			return r, true
		}
	}
	return removal{}, false
}

// removedAPIs finds API versions that the target does not serve: in manifests,
// and in what others last applied to live objects when the update crosses the
// release that removes them.
func removedAPIs(s subject) []Finding {
	if !s.target.known() {
		return nil
	}
	var found []Finding
	for _, m := range s.manifests() {
		ref := m.object.Ref()
		if r, removed := removedIn(ref.APIVersion, ref.Kind); removed && s.target.atLeast(version{1, r.minor}) {
			found = append(found, Finding{
				Check: CheckRemovedAPI, Severity: Block, Object: ref.String(), Component: m.component,
				Reason: fmt.Sprintf("Kubernetes %s does not serve %s of %s since 1.%d", s.target, ref.Kind, ref.APIVersion, r.minor), Remedy: r.remedy(),
			})
		}
	}
	for _, l := range s.live() {
		found = append(found, s.appliedOld(l.object)...)
	}
	return found
}

// appliedOld finds who applies a live object in a version that will be gone.
func (s subject) appliedOld(o fairway.Object) []Finding {
	var found []Finding
	seen := map[string]bool{}
	for _, use := range usedVersions(o) {
		r, removed := removedIn(use.apiVersion, o.Ref().Kind)
		gone := version{1, r.minor}
		// What was removed in a release that the cluster runs already broke then.
		if !removed || !s.target.atLeast(gone) || s.server.known() && s.server.atLeast(gone) || seen[use.by+use.apiVersion] {
			continue
		}
		seen[use.by+use.apiVersion] = true
		found = append(found, Finding{
			Check: CheckRemovedAPI, Severity: Block, Object: o.Ref().String(),
			Reason: fmt.Sprintf("%s writes it as %s, which Kubernetes %s does not serve any more (removed in 1.%d)", use.by, use.apiVersion, s.target, r.minor),
			Remedy: "its owner: " + r.remedy(),
		})
	}
	return found
}

// use is an API version that somebody wrote an object in.
type use struct{ by, apiVersion string }

// usedVersions are those of managedFields and of kubectl's annotation.
func usedVersions(o fairway.Object) []use {
	metadata, _ := o["metadata"].(map[string]any)
	var uses []use
	annotations, _ := metadata["annotations"].(map[string]any)
	if text, _ := annotations[annotationLastApplied].(string); text != "" {
		var applied struct {
			APIVersion string `json:"apiVersion"`
		}
		if json.Unmarshal([]byte(text), &applied) == nil {
			uses = append(uses, use{"kubectl apply", applied.APIVersion})
		}
	}
	entries, _ := metadata["managedFields"].([]any)
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		by, _ := entry["manager"].(string)
		apiVersion, _ := entry["apiVersion"].(string)
		uses = append(uses, use{"manager " + by, apiVersion})
	}
	return uses
}

func (r removal) remedy() string {
	if r.instead == "" {
		return "the kind is gone without a successor: remove the object from the configuration"
	}
	return "write it as " + r.instead
}
