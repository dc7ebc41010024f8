package kube

import (
	corev1 "k8s.io/api/core/v1"
)

// podRequests returns what the scheduler reserves for a pod: the containers
// and sidecars together, or the largest init container with the sidecars that
// started before it if that is more, plus the overhead of the runtime. Requests
// of the pod as a whole take the place of the containers'.
func podRequests(spec *corev1.PodSpec) corev1.ResourceList {
	running, sidecars, starting := corev1.ResourceList{}, corev1.ResourceList{}, corev1.ResourceList{}
	for i := range spec.Containers {
		add(running, spec.Containers[i].Resources.Requests)
	}
	for i := range spec.InitContainers {
		c := &spec.InitContainers[i]
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			add(running, c.Resources.Requests)
			add(sidecars, c.Resources.Requests)
			raise(starting, sidecars)
			continue
		}
		needed := corev1.ResourceList{}
		add(needed, c.Resources.Requests)
		add(needed, sidecars)
		raise(starting, needed)
	}
	raise(running, starting)
	if spec.Resources != nil {
		for name, quantity := range spec.Resources.Requests {
			running[name] = quantity.DeepCopy()
		}
	}
	add(running, spec.Overhead)
	return running
}

// add adds b to a.
func add(a, b corev1.ResourceList) {
	for name, quantity := range b {
		sum := a[name].DeepCopy()
		sum.Add(quantity)
		a[name] = sum
	}
}

// raise makes a at least b.
func raise(a, b corev1.ResourceList) {
	for name, quantity := range b {
		if is, ok := a[name]; !ok || quantity.Cmp(is) > 0 {
			a[name] = quantity.DeepCopy()
		}
	}
}
