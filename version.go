package fairway

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// Version is a cluster version: a revision of the configuration and the hash of
// the cluster's registry entry. The zero value prints as "#".
type Version struct {
	Revision string
	Hash     string
}

// ParseVersion splits a version string; anything but exactly two parts is the
// empty version (contract 2.5).
func ParseVersion(s string) Version {
	parts := strings.Split(s, "#")
	if len(parts) != 2 {
		return Version{}
	}
	return Version{Revision: parts[0], Hash: parts[1]}
}

// String returns "<revision>#<hash>".
func (v Version) String() string { return v.Revision + "#" + v.Hash }

// Version returns the version string that the cluster has with a revision.
func (c *Cluster) Version(revision string) string {
	return Version{Revision: revision, Hash: c.Hash()}.String()
}

// Hash returns the hash of everything in the registry entry that an update
// depends on: 27 characters of URL-safe base64 of SHA-1 over the fields of
// contract 2.5 without separators. It is computed on registry data, before
// defaults and decryption.
func (c *Cluster) Hash() string {
	h := sha1.New()
	text := func(ss ...string) {
		for _, s := range ss {
			h.Write([]byte(s))
		}
	}
	items := func(m map[string]string) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			text(k, m[k])
		}
	}
	text(c.ID, c.InfrastructureAccount, c.LocalID, c.APIServerURL, c.Channel, c.Environment)
	h.Write(binary.LittleEndian.AppendUint32(nil, uint32(c.CriticalityLevel)))
	text(string(c.LifecycleStatus), c.Provider, c.Region)
	items(c.ConfigItems)
	for _, p := range c.NodePools {
		text(p.Name, p.Profile)
		text(p.InstanceTypes...)
		text(p.DiscountStrategy)
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(p.MinSize)))
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(p.MaxSize)))
		items(p.ConfigItems)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
