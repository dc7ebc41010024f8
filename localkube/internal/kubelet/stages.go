package kubelet

import (
	"embed"
	"fmt"
	"time"

	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/apis/v1alpha1"
	"sigs.k8s.io/yaml"
)

//go:embed stages/*.yaml
var stageFiles embed.FS

var (
	podRef  = internalversion.StageResourceRef{APIGroup: "v1", Kind: "Pod"}
	nodeRef = internalversion.StageResourceRef{APIGroup: "v1", Kind: "Node"}
)

// stages reads the embedded stages and gives them the times of s.
func stages(s Settings) (map[internalversion.StageResourceRef][]*internalversion.Stage, error) {
	delays := map[string]*internalversion.StageDelay{
		"pod-start": {DurationMilliseconds: ms(s.StartMin), JitterDurationMilliseconds: ms(s.StartMax)},
		"pod-complete": {
			DurationMilliseconds: ms(time.Second), JitterDurationMilliseconds: ms(5 * time.Second),
			// Both from the annotation: a jitter below the duration would win.
			DurationFrom: jq(runFor), JitterDurationFrom: jq(runFor),
		},
		"pod-recover": {DurationMilliseconds: ms(2 * time.Second)},
		"pod-stop":    {DurationMilliseconds: ms(s.Termination), DurationFrom: jq(termination(s.Termination))},
		"pod-delete":  {DurationMilliseconds: ms(s.Termination), DurationFrom: jq(termination(s.Termination))},
	}
	out := map[internalversion.StageResourceRef][]*internalversion.Stage{}
	files, err := stageFiles.ReadDir("stages")
	if err != nil {
		return nil, fmt.Errorf("list stages: %w", err)
	}
	for _, f := range files {
		stage, err := readStage("stages/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("read stage %s: %w", f.Name(), err)
		}
		stage.Spec.Delay = delays[stage.Name]
		out[stage.Spec.ResourceRef] = append(out[stage.Spec.ResourceRef], stage)
	}
	return out, nil
}

func readStage(file string) (*internalversion.Stage, error) {
	data, err := stageFiles.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var stage v1alpha1.Stage
	if err := yaml.UnmarshalStrict(data, &stage); err != nil {
		return nil, err
	}
	return internalversion.ConvertToInternalStage(&stage)
}

const runFor = `.metadata.annotations["localkube.fairway.dev/run-for"]`

// termination is a jq expression for the shorter one of d and the pod's grace
// period. A pod that has stopped already has nothing left to wait for.
func termination(d time.Duration) string {
	return fmt.Sprintf(`if .status.phase == "Succeeded" or .status.phase == "Failed" then "0ms" else ([(.metadata.deletionGracePeriodSeconds // 30) * 1000, %d] | min | tostring) + "ms" end`, d.Milliseconds())
}

func ms(d time.Duration) *int64 {
	n := d.Milliseconds()
	return &n
}

func jq(expression string) *internalversion.ExpressionFrom {
	return &internalversion.ExpressionFrom{JQ: &internalversion.ExpressionJQ{Expression: expression}}
}
