package cli

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/fairwayhq/fairway"
)

// The form in which entries are written: that of registry files (contract 1.8),
// fields in the contract's order, keys of maps sorted, every text such that all
// readers of the ecosystem read back the same bytes.

// clusterNode returns a cluster as a registry file has it; with status also
// what the manager has reported.
func clusterNode(c *fairway.Cluster, status bool) *yaml.Node {
	n := mapping()
	n.text("id", c.ID)
	n.text("alias", c.Alias)
	n.text("infrastructure_account", c.InfrastructureAccount)
	n.text("local_id", c.LocalID)
	n.text("api_server_url", c.APIServerURL)
	n.text("channel", c.Channel)
	n.text("environment", c.Environment)
	n.number("criticality_level", int64(c.CriticalityLevel))
	n.text("lifecycle_status", string(c.LifecycleStatus))
	n.text("provider", c.Provider)
	n.text("region", c.Region)
	n.some("owner", c.Owner)
	n.some("account_name", c.AccountName)
	n.items(c.ConfigItems)
	if len(c.NodePools) > 0 {
		pools := &yaml.Node{Kind: yaml.SequenceNode}
		for _, p := range c.NodePools {
			pools.Content = append(pools.Content, poolNode(p))
		}
		n.add("node_pools", pools)
	}
	if status {
		n.add("status", statusNode(c.Status))
	}
	return n.Node
}

// poolNode returns a node pool as a registry file has it.
func poolNode(p fairway.NodePool) *yaml.Node {
	n := mapping()
	n.text("name", p.Name)
	n.text("profile", p.Profile)
	types := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, t := range p.InstanceTypes {
		types.Content = append(types.Content, textNode(t))
	}
	n.add("instance_types", types)
	n.text("discount_strategy", p.DiscountStrategy)
	n.number("min_size", p.MinSize)
	n.number("max_size", p.MaxSize)
	n.items(p.ConfigItems)
	return n.Node
}

func statusNode(s fairway.ClusterStatus) *yaml.Node {
	n := mapping()
	n.some("current_version", s.CurrentVersion)
	n.some("last_version", s.LastVersion)
	n.some("next_version", s.NextVersion)
	problems := &yaml.Node{Kind: yaml.SequenceNode}
	for _, p := range s.Problems {
		one := mapping()
		one.text("type", p.Type)
		one.text("title", p.Title)
		if p.Status != 0 {
			one.number("status", int64(p.Status))
		}
		one.some("detail", p.Detail)
		one.some("instance", p.Instance)
		problems.Content = append(problems.Content, one.Node)
	}
	if len(problems.Content) == 0 {
		problems.Style = yaml.FlowStyle
	}
	n.add("problems", problems)
	return n.Node
}

// accountNode returns an infrastructure account as a registry file has it.
func accountNode(a fairway.InfrastructureAccount) *yaml.Node {
	n := mapping()
	n.text("id", a.ID)
	n.text("type", a.Type)
	n.text("name", a.Name)
	n.text("owner", a.Owner)
	n.text("cost_center", a.CostCenter)
	n.text("environment", a.Environment)
	n.number("criticality_level", int64(a.CriticalityLevel))
	n.text("external_id", a.ExternalID)
	n.text("lifecycle_status", a.LifecycleStatus)
	return n.Node
}

// written is a map that is being written.
type written struct{ *yaml.Node }

func mapping() written { return written{&yaml.Node{Kind: yaml.MappingNode}} }

func (w written) add(key string, value *yaml.Node) {
	w.Content = append(w.Content, textNode(key), value)
}

func (w written) text(key, value string) { w.add(key, textNode(value)) }

// some writes a text that is not empty.
func (w written) some(key, value string) {
	if value != "" {
		w.text(key, value)
	}
}

func (w written) number(key string, n int64) {
	w.add(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(n, 10)})
}

func (w written) items(items map[string]string) {
	if len(items) == 0 {
		return
	}
	all := mapping()
	for _, key := range slices.Sorted(maps.Keys(items)) {
		all.text(key, items[key])
	}
	w.add("config_items", all.Node)
}

// textNode returns a text that is read back as the same text.
func textNode(value string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	switch {
	case value == "" || strings.ContainsFunc(value, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }):
		n.Style = yaml.DoubleQuotedStyle
	case !strings.Contains(value, "\n"): // plain, or quoted where it would be read as something else
	case isBlock(value):
		n.Style = yaml.LiteralStyle
	default:
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// isBlock reports whether a text of several lines can stand in a literal block
// for every reader: some lose line feeds at its beginning (errata 2), and blanks
// there or at the end of a line are easily lost by people.
func isBlock(value string) bool {
	if strings.HasPrefix(value, "\n") || strings.HasPrefix(value, " ") || strings.HasSuffix(value, "\n\n") || strings.Trim(value, "\n") == "" {
		return false
	}
	for line := range strings.SplitSeq(value, "\n") {
		if strings.HasSuffix(line, " ") {
			return false
		}
	}
	return true
}

// yamlText writes a node.
func yamlText(n *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	e.CompactSeqIndent()
	if err := e.Encode(n); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// listText writes nodes as the entries of a list, one at a time: all at once
// would take much memory in a large fleet.
func listText(n *yaml.Node) ([]byte, error) {
	return yamlText(&yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{n}})
}

// entryText is a cluster as a registry file with nothing else.
func entryText(c *fairway.Cluster) ([]byte, error) {
	text, err := listText(clusterNode(c, false))
	return append([]byte("clusters:\n"), text...), err
}
