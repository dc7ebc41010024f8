package fairway_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

func TestShortRevision(t *testing.T) {
	t.Parallel()
	commit := strings.Repeat("0123456789", 4)
	for revision, want := range map[string]string{
		commit: "0123456789", "main=" + commit + ";addons=<dir>": "main=0123456789;addons=<dir>", "<dir>": "<dir>", "": "", "dev": "dev",
		strings.Repeat("x", 40): strings.Repeat("x", 40), "main=" + commit: "main=0123456789",
	} {
		if got := fairway.ShortRevision(revision); got != want {
			t.Errorf("%s: got %q, want %q", revision, got, want)
		}
	}
}

func TestSourceChannels(t *testing.T) {
	t.Parallel()
	override := func(value string) map[string]string {
		return map[string]string{fairway.ItemOverrideChannel: value}
	}
	both := []string{"main", "secondary"}
	for _, tc := range []struct {
		name    string
		items   map[string]string
		sources []string
		version string // with the channel as revision
		channel string
		fails   string
	}{
		{"one source", nil, []string{"main"}, "dev", "dev", ""},
		{"several", nil, both, "main=dev;secondary=dev", "dev", ""},
		{"another channel for one", override("secondary=alternate"), both, "main=dev;secondary=alternate", "dev secondary=alternate", ""},
		{"for all", override("secondary=alternate,main=x=y"), both, "main=x=y;secondary=alternate", "dev main=x=y,secondary=alternate", ""},
		{"its own", override("secondary=dev"), both, "main=dev;secondary=dev", "dev", ""},
		{"a source that is not there", override("third=x"), both, "main=dev;secondary=dev", "dev", ""},
		{"one source has nothing to override", override("main=alternate"), []string{"main"}, "dev", "dev", ""},
		{"empty", override(""), []string{"main"}, "", "", "invalid override definition: "},
		{"malformed", override("main=x,secondary"), both, "", "", "invalid override definition: secondary"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := fairway.Cluster{Channel: "dev", ConfigItems: tc.items}
			channels, err := c.SourceChannels(tc.sources)
			if tc.fails != "" {
				if fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.Contains(err.Error(), tc.fails) {
					t.Errorf("error %v, want one with %q", err, tc.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var revisions []fairway.SourceRevision
			for _, name := range tc.sources {
				revisions = append(revisions, fairway.SourceRevision{Name: name, Revision: channels[name]})
			}
			version := fairway.JoinRevisions(revisions)
			if version != tc.version {
				t.Errorf("version %q, want %q", version, tc.version)
			}
			parts := fairway.SplitRevision(version)
			if len(tc.sources) == 1 {
				parts[0].Name = tc.sources[0]
			}
			if diff := cmp.Diff(revisions, parts); diff != "" {
				t.Errorf("taken apart: %s", diff)
			}
			channel, err := c.ChannelOf(tc.sources)
			if err != nil || channel != tc.channel || fairway.BaseChannel(channel) != "dev" {
				t.Errorf("channel %q, %v, want %q", channel, err, tc.channel)
			}
			for _, name := range tc.sources {
				if got := fairway.ChannelOfSource(channel, name); got != channels[name] {
					t.Errorf("%s of %q follows %q, want %q", name, channel, got, channels[name])
				}
			}
		})
	}
}
