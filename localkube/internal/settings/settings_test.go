package settings

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "nodegroups.yaml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestEmptyFileMeansTheDefaults(t *testing.T) {
	t.Parallel()
	got, err := Read(write(t, ""))
	if err != nil || !reflect.DeepEqual(got, Default()) {
		t.Errorf("Read = %+v, %v, want the defaults", got, err)
	}
}

func TestGivenValuesReplaceDefaults(t *testing.T) {
	t.Parallel()
	got, err := Read(write(t, "boot: {base: 10s}\nzones: [x]\ngroups: [{name: g, desired: 2}]"))
	if err != nil {
		t.Fatal(err)
	}
	s := got.NodeGroups()
	if s.Boot != 10*time.Second || s.BootSpread != time.Second || len(s.Zones) != 1 || *got.Groups[0].Desired != 2 {
		t.Errorf("settings = %+v, groups = %+v", s, got.Groups)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"bot: {}":                               `"bot"`,
		"boot: {base: 4}":                       "write it like",
		"boot: {base: -4s}":                     "negative",
		"boot: {base: 1s, spread: 2s}":          "boot.spread",
		"zones: []":                             "zones",
		"zones: [a, a]":                         "zones",
		"pod: {start_min: 5s}":                  "pod.start_max",
		"node: {not_ready_after: 1s}":           "not_ready_after",
		"groups: [{name: g, dezired: 2}]":       `"dezired"`,
		"groups: [{name: g, desired: \"many\"}": "",
	} {
		if _, err := Read(write(t, content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Read(%s) = %v, want an error with %s", content, err, want)
		}
	}
}
