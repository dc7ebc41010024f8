package synthrepo

import (
	"fmt"
	"strings"
)

// profiles are the folders of node pools that scaling groups back.
var profiles = []string{"master-default", "worker-combined", "worker-splitaz"}

// secrets are the config items that only the registry has: every cluster has
// its own.
var secrets = strings.Fields(`apiserver_cert apiserver_key ca_cert ca_key etcd_client_cert etcd_client_key proxy_client_cert
	proxy_client_key scheduler_token controller_manager_token kubelet_token node_agent_token service_account_key webhook_key`)

// pools adds the profiles of node pools.
func (m *maker) pools() {
	shared := component{name: "node"}
	for _, s := range [][3]string{
		{"disk_size", "80", ""}, {"max_pods", "110", ""}, {"log_size", "50Mi", "memory"}, {"time_servers", "169.254.169.123", "name"},
	} {
		m.defaults.add(shared, s[0], s[1], s[2])
	}
	for _, profile := range profiles {
		dir := "cluster/node-pools/" + profile + "/"
		m.files[dir+"userdata.yaml"] = m.userData(profile)
		m.files[dir+"files.yaml"] = poolFiles
		m.files[dir+"stack.yaml"] = poolStack
	}
	dir := "cluster/node-pools/worker-karpenter/"
	m.files[dir+"userdata.yaml"] = m.userData("worker-karpenter")
	m.files[dir+"files.yaml"] = poolFiles
	m.files[dir+"provisioners.yaml"] = provisioner
}

// userData is the cloud-config of a profile, in the size that such files have.
func (m *maker) userData(profile string) string {
	var b strings.Builder
	b.WriteString(`#cloud-config
preserve_hostname: true
write_files:
- owner: root:root
  path: /etc/kubernetes/bootstrap.env
  content: |
    CLUSTER_ID={{ .Cluster.ID }}
    POOL={{ .NodePool.Name }}
    MAX_PODS={{ .NodePool.ConfigItems.node_max_pods }}
    LOG_SIZE={{ .Cluster.ConfigItems.node_log_size }}
    TIME_SERVERS={{ .Cluster.ConfigItems.node_time_servers }}
    LABELS=lifecycle-status=ready{{ if index .NodePool.ConfigItems "labels" }},{{ .NodePool.ConfigItems.labels }}{{ end }}
{{ range $taint := .NodePool.Taints }}
    TAINT={{ $taint.Key }}={{ $taint.Value }}:{{ $taint.Effect }}
{{ end }}
    TOKEN={{ .Cluster.ConfigItems.kubelet_token }}
    AGENT_TOKEN={{ .Cluster.ConfigItems.node_agent_token }}
`)
	if strings.HasPrefix(profile, "master") {
		for _, s := range secrets[:10] {
			fmt.Fprintf(&b, "- owner: root:root\n  path: /etc/kubernetes/%s\n  encoding: b64\n  content: {{ .Cluster.ConfigItems.%s }}\n", s, s)
		}
	}
	for i := range 20 {
		fmt.Fprintf(&b, "- owner: root:root\n  path: /etc/systemd/system/unit-%d.service\n  content: |\n    [Unit]\n    Description=%s\n    [Service]\n    ExecStart=/opt/bin/unit-%d --cluster {{ $.Cluster.Alias }} --option %s\n    Restart=always\n", i, m.sentence(30), i, hex(m.rand, 12))
	}
	b.WriteString("runcmd:\n- [systemctl, enable, --now, kubelet]\n")
	return b.String()
}

const poolFiles = `files:
- path: /etc/kubernetes/ssl/ca.pem
  data: {{ .Cluster.ConfigItems.ca_cert }}
  permissions: 0400
- path: /etc/kubernetes/ssl/webhook-key.pem
  data: {{ .Cluster.ConfigItems.webhook_key }}
  encrypted: true
  permissions: 0400
- path: /etc/kubernetes/cluster
  data: {{ .Cluster.ID | base64 }}
  permissions: 0644
`

