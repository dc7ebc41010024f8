package render

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
)

// Recording passes questions on and keeps the answers, in the form that
// ParseRecorded reads. Secrets are never asked for: what is encrypted stays so,
// with the stand-in that Recorded has for it. Safe for concurrent use.
type Recording struct {
	from Readings

	mu   sync.Mutex
	file recordedFile // guarded by mu
	// failed is the first question that was not answered; guarded by mu.
	failed error
	// roots are the certificates that recorded ones were verified against.
	roots map[string]*x509.Certificate // guarded by mu
}

var _ Lookups = (*Recording)(nil)

// NewRecording records what from answers, for a run with these options.
func NewRecording(from Readings, o RecordedOptions) *Recording {
	return &Recording{from: from, roots: map[string]*x509.Certificate{}, file: recordedFile{
		KMSAliases: map[string]string{}, StackOutputs: map[string]string{}, ExistingStacks: map[string][]string{}, Options: o,
	}}
}

// note remembers what was not answered; it needs mu.
func (r *Recording) note(err error) {
	if r.failed == nil {
		r.failed = err
	}
}

// add puts an answer into a list unless it is there.
func add[T any](list []T, one T, same func(a, b T) bool) []T {
	if slices.ContainsFunc(list, func(other T) bool { return same(one, other) }) {
		return list
	}
	return append(list, one)
}

// Images keeps the ids under the name that was asked for.
func (r *Recording) Images(ctx context.Context, name, owner string) ([]string, error) {
	ids, err := r.from.Images(ctx, name, owner)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(err)
	for _, id := range ids {
		r.file.Images = add(r.file.Images, recordedImage{name, owner, id}, func(a, b recordedImage) bool { return a == b })
	}
	return ids, err
}

// InstanceTypes keeps the types of the region.
func (r *Recording) InstanceTypes(ctx context.Context) ([]InstanceType, error) {
	types, err := r.from.InstanceTypes(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(err)
	if err == nil {
		r.file.InstanceTypes = types
	}
	return types, err
}

// VPCs keeps the networks.
func (r *Recording) VPCs(ctx context.Context) ([]VPC, error) {
	all, err := r.from.VPCs(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(err)
	if err == nil {
		r.file.VPCs = all
	}
	return all, err
}

// Subnets keeps the subnets of each network that is asked about.
func (r *Recording) Subnets(ctx context.Context, vpc string) ([]Subnet, error) {
	all, err := r.from.Subnets(ctx, vpc)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(err)
	for _, s := range all {
		r.file.Subnets = add(r.file.Subnets, s, func(a, b Subnet) bool { return a.ID == b.ID })
	}
	return all, err
}

// Certificates keeps the certificates, and the roots that they lead to.
func (r *Recording) Certificates(ctx context.Context) ([]Certificate, *x509.CertPool, error) {
	all, pool, err := r.from.Certificates(ctx)
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.note(err)
		return nil, nil, err
	}
	now, err := r.Now()
	if err != nil {
		return nil, nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.file.Certificates = all
	for _, c := range all {
		for _, root := range rootsOf(c, pool, now) {
			r.roots[string(root.Raw)] = root
		}
	}
	return all, pool, nil
}

// KeyARN keeps the key behind an alias.
func (r *Recording) KeyARN(ctx context.Context, alias string) (string, error) {
	arn, err := r.from.KeyARN(ctx, alias)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(err)
	if err == nil {
		r.file.KMSAliases[alias] = arn
	}
	return arn, err
}

// Encrypt and Decrypt are those of Recorded: no secret leaves the account.
func (r *Recording) Encrypt(ctx context.Context, key string, plain []byte) ([]byte, error) {
	return (*Recorded)(nil).Encrypt(ctx, key, plain)
}

// Decrypt does not decrypt.
func (r *Recording) Decrypt(ctx context.Context, cipher []byte) ([]byte, error) {
	return (*Recorded)(nil).Decrypt(ctx, cipher)
}

// StackOutputs keeps the outputs. The file has one answer for every stack, so
// stacks that answer differently cannot be in one file: CodeInvalid.
func (r *Recording) StackOutputs(ctx context.Context, stack string) (map[string]string, error) {
	outputs, err := r.from.StackOutputs(ctx, stack)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(err)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(outputs)) {
		if old, there := r.file.StackOutputs[key]; there && old != outputs[key] {
			err := fairway.Errorf(fairway.CodeInvalid, "output %s of stack %s is not that of the stacks before it, and a look-ups file has one for all", key, stack).
				WithHint("record each cluster into a file of its own")
			r.note(err)
			return nil, err
		}
	}
	maps.Copy(r.file.StackOutputs, outputs)
	return outputs, nil
}

// StackExists keeps the stacks that are there.
func (r *Recording) StackExists(ctx context.Context, localID, stack string) (bool, error) {
	there, err := r.from.StackExists(ctx, localID, stack)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(err)
	if there {
		r.file.ExistingStacks[localID] = add(r.file.ExistingStacks[localID], stack, func(a, b string) bool { return a == b })
	}
	return there, err
}

// ObjectURL passes the question on; Done keeps the template of all answers.
func (r *Recording) ObjectURL(ctx context.Context, bucket, key string) (string, error) {
	return r.from.ObjectURL(ctx, bucket, key)
}

// Now is the time of the recording, the same for all of it.
func (r *Recording) Now() (time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file.Now.IsZero() {
		now, err := r.from.Now()
		if err != nil {
			return time.Time{}, err
		}
		r.file.Now = now.UTC().Truncate(time.Second)
	}
	return r.file.Now, nil
}

// Done returns the look-ups file, and the file of trust roots that it names as
// rootsFile; nil when there are no certificates. The error is that of the first
// question that was not answered.
func (r *Recording) Done(ctx context.Context, rootsFile string) (file, roots []byte, err error) {
	if _, err := r.Now(); err != nil {
		return nil, nil, err
	}
	template, err := r.from.ObjectURL(ctx, "{bucket}", "{key}")
	if err != nil {
		return nil, nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return nil, nil, r.failed
	}
	r.file.S3Location = template
	if len(r.file.Certificates) > 0 {
		r.file.TrustRootsFile, roots = rootsFile, encodeRoots(r.roots)
	}
	slices.SortFunc(r.file.Images, func(a, b recordedImage) int {
		return strings.Compare(a.Name+"\x00"+a.Owner+"\x00"+a.ID, b.Name+"\x00"+b.Owner+"\x00"+b.ID)
	})
	slices.SortFunc(r.file.Subnets, func(a, b Subnet) int { return strings.Compare(a.ID, b.ID) })
	for _, stacks := range r.file.ExistingStacks {
		slices.Sort(stacks)
	}
	file, err = sortedJSON(r.file)
	return file, roots, err
}

// sortedJSON writes a value with sorted keys, indented by two blanks.
func sortedJSON(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var plain map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&plain); err != nil {
		return nil, err
	}
	maps.DeleteFunc(plain, func(_ string, v any) bool { return v == nil || v == "" })
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(plain)
	return out.Bytes(), err
}
