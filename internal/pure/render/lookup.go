package render

import (
	"context"
	"crypto/x509"
	"sync"
	"time"
)

// Lookups answers what a render asks of a cloud. The same question must get
// the same answer during one render. Errors become errors of the render.
// Implementations are safe for concurrent use.
type Lookups interface {
	Readings
	// Encrypt and Decrypt use keys of the cloud; a ciphertext knows its key.
	Encrypt(ctx context.Context, key string, plain []byte) ([]byte, error)
	Decrypt(ctx context.Context, cipher []byte) ([]byte, error)
}

// Readings are the look-ups that only read, and no secrets.
type Readings interface {
	// Images returns the ids of all images of that name and owner; the name may
	// hold the wildcards * and ?.
	Images(ctx context.Context, name, owner string) ([]string, error)
	// InstanceTypes returns all instance types of the region.
	InstanceTypes(ctx context.Context) ([]InstanceType, error)
	// VPCs returns all networks of the account in the region.
	VPCs(ctx context.Context) ([]VPC, error)
	// Subnets returns all subnets of a network.
	Subnets(ctx context.Context, vpc string) ([]Subnet, error)
	// Certificates returns the issued certificates of load balancers, and the
	// roots to verify them against.
	Certificates(ctx context.Context) ([]Certificate, *x509.CertPool, error)
	// KeyARN returns the ARN of the key behind an alias.
	KeyARN(ctx context.Context, alias string) (string, error)
	// StackOutputs returns the outputs of a stack.
	StackOutputs(ctx context.Context, stack string) (map[string]string, error)
	// StackExists reports whether a stack is there already.
	StackExists(ctx context.Context, localID, stack string) (bool, error)
	// ObjectURL returns the URL of an object in the store of files.
	ObjectURL(ctx context.Context, bucket, key string) (string, error)
	// Now is the time against which certificates are judged.
	Now() (time.Time, error)
}

// InstanceType is a kind of machine, as AWS describes it.
type InstanceType struct {
	Name      string `json:"name"`
	VCPU      int32  `json:"vcpu"`
	MemoryMiB int64  `json:"memory_mib"`
	// Architectures are x86_64, arm64, i386 or x86_64_mac.
	Architectures []string `json:"architectures"`
	// Disks are the sets of equal disks that the machine brings along.
	Disks []Disks `json:"disks"`
}

// Disks is a set of equal disks.
type Disks struct {
	Count  int64 `json:"count"`
	SizeGB int64 `json:"size_gb"` // of 10^9 bytes each
}

// VPC is a network.
type VPC struct {
	ID        string   `json:"id"`
	Default   bool     `json:"default"`
	CIDR      string   `json:"cidr"`
	IPv6CIDRs []string `json:"ipv6_cidrs"`
}

// Subnet is a part of a network in one zone.
type Subnet struct {
	ID        string            `json:"id"`
	VPC       string            `json:"vpc"`
	Zone      string            `json:"az"`
	IPv6CIDRs []string          `json:"ipv6_cidrs"`
	Tags      map[string]string `json:"tags"`
}

// Certificate is a certificate of load balancers.
type Certificate struct {
	ARN         string `json:"arn"`
	Certificate string `json:"certificate_pem"`
	Chain       string `json:"chain_pem"`
}

// answers asks the look-ups on behalf of one render, each thing once.
type answers struct {
	ctx      context.Context
	from     Lookups // nil when there are none
	provider string
	engine   Engine
	// types are loaded when they are first asked for.
	types func() (instanceTypes, error)
}

func newAnswers(ctx context.Context, from Lookups, provider string, engine Engine) *answers {
	a := &answers{ctx: ctx, from: from, provider: provider, engine: engine}
	a.types = sync.OnceValues(func() (instanceTypes, error) {
		if from == nil {
			return nil, a.missing("instance types")
		}
		list, err := from.InstanceTypes(ctx)
		if err != nil {
			return nil, err
		}
		return newInstanceTypes(list)
	})
	return a
}
