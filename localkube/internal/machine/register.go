package machine

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairwayhq/fairway/localkube/internal/csi"
	"github.com/fairwayhq/fairway/localkube/internal/kubelet"
	"github.com/fairwayhq/fairway/localkube/internal/nodegroup"
)

// register makes the Node, once in the machine's life.
func (m *Machines) register(ctx context.Context, machine nodegroup.Machine) error {
	node, err := m.node(machine)
	if err != nil {
		return err
	}
	made, err := m.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		made, err = m.client.CoreV1().Nodes().Get(ctx, node.Name, metav1.GetOptions{})
	}
	if err != nil {
		return fmt.Errorf("register node: %w", err)
	}
	if err := m.cloud.NodeRegistered(machine.ID); err != nil {
		return err
	}
	m.log.Info("node registered", "node", made.Name, "group", machine.Group, "zone", machine.Zone)
	return nil
}

// registerDriver makes the CSINode of a machine that has its Node, and returns
// how long that is to be waited for. A machine whose driver is known to be
// registered costs nothing.
func (m *Machines) registerDriver(ctx context.Context, machine nodegroup.Machine) (time.Duration, error) {
	if machine.NoDriver || m.drivers[machine.NodeName] {
		return 0, nil
	}
	if wait := time.Until(machine.RegisterAt.Add(m.driverDelay)); wait > 0 {
		return wait, nil
	}
	node, err := m.client.CoreV1().Nodes().Get(ctx, machine.NodeName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		m.drivers[machine.NodeName] = true // someone deleted the Node; it does not come back
		return 0, nil
	}
	if err == nil {
		_, err = m.client.StorageV1().CSINodes().Create(ctx, csiNode(node), metav1.CreateOptions{})
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return 0, fmt.Errorf("register CSI driver on node: %w", err)
	}
	m.drivers[machine.NodeName] = true
	return 0, nil
}

func (m *Machines) node(machine nodegroup.Machine) (*corev1.Node, error) {
	capacity, err := resources(machine.Capacity)
	if err != nil {
		return nil, err
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: machine.NodeName, Labels: m.labels(machine), Annotations: map[string]string{
			// Without it the attach-detach controller leaves the node alone.
			"volumes.kubernetes.io/controller-managed-attach-detach": "true",
		}},
		Spec: corev1.NodeSpec{ProviderID: machine.ProviderID},
		Status: corev1.NodeStatus{
			Capacity:    capacity,
			Allocatable: capacity,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.0.%d.%d", machine.Launch/250%256, machine.Launch%250+1)},
				{Type: corev1.NodeHostName, Address: machine.NodeName},
			},
			NodeInfo: corev1.NodeSystemInfo{
				MachineID: machine.ID, SystemUUID: machine.ID, BootID: machine.ID,
				OSImage: machine.Image, KernelVersion: "6.12.0-localkube", ContainerRuntimeVersion: "kwok://0.8.0",
				KubeletVersion: m.version, OperatingSystem: "linux", Architecture: "amd64",
			},
			// kwok makes it Ready.
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady",
				Message: "the kubelet is starting", LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
			}},
		},
	}
	if machine.NeverReady {
		node.Annotations[kubelet.NeverReadyAnnotation] = "true"
	}
	if machine.BrokenPods != "" {
		node.Annotations[kubelet.BrokenPodsAnnotation] = machine.BrokenPods
	}
	for _, t := range machine.Taints {
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: t.Key, Value: t.Value, Effect: corev1.TaintEffect(t.Effect)})
	}
	return node, nil
}

// labels are the group's and the template's, and over them what the machine
// is.
func (m *Machines) labels(machine nodegroup.Machine) map[string]string {
	labels := maps.Clone(machine.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, map[string]string{
		corev1.LabelHostname:           machine.NodeName,
		corev1.LabelTopologyZone:       machine.Zone,
		corev1.LabelTopologyRegion:     m.region,
		corev1.LabelInstanceTypeStable: machine.InstanceType,
		corev1.LabelArchStable:         "amd64",
		corev1.LabelOSStable:           "linux",
		kubelet.RunningLabel:           kubelet.RunningValue,
	})
	return labels
}

func resources(c nodegroup.Capacity) (corev1.ResourceList, error) {
	list := corev1.ResourceList{}
	for name, value := range map[corev1.ResourceName]string{
		corev1.ResourceCPU: c.CPU, corev1.ResourceMemory: c.Memory, corev1.ResourcePods: c.Pods,
		corev1.ResourceEphemeralStorage: "100Gi",
	} {
		q, err := resource.ParseQuantity(value)
		if err != nil {
			return nil, fmt.Errorf("read capacity %s %q: %w", name, value, err)
		}
		list[name] = q
	}
	return list, nil
}

func csiNode(node *corev1.Node) *storagev1.CSINode {
	attachable := int32(25)
	return &storagev1.CSINode{
		ObjectMeta: metav1.ObjectMeta{
			Name:            node.Name,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}},
		},
		Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{{
			Name: csi.Driver, NodeID: node.Name, TopologyKeys: []string{corev1.LabelTopologyZone},
			Allocatable: &storagev1.VolumeNodeResources{Count: &attachable},
		}}},
	}
}
