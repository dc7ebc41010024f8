package render

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"

	"gopkg.in/yaml.v2"

	"github.com/fairwayhq/fairway"
)

// maxStack is the largest template that is sent as it is; larger ones are
// uploaded first.
const maxStack = 51200

// etcdPolicy guards the parts of the etcd stack that must not be replaced
// while it is updated.
const etcdPolicy = `{"Statement":[{"Effect":"Allow","Action":["Update:*"],"Principal":"*","Resource":["*"]},` +
	`{"Effect":"Deny","Action":["Update:Replace","Update:Delete"],"Principal":"*",` +
	`"Condition":{"StringEquals":{"ResourceType":["AWS::AutoScaling::AutoScalingGroup","AWS::S3::Bucket","AWS::IAM::Role"]}}}]}`

// stackCall is what CloudFormation is asked for, as it is written to files.
type stackCall struct {
	Action                string            `json:"action"` // create or update
	Capabilities          []string          `json:"capabilities"`
	Name                  string            `json:"name"`
	OnFailure             string            `json:"on_failure"` // of create only
	Policy                string            `json:"policy"`     // of update only, JSON
	Tags                  map[string]string `json:"tags"`
	TemplateSHA256        string            `json:"template_sha256"`
	TemplateURL           string            `json:"template_url"` // "" when the template is sent itself
	TerminationProtection bool              `json:"termination_protection"`
}

// stackSpec is a stack to be made so.
type stackSpec struct {
	name string
	file string // of the template, for errors
	text string
	tags map[string]string
	// object is the key under which the template is uploaded when it is too
	// large to be sent; "" when that is not done for this kind of stack.
	object string
	policy string // while it is updated
}

// stackTemplate is what is read of a template.
type stackTemplate struct {
	Metadata struct {
		StackName string            `yaml:"StackName"`
		Tags      map[string]string `yaml:"Tags"`
	} `yaml:"Metadata"`
}

// parseStack reads a template; nobody changes what it returns.
func (r *renderer) parseStack(file, text string) (stackTemplate, error) {
	key := func() cacheKey { return keyOf(keyStack, "", text) }
	bytes := func(t stackTemplate) int {
		n := len(t.Metadata.StackName)
		for k, v := range t.Metadata.Tags {
			n += len(k) + len(v) + cachedOverhead
		}
		return n
	}
	return remembered(r.in.Cache, key, bytes, func() (t stackTemplate, err error) {
		if err := yaml.Unmarshal([]byte(text), &t); err != nil {
			return t, yamlError(file, err)
		}
		return t, nil
	})
}

// stack puts the call for a stack into the output.
func (r *renderer) stack(s stackSpec) error {
	template, err := r.parseStack(s.file, s.text)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(s.text))
	call := stackCall{
		Action: "create", Capabilities: []string{"CAPABILITY_NAMED_IAM"}, Name: s.name, OnFailure: "DELETE",
		Tags: map[string]string{}, TemplateSHA256: hex.EncodeToString(sum[:]), TerminationProtection: true,
	}
	maps.Copy(call.Tags, template.Metadata.Tags)
	maps.Copy(call.Tags, s.tags)
	there, err := r.in.Lookups.StackExists(r.engine.ctx, r.in.Cluster.LocalID, s.name)
	if err != nil {
		return err
	}
	if there {
		call.Action, call.OnFailure, call.Policy = "update", "", s.policy
	}
	if len(s.text) > maxStack && s.object != "" {
		if call.TemplateURL, err = r.in.Lookups.ObjectURL(r.engine.ctx, r.bucket(), s.object); err != nil {
			return fairway.Errorf(codeOf(err), "%s: %w", s.file, err).WithHint("%s", fairway.ErrorHint(err))
		}
		r.out.put("s3/"+s.object, []byte(s.text))
	}
	r.out.putJSON("stacks/"+s.name+"."+call.Action+".json", call)
	return nil
}

// ownerTag is the tag by which the stacks of a cluster are found.
func (r *renderer) ownerTag() string {
	if r.in.Engine == Engine2024 {
		return "kubernetes.io/cluster/" + r.cluster.ID
	}
	return "kubernetes.io/cluster/" + r.cluster.Name()
}
