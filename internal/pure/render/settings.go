package render

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	yaml3 "go.yaml.in/yaml/v3"

	"github.com/fairwayhq/fairway"
)

// SettingsFile is where a configuration repository says how it is delivered.
const SettingsFile = "fairway.yaml"

// Settings are the settings of a configuration repository. The zero value is
// that of a repository without the file: nothing is ever promoted.
type Settings struct {
	// Channels is the order of promotion; empty means that nothing is pushed.
	Channels []string
	// Defaults stand for what short registry entries leave out.
	Defaults SettingsDefaults
	// Soak is how long a channel has to stay healthy before the next one
	// follows; zero when the file does not say.
	Soak time.Duration
	// Components are policies by component, see fairway.Bundle.Policies.
	Components map[string]fairway.ComponentPolicy
}

// SettingsDefaults are the fields of a cluster that a repository can give.
type SettingsDefaults struct {
	Channel, Provider, InfrastructureAccount string
}

// Next returns the channel that follows one; false for the last and for one
// that is not in the order.
func (s Settings) Next(channel string) (string, bool) {
	i := slices.Index(s.Channels, channel)
	if i < 0 || i+1 == len(s.Channels) {
		return "", false
	}
	return s.Channels[i+1], true
}

// ParseSettings reads fairway.yaml; empty content gives the zero Settings. The
// error is CodeInvalid, names the line, and the nearest known key for an
// unknown one. All errors are returned at once, see Errors.
func ParseSettings(b []byte) (Settings, error) {
	var doc yaml3.Node
	err := yaml3.NewDecoder(bytes.NewReader(b)).Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && doc.Kind == yaml3.DocumentNode && doc.Content[0].Tag == "!!null" {
		return Settings{}, nil
	}
	if err != nil {
		return Settings{}, fairway.Errorf(fairway.CodeInvalid, "%s: %w", SettingsFile, err)
	}
	var s Settings
	p := settingsParser{}
	p.mapping("", doc.Content[0], map[string]func(*yaml3.Node){
		"channels":   func(n *yaml3.Node) { p.channels(n, &s.Channels) },
		"soak":       func(n *yaml3.Node) { p.duration(n, &s.Soak) },
		"components": func(n *yaml3.Node) { s.Components = p.components(n) },
		"defaults": func(n *yaml3.Node) {
			p.mapping("defaults.", n, map[string]func(*yaml3.Node){
				"channel":                func(n *yaml3.Node) { p.text(n, &s.Defaults.Channel) },
				"provider":               func(n *yaml3.Node) { p.text(n, &s.Defaults.Provider) },
				"infrastructure_account": func(n *yaml3.Node) { p.text(n, &s.Defaults.InfrastructureAccount) },
			})
		},
	})
	if len(p.errs) > 0 {
		return Settings{}, p.errs.join("read settings of the configuration repository")
	}
	return s, nil
}

type settingsParser struct{ errs Errors }

func (p *settingsParser) fail(n *yaml3.Node, format string, args ...any) *fairway.Error {
	err := fairway.Errorf(fairway.CodeInvalid, "%s:%d: "+format, append([]any{SettingsFile, n.Line}, args...)...)
	p.errs = append(p.errs, err)
	return err
}

// mapping calls the reader of each key; unknown and repeated keys are errors.
func (p *settingsParser) mapping(prefix string, n *yaml3.Node, read map[string]func(*yaml3.Node)) {
	if n.Kind != yaml3.MappingNode {
		p.fail(n, "a mapping is expected")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		reader, known := read[key.Value]
		switch {
		case !known:
			p.fail(key, "unknown key %q", prefix+key.Value).
				WithHint("%s", suggest(key.Value, maps.Keys(read), "the keys are: "+list(maps.Keys(read))))
		case seen[key.Value]:
			p.fail(key, "key %q is there twice", prefix+key.Value)
		default:
			reader(value)
		}
		seen[key.Value] = true
	}
}

func (p *settingsParser) text(n *yaml3.Node, to *string) {
	if n.Kind != yaml3.ScalarNode || n.Value == "" {
		p.fail(n, "a text is expected")
		return
	}
	*to = n.Value
}

func (p *settingsParser) channels(n *yaml3.Node, to *[]string) {
	if n.Kind != yaml3.SequenceNode {
		p.fail(n, "channels is a list of branches, first to last").WithHint("write channels: [dev, alpha, beta]")
		return
	}
	for _, item := range n.Content {
		var name string
		p.text(item, &name)
		if name != "" && slices.Contains(*to, name) {
			p.fail(item, "channel %q is there twice", name)
		}
		*to = append(*to, name)
	}
}

func (p *settingsParser) duration(n *yaml3.Node, to *time.Duration) {
	d, err := time.ParseDuration(n.Value)
	if err != nil || d < 0 {
		p.fail(n, "soak: %q is no duration", n.Value).WithHint("write for example soak: 30m")
		return
	}
	*to = d
}

// components reads policies. What an entry does not say is as "*" has it.
func (p *settingsParser) components(n *yaml3.Node) map[string]fairway.ComponentPolicy {
	if n.Kind != yaml3.MappingNode {
		p.fail(n, "components is a mapping of names").WithHint("write components: {NAME: {drift: repair, prune: true}}")
		return nil
	}
	all := map[string]fairway.ComponentPolicy{}
	for _, first := range []bool{true, false} {
		for i := 0; i+1 < len(n.Content); i += 2 {
			name, policy := n.Content[i], all["*"]
			if (name.Value == "*") != first {
				continue
			}
			if _, twice := all[name.Value]; twice {
				p.fail(name, "component %q is there twice", name.Value)
			}
			p.mapping("components."+name.Value+".", n.Content[i+1], map[string]func(*yaml3.Node){
				"drift": func(n *yaml3.Node) { p.drift(n, &policy.Drift) },
				"prune": func(n *yaml3.Node) {
					if n.Decode(&policy.Prune) != nil || n.ShortTag() != "!!bool" {
						p.fail(n, "prune: %q is neither true nor false", n.Value)
					}
				},
			})
			all[name.Value] = policy
		}
	}
	return all
}

func (p *settingsParser) drift(n *yaml3.Node, to *fairway.DriftPolicy) {
	switch policy := fairway.DriftPolicy(n.Value); policy {
	case fairway.DriftReport, fairway.DriftRepair:
		*to = policy
	default:
		p.fail(n, "drift: %q is neither report nor repair", n.Value).
			WithHint("report names changes by hand, repair sets them back; without an entry sweeps report and updates set back")
	}
}
