package fairway

import (
	"slices"
	"strings"
)

// ItemOverrideChannel is the config item that gives single config sources
// another channel than the cluster's: source=channel[,source=channel...].
const ItemOverrideChannel = "override_channel"

// SourceChannels returns the channel of each named source for a cluster: that
// of its item override_channel, else its own. Only with several sources is there
// something to override, but a malformed item is an error of CodeInvalid with
// one source too (contract 2.3).
func (c *Cluster) SourceChannels(sources []string) (map[string]string, error) {
	channels := map[string]string{}
	for _, name := range sources {
		channels[name] = c.Channel
	}
	item, given := c.ConfigItems[ItemOverrideChannel]
	if !given {
		return channels, nil
	}
	for part := range strings.SplitSeq(item, ",") {
		name, channel, found := strings.Cut(part, "=")
		if !found {
			return nil, Errorf(CodeInvalid, "invalid override definition: %s", part).
				WithHint("write the config item %s as source=channel, with commas between several", ItemOverrideChannel)
		}
		if _, known := channels[name]; known && len(sources) > 1 {
			channels[name] = channel
		}
	}
	return channels, nil
}

// ChannelOf returns what a cluster follows: its channel, and after a blank the
// sources that have another one, "beta addons=dev". Clusters with the same
// answer are carried by the same rollouts. The error is that of SourceChannels.
func (c *Cluster) ChannelOf(sources []string) (string, error) {
	channels, err := c.SourceChannels(sources)
	if err != nil {
		return "", err
	}
	var others []string
	for _, name := range sources {
		if channels[name] != c.Channel {
			others = append(others, name+"="+channels[name])
		}
	}
	if len(others) == 0 {
		return c.Channel, nil
	}
	return c.Channel + " " + strings.Join(others, ","), nil
}

// BaseChannel returns the channel without what ChannelOf put after it.
func BaseChannel(channel string) string {
	base, _, _ := strings.Cut(channel, " ")
	return base
}

// ChannelOfSource returns the channel of one source in an answer of ChannelOf.
func ChannelOfSource(channel, source string) string {
	base, others, _ := strings.Cut(channel, " ")
	for part := range strings.SplitSeq(others, ",") {
		if name, own, found := strings.Cut(part, "="); found && name == source {
			return own
		}
	}
	return base
}

// SourceRevision is a config source at a revision.
type SourceRevision struct{ Name, Revision string }

// JoinRevisions is the revision of all sources together: that of the only one,
// or name=revision of each with semicolons.
func JoinRevisions(sources []SourceRevision) string {
	if len(sources) == 1 {
		return sources[0].Revision
	}
	var parts []string
	for _, s := range sources {
		parts = append(parts, s.Name+"="+s.Revision)
	}
	return strings.Join(parts, ";")
}

// SplitRevision takes apart what JoinRevisions made; a revision of one source
// has no name.
func SplitRevision(revision string) []SourceRevision {
	var all []SourceRevision
	for part := range strings.SplitSeq(revision, ";") {
		name, id, found := strings.Cut(part, "=")
		if !found {
			return []SourceRevision{{Revision: revision}}
		}
		all = append(all, SourceRevision{name, id})
	}
	return slices.Clip(all)
}

// ShortRevision is a revision as people quote it: ten digits of each commit.
func ShortRevision(revision string) string {
	parts := SplitRevision(revision)
	for i, p := range parts {
		if n := len(p.Revision); (n == 40 || n == 64) && strings.Trim(p.Revision, "0123456789abcdef") == "" {
			parts[i].Revision = p.Revision[:10]
		}
	}
	if len(parts) == 1 && parts[0].Name != "" {
		return parts[0].Name + "=" + parts[0].Revision
	}
	return JoinRevisions(parts)
}
