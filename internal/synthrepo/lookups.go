package synthrepo

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"time"
)

// Lookups returns the recorded answers that clusters on AWS need, as the text
// of a look-ups file; roots belongs into a file roots.pem beside it.
func Lookups() (answers, roots []byte) {
	certificate := selfSigned()
	machine := func(name string, vcpu, memory int) map[string]any {
		return map[string]any{"name": name, "vcpu": vcpu, "memory_mib": memory, "architectures": []string{"x86_64"}, "disks": []any{}}
	}
	subnet := func(zone string) map[string]any {
		return map[string]any{"id": "subnet-" + zone, "vpc": "vpc-1", "az": "eu-central-1" + zone, "ipv6_cidrs": []string{},
			"tags": map[string]string{"kubernetes.io/role/node": "", "kubernetes.io/role/elb": ""}}
	}
	image := func(arch string) map[string]any {
		return map[string]any{"name": "example-node-22.04-" + arch + "-v1.36.2", "owner": "123456789012", "id": "ami-" + arch}
	}
	answers, err := json.MarshalIndent(map[string]any{
		"images":           []any{image("amd64"), image("arm64")},
		"instance_types":   []any{machine("m5.large", 2, 8192), machine("m5.xlarge", 4, 16384), machine("m5.2xlarge", 8, 32768), machine("c5.xlarge", 4, 8192), machine("c5.2xlarge", 8, 16384), machine("r5.xlarge", 4, 32768)},
		"vpcs":             []any{map[string]any{"id": "vpc-1", "default": true, "cidr": "172.31.0.0/16", "ipv6_cidrs": []string{}}},
		"subnets":          []any{subnet("a"), subnet("b"), subnet("c")},
		"certificates":     []any{map[string]any{"arn": "arn:aws:acm:eu-central-1:123456789012:certificate/1", "certificate_pem": string(certificate), "chain_pem": ""}},
		"trust_roots_file": "roots.pem",
		"kms_aliases":      map[string]string{"alias/etcd-cluster": "arn:aws:kms:eu-central-1:123456789012:key/1"},
		"kms":              "reverse",
		"stack_outputs":    map[string]string{"MasterFilesEncryptionKey": "key-1", "WorkerFilesEncryptionKey": "key-2", "EtcdEncryptionKey": "key-3"},
		"s3_location":      "https://{bucket}.s3.eu-central-1.amazonaws.com/{key}",
		"options":          map[string]any{"manage_etcd_stack": true},
		"now":              "2026-06-01T12:00:00Z",
	}, "", "  ")
	if err != nil {
		panic(err) // texts and numbers only: cannot happen
	}
	return append(answers, '\n'), certificate
}

// selfSigned is a certificate for all clusters, the same at every call.
func selfSigned() []byte {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "*.fleet.example.org"}, DNSNames: []string{"*.fleet.example.org"},
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		panic(err) // a constant template: cannot happen
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
