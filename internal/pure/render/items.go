package render

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// kmsPrefix starts the value of an encrypted config item (contract 1.9).
const kmsPrefix = "aws:kms:"

// items are the config items at the three moments that can be looked at.
type items struct {
	afterDefaults map[string]string
	final         map[string]string
	pools         map[string]map[string]string
}

// setItems gives the cluster its defaults, decrypts its items, and hands them
// on to the pools, in this order, which can be observed (contract 2.7).
func (r *renderer) setItems(defaults map[string]string) items {
	lacking(r.cluster.ConfigItems, defaults)
	it := items{afterDefaults: maps.Clone(r.cluster.ConfigItems), pools: map[string]map[string]string{}}
	r.decrypt()
	it.final = maps.Clone(r.cluster.ConfigItems)
	for _, p := range r.cluster.NodePools {
		lacking(p.ConfigItems, r.cluster.ConfigItems)
		it.pools[p.Name] = maps.Clone(p.ConfigItems)
	}
	return it
}

// decrypt replaces the encrypted items of the cluster; without look-ups they
// stay as they are. Those of pools are never decrypted.
func (r *renderer) decrypt() {
	items := r.cluster.ConfigItems
	for _, key := range slices.Sorted(maps.Keys(items)) {
		cipher, encrypted := strings.CutPrefix(items[key], kmsPrefix)
		if !encrypted || r.in.Lookups == nil {
			r.noteSecret(key, items[key])
			continue
		}
		plain, err := r.decryptOne(cipher)
		if err != nil {
			r.errs.add(fairway.Errorf(codeOf(err), "unable to decrypt config items: failed to decrypt config-item: %s: %w", key, err).
				WithHint("%s", fairway.ErrorHint(err)))
			continue
		}
		items[key] = plain
		if r.masks {
			r.engine.secrets.add(plain)
			r.secretItems[key] = true
		}
	}
	for _, p := range r.cluster.NodePools {
		for key, value := range p.ConfigItems {
			r.noteSecret(key, value)
		}
	}
}

func (r *renderer) decryptOne(cipher string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(cipher)
	if err != nil {
		return "", fmt.Errorf("what follows %s is no base64: %w", kmsPrefix, err)
	}
	plain, err := r.in.Lookups.Decrypt(r.engine.ctx, b)
	return string(plain), err
}

// secretName is what the names of items end with whose values are secrets
// although they are not encrypted.
var secretName = regexp.MustCompile(`(?i)(^|_)(password|passwd|secret|token|key|credentials?)$`)

// shortestClear is the shortest value of such an item that is masked.
const shortestClear = 8

// noteSecret remembers an item whose name says that it is a secret. That is
// for files, which travel; who evaluates one template has the item in clear.
func (r *renderer) noteSecret(key, value string) {
	if r.masks && r.out != nil && secretName.MatchString(key) && !strings.Contains(key, "public") && len(value) >= shortestClear {
		r.engine.secrets.add(value)
		r.secretItems[key] = true
	}
}

// lacking copies into m what it does not have. A value that is present counts
// even when it is empty.
func lacking(m, from map[string]string) {
	for k, v := range from {
		if _, has := m[k]; !has {
			m[k] = v
		}
	}
}
