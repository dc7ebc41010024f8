package render

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

func TestParseSettings(t *testing.T) {
	t.Parallel()
	got, err := ParseSettings([]byte("channels: [dev, alpha, beta]\ndefaults:\n  channel: dev\n  provider: local\n  infrastructure_account: local:demo\nsoak: 30m\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Channels: []string{"dev", "alpha", "beta"}, Soak: 30 * time.Minute,
		Defaults: SettingsDefaults{Channel: "dev", Provider: "local", InfrastructureAccount: "local:demo"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, tc := range []struct {
		channel, next string
		ok            bool
	}{{"dev", "alpha", true}, {"alpha", "beta", true}, {"beta", "", false}, {"other", "", false}} {
		if next, ok := got.Next(tc.channel); next != tc.next || ok != tc.ok {
			t.Errorf("Next(%q) = %q, %t", tc.channel, next, ok)
		}
	}
	for _, empty := range []string{"", "# nothing\n", "---\n", "null\n"} {
		if got, err := ParseSettings([]byte(empty)); err != nil || !cmp.Equal(got, Settings{}) {
			t.Errorf("%q: %v, %v", empty, got, err)
		}
	}
}

// What an entry does not say is as "*" says, wherever that stands.
func TestParseSettings_Components(t *testing.T) {
	t.Parallel()
	got, err := ParseSettings([]byte("components:\n  dns: {drift: repair}\n  '*': {drift: report, prune: true}\n  ingress: {prune: false}\n"))
	want := map[string]fairway.ComponentPolicy{
		"*": {Drift: fairway.DriftReport, Prune: true}, "dns": {Drift: fairway.DriftRepair, Prune: true}, "ingress": {Drift: fairway.DriftReport},
	}
	if diff := cmp.Diff(want, got.Components); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestParseSettings_Errors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want, hint string }{
		{"unknown key", "channels: [a]\nchanels: [b]", `fairway.yaml:2: unknown key "chanels"`, `did you mean "channels"?`},
		{"unknown key of the defaults", "defaults:\n  acount: a", `fairway.yaml:2: unknown key "defaults.acount"`, "the keys are: channel, infrastructure_account, provider"},
		{"a key twice", "soak: 1m\nsoak: 2m", `fairway.yaml:2: key "soak" is there twice`, ""},
		{"channels are no list", "channels: dev", "fairway.yaml:1: channels is a list", "[dev, alpha, beta]"},
		{"a channel twice", "channels: [a, b, a]", `fairway.yaml:1: channel "a" is there twice`, ""},
		{"an empty channel", "channels: ['']", "a text is expected", ""},
		{"no duration", "soak: 30", `soak: "30" is no duration`, "soak: 30m"},
		{"a negative duration", "soak: -1m", "is no duration", ""},
		{"an unknown policy", "components:\n  a: {drift: revert}", `fairway.yaml:2: drift: "revert" is neither report nor repair`, "sweeps report and updates set back"},
		{"a component twice", "components:\n  a: {}\n  a: {}", `fairway.yaml:3: component "a" is there twice`, ""},
		{"an unknown key of a component", "components: {a: {drfit: report}}", `unknown key "components.a.drfit"`, `did you mean "drift"?`},
		{"prune is no boolean", "components: {a: {prune: 1}}", `prune: "1" is neither true nor false`, ""},
		{"components are no mapping", "components: [a]", "components is a mapping", "prune: true"},
		{"no mapping", "- a", "fairway.yaml:1: a mapping is expected", ""},
		{"no YAML", "a: b: c", "fairway.yaml: yaml: mapping values", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseSettings([]byte(tc.in))
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(fairway.ErrorHint(err), tc.hint) || fairway.ErrorCode(err) != fairway.CodeInvalid {
				t.Errorf("error %v, hint %q, want an invalid one with %q and %q", err, fairway.ErrorHint(err), tc.want, tc.hint)
			}
		})
	}
	_, err := ParseSettings([]byte("a: 1\nb: 2\nsoak: x\n"))
	if all, _ := errors.AsType[Errors](err); len(all) != 3 {
		t.Errorf("not all errors at once: %v", err)
	}
}
