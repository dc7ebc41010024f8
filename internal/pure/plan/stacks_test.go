package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const nodesStack = `
Parameters:
  Image: {Type: String, Default: ami-1}
Mappings:
  Images: {eu-central-1: {worker: ami-1}}
Resources:
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MinSize: 1
      LaunchTemplate: {LaunchTemplateId: !Ref Template, Version: !GetAtt Template.LatestVersionNumber}
  Template:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateName: one
      LaunchTemplateData: {ImageId: !Ref Image, KernelId: !FindInMap [Images, eu-central-1, worker], UserData: c2VjcmV0, SecurityGroupIds: [!Ref Firewall]}
  Firewall:
    Type: AWS::EC2::SecurityGroup
    Properties: {GroupDescription: nodes, VpcId: vpc-1, SecurityGroupIngress: [{CidrIp: 10.0.0.0/8}]}
  Rule:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !GetAtt Firewall.GroupId, IpProtocol: tcp}
  Data:
    Type: AWS::EC2::Volume
    Properties: {AvailabilityZone: a, Size: 10}
  Odd:
    Type: AWS::Example::Thing
    Properties: {Size: 1, Name: !Sub "x-${Data}"}
`

func TestStacks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from, to string
		want     []string // resource, action, replaced
		blocks   string
	}{
		"nothing":                     {"MinSize: 1", `MinSize: "1"`, nil, ""},
		"a size":                      {"MinSize: 1", "MinSize: 2", []string{"Group change no: MinSize"}, ""},
		"a name":                      {"LaunchTemplateName: one", "LaunchTemplateName: two", []string{"Group change no: LaunchTemplate", "Template change yes: LaunchTemplateName"}, ""},
		"a name of the group":         {"MinSize: 1", "{}", nil, "cannot be compared"},
		"user data":                   {"c2VjcmV0", "b3RoZXI=", []string{"Template change no: LaunchTemplateData.UserData"}, ""},
		"an image by parameter":       {"Default: ami-1", "Default: ami-2", []string{"Template change no: LaunchTemplateData.ImageId"}, ""},
		"an image by mapping":         {"worker: ami-1", "worker: ami-2", []string{"Template change no: LaunchTemplateData.KernelId"}, ""},
		"a rule of a group":           {"10.0.0.0/8", "10.0.0.0/9", []string{"Firewall change no: SecurityGroupIngress"}, ""},
		"a network, and what follows": {"vpc-1", "vpc-2", []string{"Firewall change yes: VpcId", "Rule change yes: GroupId", "Template change no: LaunchTemplateData"}, ""},
		"a volume":                    {"AvailabilityZone: a", "AvailabilityZone: b", []string{"Data change yes: AvailabilityZone", "Odd change perhaps: Name"}, "what it holds is lost"},
		"a larger volume":             {"Size: 10", "Size: 20", []string{"Data change no: Size"}, ""},
		"an unknown type":             {"Size: 1,", "Size: 2,", []string{"Odd change perhaps: Size"}, ""},
		"another type":                {"AWS::Example::Thing", "AWS::Example::Other", []string{"Odd change yes: Type"}, ""},
		"a resource less":             {"  Data:\n    Type: AWS::EC2::Volume\n    Properties: {AvailabilityZone: a, Size: 10}\n", "", []string{"Data remove :"}, "what it holds is lost"},
		"a volume that is kept": {"    Type: AWS::EC2::Volume\n    Properties: {AvailabilityZone: a, Size: 10}\n", "    Type: AWS::EC2::Volume\n    Properties: {AvailabilityZone: b, Size: 10}\n",
			[]string{"Data change yes: AvailabilityZone", "Odd change perhaps: Name"}, "what it holds is lost"},
	} {
		after := strings.Replace(nodesStack, c.from, c.to, 1)
		if name == "a name of the group" {
			after = "a: b: c"
		}
		found, findings := stacks([]Stack{{Name: "kube-1-worker", Before: nodesStack, After: after}}, mask{})
		var got []string
		for _, s := range found {
			for _, r := range s.Resources {
				var paths []string
				for _, f := range r.Fields {
					paths = append(paths, f.Path)
				}
				got = append(got, r.ID+" "+r.Action+" "+string(r.Replaced)+": "+strings.Join(paths, " "))
			}
		}
		for i := range got {
			got[i] = strings.TrimSuffix(got[i], " ")
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		var said string
		for _, f := range findings {
			if f.Severity == Block || f.Remedy == "correct the template" {
				said += f.Reason
			}
		}
		if (c.blocks == "") != (said == "") || !strings.Contains(said, c.blocks) {
			t.Errorf("%s: blocked by %q, want %q", name, said, c.blocks)
		}
		text, _ := json.Marshal(found)
		if strings.Contains(string(text), "c2VjcmV0") || strings.Contains(string(text), "b3RoZXI") {
			t.Errorf("%s: user data is shown: %s", name, text)
		}
	}
}

