package kube

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestWritten(t *testing.T) {
	t.Parallel()
	node := func(version string) observed {
		return observed{nodes: []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "n", ResourceVersion: version}}}}
	}
	pod := func(uid string, deleting bool) observed {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "p", UID: "new"}}
		if uid != "" {
			p.UID = "old"
		}
		if deleting {
			p.DeletionTimestamp = new(metav1.Now())
		}
		return observed{pods: []corev1.Pod{p}}
	}
	for name, test := range map[string]struct {
		write func(*written)
		seen  observed
		want  bool
	}{
		"nothing was written":          {func(*written) {}, observed{}, true},
		"the node as it was before":    {func(w *written) { w.node("n", "7") }, node("6"), false},
		"the node as it was written":   {func(w *written) { w.node("n", "7") }, node("7"), true},
		"the node as others wrote it":  {func(w *written) { w.node("n", "7") }, node("10"), true},
		"the node is gone":             {func(w *written) { w.node("n", "7") }, observed{}, true},
		"only the first of two writes": {func(w *written) { w.node("n", "7"); w.node("n", "9") }, node("8"), false},
		"the pod is still there":       {func(w *written) { w.pod("web/p", "old") }, pod("old", false), false},
		"the pod is on its way":        {func(w *written) { w.pod("web/p", "old") }, pod("old", true), true},
		"another pod of its name":      {func(w *written) { w.pod("web/p", "old") }, pod("", false), true},
		"the pod is gone":              {func(w *written) { w.pod("web/p", "old") }, observed{}, true},
		"one of two is not shown":      {func(w *written) { w.node("n", "7"); w.pod("web/p", "old") }, node("6"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var w written
			test.write(&w)
			if got := w.shownBy(see(test.seen)); got != test.want {
				t.Errorf("shown = %t, want %t", got, test.want)
			}
		})
	}
}

// TestWrittenForgets forgets what a list has shown, and no write that was made
// while it was read.
func TestWrittenForgets(t *testing.T) {
	t.Parallel()
	var w written
	before := observed{nodes: []corev1.Node{
		{ObjectMeta: metav1.ObjectMeta{Name: "a", ResourceVersion: "1"}}, {ObjectMeta: metav1.ObjectMeta{Name: "b", ResourceVersion: "1"}}}}
	w.node("a", "5")
	begun := w.before()
	w.node("b", "6")
	w.forget(begun)
	if w.shownBy(see(before)) {
		t.Error("a write that was made after the list had begun was forgotten")
	}
	w.forget(w.before())
	if !w.shownBy(see(before)) {
		t.Error("a write before the list was not forgotten")
	}
}
