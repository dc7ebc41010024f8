package render

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// cloud answers like an account.
type cloud struct {
	certificates []Certificate
	roots        *x509.CertPool
	now          time.Time
	away         error
}

func (c cloud) Images(_ context.Context, name, _ string) ([]string, error) {
	if name == "none" {
		return nil, nil
	}
	return []string{"ami-" + name}, c.away
}

func (c cloud) InstanceTypes(context.Context) ([]InstanceType, error) {
	return []InstanceType{{Name: "m5.large", VCPU: 2, MemoryMiB: 8192, Architectures: []string{"x86_64"}, Disks: []Disks{}}}, nil
}

func (c cloud) VPCs(context.Context) ([]VPC, error) {
	return []VPC{{ID: "vpc-1", Default: true, CIDR: "10.0.0.0/8", IPv6CIDRs: []string{}}, {ID: "vpc-2", CIDR: "10.0.0.0/8", IPv6CIDRs: []string{}}}, nil
}

func (c cloud) Subnets(_ context.Context, vpc string) ([]Subnet, error) {
	return []Subnet{{ID: "subnet-of-" + vpc, VPC: vpc, Zone: "a", IPv6CIDRs: []string{"fd00::/64"}, Tags: map[string]string{"a": "<b>"}}}, nil
}

func (c cloud) Certificates(context.Context) ([]Certificate, *x509.CertPool, error) {
	return c.certificates, c.roots, nil
}
func (c cloud) KeyARN(_ context.Context, alias string) (string, error) { return "arn:" + alias, nil }
func (c cloud) StackOutputs(_ context.Context, stack string) (map[string]string, error) {
	return map[string]string{"Zone": "example.org", "Role": stack}, nil
}

func (c cloud) StackExists(_ context.Context, _, stack string) (bool, error) {
	return stack != "new", nil
}

func (c cloud) ObjectURL(_ context.Context, bucket, key string) (string, error) {
	return "https://" + bucket + ".s3.example.org/" + key, nil
}
func (c cloud) Now() (time.Time, error) { return c.now, nil }

// root is a certificate that trusts itself.
func root(t *testing.T, now time.Time) (string, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kube-1.example.org"}, DNSNames: []string{"kube-1.example.org"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(text))
	return text, pool
}

// TestRecording: what was recorded gives the same answers, and only those.
func TestRecording(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 12, 0, 0, 123, time.UTC)
	text, pool := root(t, now)
	from := cloud{certificates: []Certificate{{ARN: "arn:cert", Certificate: text}}, roots: pool, now: now}
	recording := NewRecording(from, RecordedOptions{ManageEtcdStack: true})
	ask := func(l Lookups) map[string]any {
		all := map[string]any{}
		keep := func(name string, answer any, err error) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			all[name] = answer
		}
		for _, name := range []string{"flatcar-stable-*", "b", "none"} {
			ids, err := l.Images(t.Context(), name, "42")
			keep("image "+name, ids, err)
		}
		types, err := l.InstanceTypes(t.Context())
		keep("types", types, err)
		vpcs, err := l.VPCs(t.Context())
		keep("networks", vpcs, err)
		for _, vpc := range []string{"vpc-2", "vpc-1"} {
			subnets, err := l.Subnets(t.Context(), vpc)
			keep("subnets of "+vpc, subnets, err)
		}
		certificates, _, err := l.Certificates(t.Context())
		keep("certificates", certificates, err)
		arn, err := l.KeyARN(t.Context(), "alias/etcd-cluster")
		keep("key", arn, err)
		outputs, err := l.StackOutputs(t.Context(), "kube-1")
		keep("outputs", outputs, err)
		for _, stack := range []string{"kube-1", "new"} {
			there, err := l.StackExists(t.Context(), "kube-1", stack)
			keep("stack "+stack, there, err)
		}
		address, err := l.ObjectURL(t.Context(), "b", "k")
		keep("URL", address, err)
		at, err := l.Now()
		keep("now", at, err)
		plain, err := l.Decrypt(t.Context(), []byte("secret"))
		keep("decrypted", string(plain), err)
		return all
	}
	live := ask(recording)
	if live["decrypted"] == "secret" {
		t.Error("something was decrypted")
	}
	file, roots, err := recording.Done(t.Context(), "L.json.roots.pem")
	if err != nil {
		t.Fatal(err)
	}
	if string(roots) != text {
		t.Errorf("roots:\n%s", roots)
	}
	for _, want := range []string{"{\n  \"certificates\"", `"a": "<b>"`, `"now": "2026-11-02T12:00:00Z"`, `"s3_location": "https://{bucket}.s3.example.org/{key}"`, `"trust_roots_file": "L.json.roots.pem"`, "}\n"} {
		if !strings.Contains(string(file), want) {
			t.Errorf("the file lacks %s:\n%s", want, file)
		}
	}
	recorded, err := ParseRecorded(file, func(string) ([]byte, error) { return roots, nil })
	if err != nil || len(recorded.Warnings()) > 0 {
		t.Fatalf("%v %v", err, recorded.Warnings())
	}
	if diff := cmp.Diff(live, ask(recorded)); diff != "" {
		t.Errorf("recorded answers differ: %s", diff)
	}
	if !recorded.Options().ManageEtcdStack {
		t.Error("the options are lost")
	}
	if _, pool, err := recorded.Certificates(t.Context()); err != nil || !pool.Equal(from.roots) {
		t.Errorf("other roots: %v", err)
	}
	// What nobody asked is not in it.
	if _, err := recorded.KeyARN(t.Context(), "alias/other"); fairway.ErrorCode(err) != fairway.CodeInvalid {
		t.Errorf("a key that was not recorded: %v", err)
	}
}

// TestRecording_Incomplete: a file without an answer that was asked for, or with
// one answer for two, is not written.
func TestRecording_Incomplete(t *testing.T) {
	t.Parallel()
	away := NewRecording(cloud{now: time.Unix(0, 0), away: errors.New("throttled")}, RecordedOptions{})
	if _, err := away.Images(t.Context(), "a", "b"); err == nil {
		t.Error("an answer where there is none")
	}
	if _, _, err := away.Done(t.Context(), "r"); err == nil || err.Error() != "throttled" {
		t.Errorf("error %v", err)
	}
	two := NewRecording(cloud{now: time.Unix(0, 0)}, RecordedOptions{})
	if _, err := two.StackOutputs(t.Context(), "kube-1"); err != nil {
		t.Fatal(err)
	}
	_, err := two.StackOutputs(t.Context(), "kube-2")
	if fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.Contains(err.Error(), "output Role of stack kube-2") {
		t.Errorf("error %v", err)
	}
	if _, _, err := two.Done(t.Context(), "r"); err == nil {
		t.Error("two answers in one")
	}
}
