package aws

import (
	"context"
	"crypto/x509"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/render"
)

const (
	ec2Version = "2016-11-15"
	cfnVersion = "2010-05-15"
	stsVersion = "2011-06-15"
	kmsTarget  = "TrentService"
	acmTarget  = "CertificateManager"
)

var _ render.Readings = (*Account)(nil)

// ID returns the number of the account that the credentials belong to.
func (a *Account) ID(ctx context.Context) (string, error) {
	var answer struct {
		Account string `xml:"GetCallerIdentityResult>Account"`
	}
	return answer.Account, a.query(ctx, "sts", stsVersion, "GetCallerIdentity", nil, &answer)
}

// pages calls an action of EC2 until it names no further page.
func (a *Account) pages(ctx context.Context, action string, parameters url.Values, answer interface{ next() string }) error {
	all := url.Values{}
	for key, values := range parameters {
		all[key] = values
	}
	for {
		if err := a.query(ctx, "ec2", ec2Version, action, all, answer); err != nil {
			return err
		}
		token := answer.next()
		if token == "" {
			return nil
		}
		all.Set("NextToken", token)
	}
}

// page is what all pages have; next takes the token out, so that the next answer
// begins without one.
type page struct {
	Token string `xml:"nextToken"`
}

func (p *page) next() string {
	token := p.Token
	p.Token = ""
	return token
}

func filter(values ...string) url.Values {
	all := url.Values{}
	for i := 0; i < len(values); i += 2 {
		prefix := "Filter." + strconv.Itoa(i/2+1)
		all.Set(prefix+".Name", values[i])
		all.Set(prefix+".Value.1", values[i+1])
	}
	return all
}

// Images returns the ids of all images of that name and owner.
func (a *Account) Images(ctx context.Context, name, owner string) ([]string, error) {
	var answer struct {
		page
		IDs []string `xml:"imagesSet>item>imageId"`
	}
	if err := a.pages(ctx, "DescribeImages", filter("name", name, "owner-id", owner), &answer); err != nil {
		return nil, err
	}
	slices.Sort(answer.IDs)
	return answer.IDs, nil
}

// InstanceTypes returns all instance types of the region, by name.
func (a *Account) InstanceTypes(ctx context.Context) ([]render.InstanceType, error) {
	var answer struct {
		page
		Items []struct {
			Name          string   `xml:"instanceType"`
			VCPU          int32    `xml:"vCpuInfo>defaultVCpus"`
			Memory        int64    `xml:"memoryInfo>sizeInMiB"`
			Architectures []string `xml:"processorInfo>supportedArchitectures>item"`
			Disks         []struct {
				Count int64 `xml:"count"`
				Size  int64 `xml:"sizeInGB"`
			} `xml:"instanceStorageInfo>disks>item"`
		} `xml:"instanceTypeSet>item"`
	}
	if err := a.pages(ctx, "DescribeInstanceTypes", nil, &answer); err != nil {
		return nil, err
	}
	var all []render.InstanceType
	for _, i := range answer.Items {
		t := render.InstanceType{Name: i.Name, VCPU: i.VCPU, MemoryMiB: i.Memory, Architectures: i.Architectures, Disks: []render.Disks{}}
		for _, d := range i.Disks {
			t.Disks = append(t.Disks, render.Disks{Count: d.Count, SizeGB: d.Size})
		}
		all = append(all, t)
	}
	slices.SortFunc(all, func(x, y render.InstanceType) int { return strings.Compare(x.Name, y.Name) })
	return all, nil
}

// associated are the networks that are in use.
type associated []struct {
	CIDR  string `xml:"ipv6CidrBlock"`
	State string `xml:"ipv6CidrBlockState>state"`
}

func (as associated) cidrs() []string {
	all := []string{}
	for _, one := range as {
		if one.State == "associated" {
			all = append(all, one.CIDR)
		}
	}
	return all
}

// VPCs returns all networks of the account in the region.
func (a *Account) VPCs(ctx context.Context) ([]render.VPC, error) {
	var answer struct {
		page
		Items []struct {
			ID      string     `xml:"vpcId"`
			Default bool       `xml:"isDefault"`
			CIDR    string     `xml:"cidrBlock"`
			IPv6    associated `xml:"ipv6CidrBlockAssociationSet>item"`
		} `xml:"vpcSet>item"`
	}
	if err := a.pages(ctx, "DescribeVpcs", nil, &answer); err != nil {
		return nil, err
	}
	var all []render.VPC
	for _, i := range answer.Items {
		all = append(all, render.VPC{ID: i.ID, Default: i.Default, CIDR: i.CIDR, IPv6CIDRs: i.IPv6.cidrs()})
	}
	slices.SortFunc(all, func(x, y render.VPC) int { return strings.Compare(x.ID, y.ID) })
	return all, nil
}

