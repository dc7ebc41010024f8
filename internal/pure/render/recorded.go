package render

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"iter"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// Recorded answers look-ups from a file, so that rendering needs no network
// and gives the same bytes on any machine. It is safe for concurrent use.
type Recorded struct {
	file     recordedFile
	roots    *x509.CertPool
	warnings []string
}

var _ Lookups = (*Recorded)(nil)

// recordedFile is the format of a look-ups file.
type recordedFile struct {
	Images         []recordedImage     `json:"images"`
	InstanceTypes  []InstanceType      `json:"instance_types"`
	VPCs           []VPC               `json:"vpcs"`
	Subnets        []Subnet            `json:"subnets"`
	Certificates   []Certificate       `json:"certificates"`
	TrustRootsFile string              `json:"trust_roots_file"`
	KMSAliases     map[string]string   `json:"kms_aliases"`
	KMS            string              `json:"kms"`
	StackOutputs   map[string]string   `json:"stack_outputs"`
	S3Location     string              `json:"s3_location"`
	ExistingStacks map[string][]string `json:"existing_stacks"`
	Options        RecordedOptions     `json:"options"`
	Now            time.Time           `json:"now"`
}

type recordedImage struct {
	Name  string `json:"name"`
	Owner string `json:"owner"`
	ID    string `json:"id"`
}

// RecordedOptions are the flags of the run that was recorded.
type RecordedOptions struct {
	// ManageEtcdStack says that the etcd stack belongs to the cluster.
	ManageEtcdStack bool `json:"manage_etcd_stack"`
	// ApplyOnly says that no nodes are rolled; it changes nothing in what is rendered.
	ApplyOnly bool   `json:"apply_only"`
	Engine    Engine `json:"engine"`
}

// ParseRecorded reads a look-ups file. readFile reads the file of trust roots,
// whose name is relative to the look-ups file. The error is CodeInvalid.
func ParseRecorded(data []byte, readFile func(name string) ([]byte, error)) (*Recorded, error) {
	r := &Recorded{}
	if err := json.Unmarshal(data, &r.file); err != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "read look-ups: %w", err).WithHint("it is one JSON object with the keys %s", list(recordedKeys()))
	}
	r.warn(data)
	if !slices.Contains([]string{"", "reverse"}, r.file.KMS) {
		return nil, fairway.Errorf(fairway.CodeInvalid, "look-ups: kms %q does not exist", r.file.KMS).WithHint("leave it out, or write reverse")
	}
	if err := r.file.Options.Engine.check(); err != nil {
		return nil, err
	}
	if name := r.file.TrustRootsFile; name != "" {
		text, err := readFile(name)
		if err != nil {
			return nil, fairway.Errorf(fairway.CodeInvalid, "read trust roots of look-ups: %w", err).WithHint("trust_roots_file is relative to the look-ups file")
		}
		r.roots = x509.NewCertPool()
		if !r.roots.AppendCertsFromPEM(text) {
			return nil, fairway.Errorf(fairway.CodeInvalid, "look-ups: trust_roots_file %s holds no certificate", name)
		}
	}
	return r, nil
}

// Warnings are what a person should look at although the file can be used:
// keys that nobody reads.
func (r *Recorded) Warnings() []string { return r.warnings }

func (r *Recorded) warn(data []byte) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil {
		return
	}
	known := slices.Collect(recordedKeys())
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !slices.Contains(known, key) {
			r.warnings = append(r.warnings, "unknown key "+strconv.Quote(key)+" is ignored; "+suggest(key, recordedKeys(), "the keys are "+list(recordedKeys())))
		}
	}
}

// recordedKeys are the keys of a look-ups file.
func recordedKeys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for f := range reflect.TypeFor[recordedFile]().Fields() {
			if !yield(f.Tag.Get("json")) {
				return
			}
		}
	}
}

// Options returns the flags of the recorded run.
func (r *Recorded) Options() RecordedOptions { return r.file.Options }

// Images returns the recorded images of a name and owner.
func (r *Recorded) Images(_ context.Context, name, owner string) ([]string, error) {
	var ids []string
	for _, i := range r.file.Images {
		if i.Owner == owner && matches(name, i.Name) && !slices.Contains(ids, i.ID) {
			ids = append(ids, i.ID)
		}
	}
	return ids, nil
}

