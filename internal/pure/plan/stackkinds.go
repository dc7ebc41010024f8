package plan

import "slices"

// replacing are the properties whose change makes another resource of a type of
// CloudFormation, as the reference of each type says ("Update requires:
// Replacement", or that updates are not supported). Types that are not listed
// are unsure.
var replacing = map[string][]string{
	"AWS::AutoScaling::AutoScalingGroup":        {"AutoScalingGroupName", "InstanceId"},
	"AWS::AutoScaling::LaunchConfiguration":     {"*"},
	"AWS::AutoScaling::LifecycleHook":           {"AutoScalingGroupName", "LifecycleHookName"},
	"AWS::AutoScaling::ScalingPolicy":           {"AutoScalingGroupName"},
	"AWS::EC2::LaunchTemplate":                  {"LaunchTemplateName"},
	"AWS::EC2::SecurityGroup":                   {"GroupDescription", "GroupName", "VpcId"},
	"AWS::EC2::SecurityGroupEgress":             {"CidrIp", "CidrIpv6", "DestinationPrefixListId", "DestinationSecurityGroupId", "FromPort", "GroupId", "IpProtocol", "ToPort"},
	"AWS::EC2::SecurityGroupIngress":            {"CidrIp", "CidrIpv6", "FromPort", "GroupId", "GroupName", "IpProtocol", "SourcePrefixListId", "SourceSecurityGroupId", "SourceSecurityGroupName", "SourceSecurityGroupOwnerId", "ToPort"},
	"AWS::EC2::Volume":                          {"AvailabilityZone", "Encrypted", "KmsKeyId", "OutpostArn", "SnapshotId"},
	"AWS::EC2::VolumeAttachment":                {"*"},
	"AWS::ElasticLoadBalancing::LoadBalancer":   {"LoadBalancerName", "Scheme"},
	"AWS::ElasticLoadBalancingV2::Listener":     {"LoadBalancerArn"},
	"AWS::ElasticLoadBalancingV2::LoadBalancer": {"Name", "Scheme", "Type"},
	"AWS::ElasticLoadBalancingV2::TargetGroup":  {"IpAddressType", "Name", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId"},
	"AWS::IAM::InstanceProfile":                 {"InstanceProfileName", "Path"},
	"AWS::IAM::ManagedPolicy":                   {"Description", "ManagedPolicyName", "Path"},
	"AWS::IAM::Policy":                          {},
	"AWS::IAM::Role":                            {"Path", "RoleName"},
	"AWS::Route53::RecordSet":                   {"HostedZoneId", "HostedZoneName", "Name", "Type"},
	"AWS::S3::Bucket":                           {"BucketName"},
	"AWS::S3::BucketPolicy":                     {"Bucket"},
	"AWS::SQS::Queue":                           {"FifoQueue", "QueueName"},
}

// holdsData are the types whose end takes data along, disturbs those whose
// replacement others notice.
var (
	holdsData = map[string]bool{
		"AWS::DynamoDB::Table": true, "AWS::EC2::Volume": true, "AWS::EFS::FileSystem": true, "AWS::KMS::Key": true,
		"AWS::RDS::DBCluster": true, "AWS::RDS::DBInstance": true, "AWS::S3::Bucket": true,
	}
	disturbs = map[string]bool{
		"AWS::AutoScaling::AutoScalingGroup": true, "AWS::EC2::SecurityGroup": true, "AWS::ElasticLoadBalancing::LoadBalancer": true,
		"AWS::ElasticLoadBalancingV2::LoadBalancer": true, "AWS::ElasticLoadBalancingV2::TargetGroup": true, "AWS::IAM::Role": true,
	}
)

// replaces says what a change of a property makes of a resource.
func replaces(kind, property string) Replacement {
	properties, known := replacing[kind]
	switch {
	case property == "Type" && !known, slices.Contains(properties, property), slices.Contains(properties, "*"):
		return Replaced
	case property == "Tags" || known:
		return InPlace
	}
	return Unsure
}