// Subnets returns all subnets of a network.
func (a *Account) Subnets(ctx context.Context, vpc string) ([]render.Subnet, error) {
	var answer struct {
		page
		Items []struct {
			ID   string     `xml:"subnetId"`
			VPC  string     `xml:"vpcId"`
			Zone string     `xml:"availabilityZone"`
			IPv6 associated `xml:"ipv6CidrBlockAssociationSet>item"`
			Tags []struct {
				Key   string `xml:"key"`
				Value string `xml:"value"`
			} `xml:"tagSet>item"`
		} `xml:"subnetSet>item"`
	}
	if err := a.pages(ctx, "DescribeSubnets", filter("vpc-id", vpc), &answer); err != nil {
		return nil, err
	}
	var all []render.Subnet
	for _, i := range answer.Items {
		s := render.Subnet{ID: i.ID, VPC: i.VPC, Zone: i.Zone, IPv6CIDRs: i.IPv6.cidrs(), Tags: map[string]string{}}
		for _, tag := range i.Tags {
			s.Tags[tag.Key] = tag.Value
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(x, y render.Subnet) int { return strings.Compare(x.ID, y.ID) })
	return all, nil
}

// Certificates returns the issued certificates of load balancers; they are
// verified against the roots of this machine.
func (a *Account) Certificates(ctx context.Context) ([]render.Certificate, *x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, nil, fairway.Errorf(fairway.CodeUnavailable, "read the roots of this machine: %w", err)
	}
	var all []render.Certificate
	in := map[string]any{"CertificateStatuses": []string{"ISSUED"}}
	for {
		var answer struct {
			NextToken              string
			CertificateSummaryList []struct{ CertificateArn string }
		}
		if err := a.call(ctx, "acm", acmTarget, "ListCertificates", in, &answer); err != nil {
			return nil, nil, err
		}
		for _, one := range answer.CertificateSummaryList {
			var got struct{ Certificate, CertificateChain string }
			if err := a.call(ctx, "acm", acmTarget, "GetCertificate", map[string]string{"CertificateArn": one.CertificateArn}, &got); err != nil {
				return nil, nil, err
			}
			all = append(all, render.Certificate{ARN: one.CertificateArn, Certificate: got.Certificate, Chain: got.CertificateChain})
		}
		if answer.NextToken == "" {
			return all, roots, nil
		}
		in["NextToken"] = answer.NextToken
	}
}

// KeyARN returns the ARN of the key behind an alias.
func (a *Account) KeyARN(ctx context.Context, alias string) (string, error) {
	var answer struct{ KeyMetadata struct{ Arn string } }
	return answer.KeyMetadata.Arn, a.call(ctx, "kms", kmsTarget, "DescribeKey", map[string]string{"KeyId": alias}, &answer)
}

// stack describes a stack; false when it does not exist.
func (a *Account) stack(ctx context.Context, name string) (outputs map[string]string, there bool, err error) {
	var answer struct {
		Outputs []struct {
			OutputKey, OutputValue string
		} `xml:"DescribeStacksResult>Stacks>member>Outputs>member"`
	}
	err = a.query(ctx, "cloudformation", cfnVersion, "DescribeStacks", url.Values{"StackName": {name}}, &answer)
	if err != nil && strings.Contains(err.Error(), "does not exist") {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	outputs = map[string]string{}
	for _, o := range answer.Outputs {
		outputs[o.OutputKey] = o.OutputValue
	}
	return outputs, true, nil
}

// StackOutputs returns the outputs of a stack; none when it does not exist yet.
func (a *Account) StackOutputs(ctx context.Context, stack string) (map[string]string, error) {
	outputs, _, err := a.stack(ctx, stack)
	return outputs, err
}

// StackExists reports whether a stack is there already.
func (a *Account) StackExists(ctx context.Context, _, stack string) (bool, error) {
	_, there, err := a.stack(ctx, stack)
	return there, err
}

// ObjectURL returns the URL of an object; {bucket} and {key} stay as they are.
func (a *Account) ObjectURL(_ context.Context, bucket, key string) (string, error) {
	domain := "amazonaws.com"
	if strings.HasPrefix(a.o.Region, "cn-") {
		domain += ".cn"
	}
	return "https://" + bucket + ".s3." + a.o.Region + "." + domain + "/" + key, nil
}

// Now is the time against which certificates are judged.
func (a *Account) Now() (time.Time, error) { return a.o.Now(), nil }