// A volume is no loss where its policy keeps it.
func TestStacks_Retain(t *testing.T) {
	t.Parallel()
	kept := strings.Replace(nodesStack, "Type: AWS::EC2::Volume", "Type: AWS::EC2::Volume\n    DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain", 1)
	for name, s := range map[string]Stack{
		"replaced": {Name: "s", Before: kept, After: strings.Replace(kept, "AvailabilityZone: a", "AvailabilityZone: b", 1)},
		"deleted":  {Name: "s", Before: kept, Deleted: true},
	} {
		impacts, findings := stacks([]Stack{s}, mask{})
		if len(impacts) != 1 || len(findings) > 0 {
			t.Errorf("%s: %+v %+v", name, impacts, findings)
		}
	}
	if _, findings := stacks([]Stack{{Name: "s", Before: nodesStack, Deleted: true}}, mask{}); len(findings) != 1 {
		t.Errorf("a stack with a volume is deleted: %+v", findings)
	}
}

// Stacks that come and go, in all forms of a plan.
func TestBuild_Stacks(t *testing.T) {
	t.Parallel()
	in := world("v1.36.3")
	in.Stacks = []Stack{
		{Name: "kube-1", Before: nodesStack, After: nodesStack},
		{Name: "kube-1-new", After: nodesStack},
		{Name: "kube-1-old", Before: nodesStack, Deleted: true},
		{Name: "kube-1-left", Before: nodesStack},
		{Name: "kube-1-worker", Before: nodesStack, After: strings.NewReplacer("vpc-1", "vpc-2", "c2VjcmV0", "b3RoZXI=").Replace(nodesStack)},
	}
	p := Build(in)
	if p.Summary.Stacks != 3 || p.Summary.Replaced != 2 || !p.Changes || !strings.Contains(p.Verdict, "3 stacks to change, with 2 resources replaced") {
		t.Errorf("%s %+v", p.Verdict, p.Summary)
	}
	var text, comment strings.Builder
	if err := p.Text(&text, false); err != nil {
		t.Fatal(err)
	}
	if err := Together([]*Plan{p}, nil).Markdown(&comment); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"+ stack kube-1-new with 6 resources", "- stack kube-1-old", "stack kube-1-left left the configuration and stays", "~ Firewall (AWS::EC2::SecurityGroup), REPLACED", "-   vpc-1", "+   vpc-2"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("%q is not in\n%s", part, text.String())
		}
	}
	for _, part := range []string{"update stack `kube-1-worker`: 0 resources added, 3 changed, 0 removed; **replaced: `Firewall`, `Rule`**", "delete stack `kube-1-old`"} {
		if !strings.Contains(comment.String(), part) {
			t.Errorf("%q is not in\n%s", part, comment.String())
		}
	}
}

// Templates that are no templates, or too much, are no reason to fail.
func TestParseTemplate_Bad(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n" +
		"d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]\n"
	for name, text := range map[string]string{"a bomb": bomb, "no YAML": "a: b: c"} {
		if _, err := parseTemplate(text); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	for _, text := range []string{"", "[]", "Resources: []", "Resources: {a: 1}", "null"} {
		if got, err := parseTemplate(text); err != nil || len(got.resources) > 0 {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
}
