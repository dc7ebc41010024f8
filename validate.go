package fairway

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Finding is one thing that is wrong with an input.
type Finding struct {
	// Pointer is the JSON pointer of the value, "/node_pools/0/min_size".
	Pointer string `json:"pointer"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	// Tolerated marks what the write path of the API refuses and a registry
	// file may hold, with a warning, because existing files hold it.
	Tolerated bool `json:"-"`
}

// String returns "pointer: message".
func (f Finding) String() string { return f.Pointer + ": " + f.Message }

// NewFindings returns the findings about after that before did not have: an
// entry that is wrong elsewhere can still be changed. after is used up.
func NewFindings(before, after []Finding) []Finding {
	old := map[string]bool{}
	for _, f := range before {
		old[f.String()] = true
	}
	return slices.DeleteFunc(after, func(f Finding) bool { return old[f.String()] })
}

// The limits of what a registry stores, in bytes.
const (
	MaxConfigItem = 256 << 10
	MaxCluster    = 2 << 20
)

var (
	patternID      = regexp.MustCompile(`^[a-z][a-z0-9-:]*[a-z0-9]$`)
	patternAlias   = regexp.MustCompile(`^[a-z][a-z0-9-]*[a-z0-9]$`)
	patternItem    = regexp.MustCompile(`^[a-z][a-z0-9_]*[a-z0-9]$`)
	patternLocalID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*$`)
	patternFolder  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	patternAWS     = regexp.MustCompile(`^aws:[0-9]{12}$`)
	patternLocal   = regexp.MustCompile(`^local:[A-Za-z0-9][A-Za-z0-9._-]*$`)
	patternAccount = regexp.MustCompile(`^[a-z][a-z0-9-]*:[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

// LifecycleStatuses are the values that lifecycle_status can have.
var LifecycleStatuses = []LifecycleStatus{StatusRequested, StatusCreating, StatusReady, StatusDecommissionRequested, StatusDecommissioned}

// Providers are the values that provider can have.
var Providers = []string{ProviderLocal, ProviderAWS, ProviderEKS, ProviderKubeconfig}

// DiscountStrategies are the values that discount_strategy can have.
var DiscountStrategies = []string{"none", "spot", "spot_max_price"}

// findings collects what is wrong; at is the pointer of the object in hand.
type findings struct {
	at  string
	all []Finding
}

func (f *findings) add(field, hint, format string, args ...any) {
	f.all = append(f.all, Finding{Pointer: f.at + "/" + EscapePointer(field), Message: fmt.Sprintf(format, args...), Hint: hint})
}

// EscapePointer escapes a key for use in a JSON pointer.
func EscapePointer(key string) string {
	return pointer.Replace(key)
}

// text checks a required text against a pattern; nil means any.
func (f *findings) text(field, value string, pattern *regexp.Regexp) {
	switch {
	case value == "":
		f.add(field, "", "%s is missing", field)
	case pattern == nil && strings.ContainsFunc(value, unicode.IsControl):
		f.add(field, "", "%s %q has a control character", field, value)
	case pattern != nil && !pattern.MatchString(value):
		f.add(field, "", "%s %q does not match %s", field, value, pattern)
	}
}

// oneOf checks a required text against the values that it can have.
func (f *findings) oneOf(field, value string, known []string) {
	switch {
	case value == "":
		f.add(field, "one of "+strings.Join(known, ", "), "%s is missing", field)
	case !slices.Contains(known, value):
		f.add(field, "one of "+strings.Join(known, ", "), "unknown %s %q", field, value)
	}
}

// Validate returns everything that is wrong with the cluster by itself, without
// a look at other clusters, in the order of its fields; nil when all is well.
func (c *Cluster) Validate() []Finding {
	f := &findings{}
	f.text("id", c.ID, patternID)
	f.text("alias", c.Alias, patternAlias)
	f.account(c)
	f.text("local_id", c.LocalID, patternLocalID)
	f.url(c)
	f.text("channel", c.Channel, nil)
	f.text("environment", c.Environment, nil)
	if c.CriticalityLevel < 0 {
		f.add("criticality_level", "1 non-critical, 2 standard, 3 PCI", "criticality_level %d is negative", c.CriticalityLevel)
	}
	f.oneOf("lifecycle_status", string(c.LifecycleStatus), texts(LifecycleStatuses))
	f.oneOf("provider", c.Provider, Providers)
	f.text("region", c.Region, nil)
	f.items(c.ConfigItems)
	seen := map[string]bool{}
	for i, p := range c.NodePools {
		f.at = fmt.Sprintf("/node_pools/%d", i)
		if seen[p.Name] {
			f.add("name", "names of pools are unique in a cluster", "duplicate node pool %q", p.Name)
		}
		seen[p.Name] = true
		f.pool(p)
	}
	f.at = ""
	if size := c.Size(); size > MaxCluster {
		f.add("config_items", "keep large texts in the configuration repository", "the cluster holds %d bytes, at most %d are allowed", size, MaxCluster)
	}
	return f.all
}

// Validate returns everything that is wrong with the pool; nil when all is well.
func (p NodePool) Validate() []Finding {
	f := &findings{}
	f.pool(p)
	return f.all
}

// ValidateItem returns what is wrong with one config item; nil when all is well.
func ValidateItem(key, value string) []Finding {
	f := &findings{}
	f.items(map[string]string{key: value})
	return f.all
}

func (f *findings) account(c *Cluster) {
	pattern, hint := patternAccount, ""
	switch c.Provider {
	case ProviderAWS, ProviderEKS:
		pattern, hint = patternAWS, "accounts of provider "+c.Provider+" are written aws:<12 digits>"
	case ProviderLocal:
		pattern, hint = patternLocal, "accounts of provider local are written local:<name>"
	}
	switch {
	case c.InfrastructureAccount == "":
		f.add("infrastructure_account", hint, "infrastructure_account is missing")
	case !pattern.MatchString(c.InfrastructureAccount):
		f.add("infrastructure_account", hint, "infrastructure_account %q does not match %s", c.InfrastructureAccount, pattern)
	}
}

func (f *findings) url(c *Cluster) {
	const field, hint = "api_server_url", "for example https://kube-1.example.org"
	u, err := url.Parse(c.APIServerURL)
	switch {
	case c.APIServerURL == "":
		f.add(field, hint, "api_server_url is missing")
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		f.add(field, hint, "api_server_url %q is not an http or https URL", c.APIServerURL)
	case (c.Provider == ProviderAWS || c.Provider == ProviderEKS) && !strings.Contains(u.Host, "."):
		f.add(field, "what follows the first dot of the host is the hosted zone", "api_server_url %q has a host without a dot", c.APIServerURL)
	}
}

func (f *findings) items(items map[string]string) {
	for _, key := range sortedKeys(items) {
		size := len(items[key])
		if isItemKey(key) && size <= MaxConfigItem {
			continue
		}
		pointer := f.at + "/config_items/" + EscapePointer(key)
		if !isItemKey(key) {
			f.all = append(f.all, Finding{Pointer: pointer, Message: fmt.Sprintf("config item key %q does not match %s", key, patternItem), Tolerated: key != ""})
		}
		if size > MaxConfigItem {
			f.all = append(f.all, Finding{Pointer: pointer, Message: fmt.Sprintf("config item %s holds %d bytes, at most %d are allowed", key, size, MaxConfigItem)})
		}
	}
}

// isItemKey reports whether a key matches patternItem. A cluster has hundreds of
// keys and is checked at every write.
func isItemKey(key string) bool {
	letter := func(c byte) bool { return 'a' <= c && c <= 'z' }
	digit := func(c byte) bool { return '0' <= c && c <= '9' }
	if len(key) < 2 || !letter(key[0]) || key[len(key)-1] == '_' {
		return false
	}
	for i := range len(key) {
		if c := key[i]; !letter(c) && !digit(c) && c != '_' {
			return false
		}
	}
	return true
}

func (f *findings) pool(p NodePool) {
	f.text("name", p.Name, patternAlias)
	f.text("profile", p.Profile, patternFolder)
	if len(p.InstanceTypes) == 0 && !p.IsKarpenter() {
		f.add("instance_types", "only profile worker-karpenter can do without", "no instance types for pool %s", p.Name)
	}
	for i, t := range p.InstanceTypes {
		switch {
		case strings.TrimSpace(t) == "":
			f.add("instance_types", "", "an instance type of pool %s is empty", p.Name)
		case slices.Contains(p.InstanceTypes[:i], t):
			f.add("instance_types", "", "duplicate instance type %q in pool %s", t, p.Name)
		}
	}
	f.oneOf("discount_strategy", p.DiscountStrategy, DiscountStrategies)
	if p.MinSize < 0 {
		f.add("min_size", "", "min_size %d is negative", p.MinSize)
	}
	switch {
	case p.MaxSize < 0:
		f.add("max_size", "", "max_size %d is negative", p.MaxSize)
	case p.MinSize > p.MaxSize:
		f.add("min_size", "", "min_size %d is larger than max_size %d", p.MinSize, p.MaxSize)
	}
	f.items(p.ConfigItems)
}

// Size is about what the config items of the cluster and its pools take, in bytes.
func (c *Cluster) Size() int {
	n := 0
	add := func(items map[string]string) {
		for k, v := range items {
			n += len(k) + len(v)
		}
	}
	add(c.ConfigItems)
	for _, p := range c.NodePools {
		add(p.ConfigItems)
	}
	return n
}

func texts[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// accountStatuses are the values that an account's lifecycle_status can have.
var accountStatuses = []string{"requested", "creating", "ready", "decommissioned"}

// Validate returns everything that is wrong with the account; nil when all is well.
func (a InfrastructureAccount) Validate() []Finding {
	f := &findings{}
	f.text("id", a.ID, patternAccount)
	f.oneOf("lifecycle_status", a.LifecycleStatus, accountStatuses)
	if a.CriticalityLevel < 0 {
		f.add("criticality_level", "1 non-critical, 2 standard, 3 PCI", "criticality_level %d is negative", a.CriticalityLevel)
	}
	return f.all
}
