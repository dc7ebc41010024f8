package render

import (
	"strings"

	"github.com/fairwayhq/fairway"
)

// itemOverride is the config item that gives single sources other channels.
const itemOverride = "override_channel"

// Channels returns the channel of each named source for a cluster: that of its
// item override_channel, else its own. Only with several sources is there
// something to override, but a malformed item is an error of CodeInvalid with
// one source too (contract 2.3).
func Channels(c *fairway.Cluster, sources []string) (map[string]string, error) {
	channels := map[string]string{}
	for _, name := range sources {
		channels[name] = c.Channel
	}
	item, given := c.ConfigItems[itemOverride]
	if !given {
		return channels, nil
	}
	for part := range strings.SplitSeq(item, ",") {
		name, channel, found := strings.Cut(part, "=")
		if !found {
			return nil, fairway.Errorf(fairway.CodeInvalid, "invalid override definition: %s", part).
				WithHint("write the config item %s as source=channel, with commas between several", itemOverride)
		}
		if _, known := channels[name]; known && len(sources) > 1 {
			channels[name] = channel
		}
	}
	return channels, nil
}

// SourceRevision is a config source at a revision.
type SourceRevision struct{ Name, Revision string }

// ConfigVersion is the version of all sources together: the revision of the
// only one, or name=revision of each with semicolons.
func ConfigVersion(sources []SourceRevision) string {
	if len(sources) == 1 {
		return sources[0].Revision
	}
	var parts []string
	for _, s := range sources {
		parts = append(parts, s.Name+"="+s.Revision)
	}
	return strings.Join(parts, ";")
}