// matches reports whether a name fits a filter of AWS, in which * and ? are
// wildcards and a backslash takes their meaning away.
func matches(filter, name string) bool {
	var b strings.Builder
	for i := 0; i < len(filter); i++ {
		switch c := filter[i]; {
		case c == '*':
			b.WriteString("(?s:.*)")
		case c == '?':
			b.WriteString("(?s:.)")
		case c == '\\' && i+1 < len(filter):
			i++
			b.WriteString(regexp.QuoteMeta(filter[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(filter[i : i+1]))
		}
	}
	re, err := regexp.Compile("^" + b.String() + "$")
	return err == nil && re.MatchString(name) || filter == name
}

// InstanceTypes returns the recorded instance types.
func (r *Recorded) InstanceTypes(context.Context) ([]InstanceType, error) {
	return r.file.InstanceTypes, nil
}

// VPCs returns the recorded networks.
func (r *Recorded) VPCs(context.Context) ([]VPC, error) { return r.file.VPCs, nil }

// Subnets returns the recorded subnets of a network; one that names no network
// belongs to any.
func (r *Recorded) Subnets(_ context.Context, vpc string) ([]Subnet, error) {
	return slices.DeleteFunc(slices.Clone(r.file.Subnets), func(s Subnet) bool { return cmp.Or(s.VPC, vpc) != vpc }), nil
}

// Certificates returns the recorded certificates.
func (r *Recorded) Certificates(context.Context) ([]Certificate, *x509.CertPool, error) {
	if len(r.file.Certificates) > 0 && r.roots == nil {
		return nil, nil, fairway.Errorf(fairway.CodeInvalid, "look-ups: trust_roots_file is missing").
			WithHint("certificates are verified against it, and never against the roots of this machine")
	}
	return r.file.Certificates, r.roots, nil
}

// KeyARN returns the recorded ARN of an alias.
func (r *Recorded) KeyARN(_ context.Context, alias string) (string, error) {
	arn, ok := r.file.KMSAliases[alias]
	if !ok {
		return "", fairway.Errorf(fairway.CodeInvalid, "look-ups: there is no key with alias %s", alias).
			WithHint("%s", suggest(alias, maps.Keys(r.file.KMSAliases), "add it to kms_aliases"))
	}
	return arn, nil
}

// cipherHead starts what Encrypt makes; the key and a newline follow.
const cipherHead = "stub-kms\n"

// Encrypt stands for a real encryption in files that nobody will decrypt: the
// bytes reversed.
func (r *Recorded) Encrypt(_ context.Context, key string, plain []byte) ([]byte, error) {
	return append([]byte(cipherHead+key+"\n"), reversed(plain)...), nil
}

// Decrypt reverses Encrypt; a text without its head is taken as reversed too.
func (r *Recorded) Decrypt(_ context.Context, cipher []byte) ([]byte, error) {
	if rest, ok := bytes.CutPrefix(cipher, []byte(cipherHead)); ok {
		if _, after, found := bytes.Cut(rest, []byte("\n")); found {
			cipher = after
		}
	}
	return reversed(cipher), nil
}

func reversed(b []byte) []byte {
	b = bytes.Clone(b)
	slices.Reverse(b)
	return b
}

// StackOutputs returns the recorded outputs, the same for every stack.
func (r *Recorded) StackOutputs(context.Context, string) (map[string]string, error) {
	return maps.Clone(r.file.StackOutputs), nil
}

// StackExists reports whether the stack is among the recorded ones.
func (r *Recorded) StackExists(_ context.Context, localID, stack string) (bool, error) {
	there := r.file.ExistingStacks[localID]
	return slices.Contains(there, "*") || slices.Contains(there, stack), nil
}

// ObjectURL fills the recorded template of URLs.
func (r *Recorded) ObjectURL(_ context.Context, bucket, key string) (string, error) {
	if r.file.S3Location == "" {
		return "", fairway.Errorf(fairway.CodeInvalid, "look-ups: s3_location is missing").
			WithHint("a template that is uploaded needs it, for example https://{bucket}.s3.eu-central-1.amazonaws.com/{key}")
	}
	return strings.NewReplacer("{bucket}", bucket, "{key}", key).Replace(r.file.S3Location), nil
}

// Now returns the recorded time.
func (r *Recorded) Now() (time.Time, error) {
	if r.file.Now.IsZero() {
		return time.Time{}, fairway.Errorf(fairway.CodeInvalid, "look-ups: now is missing").
			WithHint("certificates are judged against it; write for example \"now\": \"2026-01-31T12:00:00Z\"")
	}
	return r.file.Now, nil
}
