package stamp

import (
	"os"
	"strings"
	"testing"

	"k8s.io/component-base/version"
)

func TestKubernetesVersionIsStampedAndThatOfGoMod(t *testing.T) {
	t.Parallel()
	info := version.Get()
	if info.GitVersion != Kubernetes || info.Major != major || info.Minor != minor {
		t.Errorf("stamped version = %s (%s.%s), want %s (%s.%s)", info.GitVersion, info.Major, info.Minor, Kubernetes, major, minor)
	}
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "k8s.io/kubernetes "+Kubernetes+"\n") {
		t.Errorf("go.mod does not require k8s.io/kubernetes %s: change stamp.Kubernetes together with it", Kubernetes)
	}
}
