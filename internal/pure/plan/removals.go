package plan

// removal is an API version that API servers stopped to serve.
type removal struct {
	// minor is the first release 1.minor without it.
	minor      int
	apiVersion string
	kinds      string // separated by blanks
	// instead is the version to use; "" when the kind is gone.
	instead string
}

// removals are the API versions that are not served any more, by release.
//
// Sources: the markers of removal in the types of k8s.io/api v0.37.2 (methods
// APILifecycleRemoved and APILifecycleReplacement), which also name removals of
// later releases that are planned so far; and, for what that module does not hold
// any more, https://kubernetes.io/docs/reference/using-api/deprecation-guide/ and
// the change log of 1.23 (rbac and scheduling v1alpha1, pull request 104248); of
// other alpha versions the first release of k8s.io/api without them: 0.20
// (PodPreset), 0.21 (CronJob v2alpha1), 0.27, 0.31 and 0.34 (resource.k8s.io).
// Planned removals without a version to use instead are left out.
var removals = []removal{
	{16, "apps/v1beta1", "ControllerRevision Deployment StatefulSet", "apps/v1"},
	{16, "apps/v1beta2", "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet", "apps/v1"},
	{16, "extensions/v1beta1", "DaemonSet", "apps/v1"},
	{16, "extensions/v1beta1", "Deployment", "apps/v1"},
	{16, "extensions/v1beta1", "NetworkPolicy", "networking.k8s.io/v1"},
	{16, "extensions/v1beta1", "PodSecurityPolicy", ""},
	{16, "extensions/v1beta1", "ReplicaSet", "apps/v1"},
	{20, "settings.k8s.io/v1alpha1", "PodPreset", ""},
	{21, "batch/v2alpha1", "CronJob", "batch/v1"},
	{22, "admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1"},
	{22, "apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "apiextensions.k8s.io/v1"},
	{22, "apiregistration.k8s.io/v1beta1", "APIService", "apiregistration.k8s.io/v1"},
	{22, "certificates.k8s.io/v1beta1", "CertificateSigningRequest", "certificates.k8s.io/v1"},
	{22, "coordination.k8s.io/v1beta1", "Lease", "coordination.k8s.io/v1"},
	{22, "extensions/v1beta1", "Ingress", "networking.k8s.io/v1"},
	{22, "networking.k8s.io/v1beta1", "Ingress IngressClass", "networking.k8s.io/v1"},
	{22, "rbac.authorization.k8s.io/v1beta1", "ClusterRole ClusterRoleBinding Role RoleBinding", "rbac.authorization.k8s.io/v1"},
	{22, "scheduling.k8s.io/v1beta1", "PriorityClass", "scheduling.k8s.io/v1"},
	{22, "storage.k8s.io/v1beta1", "CSIDriver CSINode StorageClass VolumeAttachment", "storage.k8s.io/v1"},
	{23, "rbac.authorization.k8s.io/v1alpha1", "ClusterRole ClusterRoleBinding Role RoleBinding", "rbac.authorization.k8s.io/v1"},
	{23, "scheduling.k8s.io/v1alpha1", "PriorityClass", "scheduling.k8s.io/v1"},
	{24, "storage.k8s.io/v1alpha1", "CSIStorageCapacity", "storage.k8s.io/v1"},
	{24, "storage.k8s.io/v1alpha1", "VolumeAttachment", "storage.k8s.io/v1"},
	{25, "autoscaling/v2beta1", "HorizontalPodAutoscaler", "autoscaling/v2"},
	{25, "batch/v1beta1", "CronJob", "batch/v1"},
	{25, "discovery.k8s.io/v1beta1", "EndpointSlice", "discovery.k8s.io/v1"},
	{25, "events.k8s.io/v1beta1", "Event", "events.k8s.io/v1"},
	{25, "node.k8s.io/v1beta1", "RuntimeClass", "node.k8s.io/v1"},
	{25, "policy/v1beta1", "PodDisruptionBudget", "policy/v1"},
	{25, "policy/v1beta1", "PodSecurityPolicy", ""},
	{26, "autoscaling/v2beta2", "HorizontalPodAutoscaler", "autoscaling/v2"},
	{26, "flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema PriorityLevelConfiguration", "flowcontrol.apiserver.k8s.io/v1"},
	{27, "resource.k8s.io/v1alpha1", "PodScheduling ResourceClass", ""},
	{27, "resource.k8s.io/v1alpha1", "ResourceClaim ResourceClaimTemplate", "resource.k8s.io/v1"},
	{27, "storage.k8s.io/v1beta1", "CSIStorageCapacity", "storage.k8s.io/v1"},
	{29, "flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema PriorityLevelConfiguration", "flowcontrol.apiserver.k8s.io/v1"},
	{31, "resource.k8s.io/v1alpha2", "PodSchedulingContext ResourceClass", ""},
	{31, "resource.k8s.io/v1alpha2", "ResourceClaim ResourceClaimTemplate", "resource.k8s.io/v1"},
	{32, "admissionregistration.k8s.io/v1alpha1", "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding", "admissionregistration.k8s.io/v1"},
	{32, "flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema PriorityLevelConfiguration", "flowcontrol.apiserver.k8s.io/v1"},
	{34, "admissionregistration.k8s.io/v1beta1", "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding", "admissionregistration.k8s.io/v1"},
	{34, "resource.k8s.io/v1alpha3", "DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice", "resource.k8s.io/v1"},
	{35, "storage.k8s.io/v1alpha1", "VolumeAttributesClass", "storage.k8s.io/v1"},
	{37, "certificates.k8s.io/v1alpha1", "ClusterTrustBundle", "certificates.k8s.io/v1beta1"},
	{37, "networking.k8s.io/v1beta1", "IPAddress ServiceCIDR", "networking.k8s.io/v1"},
	{37, "storage.k8s.io/v1beta1", "VolumeAttributesClass", "storage.k8s.io/v1"},
	{38, "admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicy MutatingAdmissionPolicyBinding", "admissionregistration.k8s.io/v1"},
	{38, "coordination.k8s.io/v1alpha2", "LeaseCandidate", "coordination.k8s.io/v1beta1"},
	{38, "resource.k8s.io/v1beta1", "DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice", "resource.k8s.io/v1"},
	{39, "resource.k8s.io/v1beta2", "DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice", "resource.k8s.io/v1"},
	{40, "admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicy MutatingAdmissionPolicyBinding", "admissionregistration.k8s.io/v1"},
	{40, "certificates.k8s.io/v1beta1", "ClusterTrustBundle PodCertificateRequest", "certificates.k8s.io/v1"},
	{40, "storagemigration.k8s.io/v1beta1", "StorageVersionMigration", "storagemigration.k8s.io/v1"},
}