const poolStack = `AWSTemplateFormatVersion: "2010-09-09"
Description: Node pool {{ .NodePool.Name }} of {{ .Cluster.ID }}
Resources:
{{ range $az, $subnet := .Values.subnets }}
{{ if ne $az "*" }}
  Group{{ azID $az }}:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MinSize: "{{ $.NodePool.MinSize }}"
      MaxSize: "{{ $.NodePool.MaxSize }}"
      VPCZoneIdentifier: ["{{ $subnet }}"]
      LaunchTemplate:
        LaunchTemplateId: !Ref LaunchTemplate
        Version: !GetAtt LaunchTemplate.LatestVersionNumber
{{ end }}
{{ end }}
  LaunchTemplate:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateName: "{{ .Cluster.LocalID }}-{{ .NodePool.Name }}"
      LaunchTemplateData:
        ImageId: "{{ .NodePool.ConfigItems.node_image_amd64 }}"
        InstanceType: "{{ index .NodePool.InstanceTypes 0 }}"
        UserData: "{{ .Values.UserData }}"
        BlockDeviceMappings:
        - DeviceName: /dev/sda1
          Ebs:
            VolumeSize: {{ .NodePool.ConfigItems.node_disk_size }}
`

const provisioner = `apiVersion: karpenter.sh/v1
kind: NodePool
metadata:
  name: "{{ .NodePool.Name }}"
spec:
  template:
    spec:
      nodeClassRef:
        group: karpenter.k8s.aws
        kind: EC2NodeClass
        name: "{{ .NodePool.Name }}"
      requirements:
      - key: kubernetes.io/arch
        operator: In
        values: [amd64]
---
apiVersion: karpenter.k8s.aws/v1
kind: EC2NodeClass
metadata:
  name: "{{ .NodePool.Name }}"
spec:
  amiSelectorTerms:
  - id: "{{ .NodePool.ConfigItems.node_image_arm64 }}"
  role: "{{ .Cluster.LocalID }}-worker"
  userData: |
{{ indent 4 .Values.UserData }}
`

// stacks adds the stacks of the cluster and of etcd.
func (m *maker) stacks() {
	shared := component{name: "etcd"}
	m.defaults.add(shared, "stack_name", "etcd-cluster-etcd", "")
	m.defaults.add(shared, "instance_type", "m5.large", "")
	m.defaults.add(shared, "instance_count", "5", "")
	m.files["cluster/etcd/files.yaml"] = "files:\n- path: /etc/etcd/ca.pem\n  data: {{ .Cluster.ConfigItems.etcd_client_cert }}\n  permissions: 0400\n"
	m.files["cluster/etcd/stack.yaml"] = `AWSTemplateFormatVersion: "2010-09-09"
Description: etcd of {{ .Cluster.InfrastructureAccount }}
Metadata:
  Tags:
    application: kubernetes
Resources:
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MinSize: "{{ .Cluster.ConfigItems.etcd_instance_count }}"
      MaxSize: "{{ .Cluster.ConfigItems.etcd_instance_count }}"
      VPCZoneIdentifier: ["{{ index .Values.subnets "*" }}"]
      Tags:
      - Key: S3Path
        Value: "{{ .Values.S3GeneratedFilesPath }}"
        PropagateAtLaunch: true
`
	var b strings.Builder
	b.WriteString(`AWSTemplateFormatVersion: "2010-09-09"
Description: Kubernetes cluster {{ .Cluster.ID }}
Metadata:
  Tags:
    application: kubernetes
Resources:
  LoadBalancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties:
      Name: "{{ .Cluster.LocalID }}"
      Subnets: ["{{ index .Values.subnets "*" }}"]
{{ with index .Values "load_balancer_certificate" }}
      Certificate: "{{ . }}"
{{ end }}
`)
	for i := range 60 {
		fmt.Fprintf(&b, `  Role%d:
    Type: AWS::IAM::Role
    Properties:
      RoleName: "{{ .Cluster.LocalID }}-role-%d"
      AssumeRolePolicyDocument: {{ .Cluster.IAMRoleTrustRelationshipTemplate }}
      Policies:
      - PolicyName: root
        PolicyDocument:
          Version: "2012-10-17"
          Statement:
          - Effect: Allow
            Action: ["s3:Get*", "s3:List*"]
            Resource: "arn:aws:s3:::%s-{{ .Cluster.LocalID }}/*"
`, i, i, hex(m.rand, 10))
	}
	m.files["cluster/cluster.yaml"] = b.String()
}
