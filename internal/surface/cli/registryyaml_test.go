package cli

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	yaml2 "gopkg.in/yaml.v2"

	"github.com/fairwayhq/fairway"
)

// Whatever a config item holds, it is read back as the same bytes: by our reader
// and by the one that the ecosystem uses.
func TestWrittenIsReadBack(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	pieces := []string{"a", "b c", "\n", "\n", " ", "\t", ":", ": ", "#", " #", "-", "- ", "'", "\"", "\\", "{", "[", "]", ",", "&x", "*x", "!", "|", ">", "%", "@", "`", "~", "?",
		"null", "true", "yes", "0400", "1e3", "0x1F", "<<", "=", "---", "...", "\r", "\x00", "\u0085", "\u2028", "\ufeff", "é", "😀", "{{ .Values }}", "2026-01-02", "12:30:45"}
	for range 3000 {
		var text strings.Builder
		for range random.IntN(6) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		roundTrip(t, fmt.Sprintf("seed %d", seed), text.String())
	}
	for _, text := range append(pieces, "", "line 1\nline 2\n", "  indented\nmore", "\n\n", "x\n\n\n", strings.Repeat("long ", 200), "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n") {
		roundTrip(t, "", text)
	}
}

func roundTrip(t *testing.T, note, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		return // the API refuses it
	}
	c := &fairway.Cluster{ID: "local:demo:eu:one", Alias: "one", InfrastructureAccount: "local:demo", LocalID: "one", APIServerURL: "https://one.example.org", Channel: "dev",
		Environment: "test", CriticalityLevel: 1, LifecycleStatus: fairway.StatusReady, Provider: "local", Region: "eu", ConfigItems: map[string]string{"key_a": text, "key_b": "x"},
		NodePools: []fairway.NodePool{{Name: "worker", Profile: "worker-default", InstanceTypes: []string{"m"}, DiscountStrategy: "none", MaxSize: 1, ConfigItems: map[string]string{"key_a": text}}}}
	written, err := entryText(c)
	if err != nil {
		t.Fatalf("%s: write %q: %v", note, text, err)
	}
	got, found := readCluster(written, nil)
	if found != nil {
		t.Fatalf("%s: %q is written as\n%s\nand then not read: %v", note, text, written, found)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Fatalf("%s: %q is written as\n%s\nand read as something else (-want +got):\n%s", note, text, written, diff)
	}
	var file struct {
		Clusters []struct {
			Items map[string]string `yaml:"config_items"`
		}
	}
	if err := yaml2.Unmarshal(written, &file); err != nil || file.Clusters[0].Items["key_a"] != text {
		t.Fatalf("%s: %q is written as\n%s\nand read by the ecosystem's reader as %q, error %v", note, text, written, file, err)
	}
}
