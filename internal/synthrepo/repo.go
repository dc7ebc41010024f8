package synthrepo

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing/fstest"
)

// The size of the repository.
const (
	Components = 45
	Objects    = 340
	// ManifestBytes are the bytes of all files below cluster/manifests, about.
	ManifestBytes = 1_500_000
	// CRDBytes are those of each of the two large CustomResourceDefinitions, about.
	CRDBytes     = 500_000
	DefaultLines = 1100
)

// maker makes one repository.
type maker struct {
	rand  *rand.Rand
	files map[string]string
	// size is that of the manifests so far, objects their number.
	size, objects int
	defaults      defaults
}

// Files returns the files of the repository of a seed: path from the root of
// the repository -> text.
func Files(seed uint64) map[string]string {
	m := &maker{rand: rand.New(rand.NewPCG(seed, 0x5eed)), files: map[string]string{}}
	all := components()
	m.base(all[0])
	for i, c := range all[1 : len(all)-1] {
		m.component(i, c)
	}
	m.rest(all[len(all)-1])
	m.deletions()
	m.pools()
	m.stacks()
	m.files["cluster/config-defaults.yaml"] = m.defaults.text(all)
	return m.files
}

// Changed returns the files after a usual change: new images of three
// components and another setting of a fourth.
func Changed(files map[string]string) map[string]string {
	next := maps.Clone(files)
	const name = "cluster/config-defaults.yaml"
	all := components()
	for _, c := range all[5:8] {
		next[name] = strings.Replace(next[name], c.key("version")+`: "v1.`, c.key("version")+`: "v2.`, 1)
	}
	next[name] = strings.Replace(next[name], all[9].key("log_level")+`: "info"`, all[9].key("log_level")+`: "warn"`, 1)
	return next
}

// FS returns the files as a file system.
func FS(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return out
}

// Write writes the files below a folder.
func Write(dir string, files map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if err := os.WriteFile(full, []byte(files[name]), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// manifest adds a file of a component that holds so many objects.
func (m *maker) manifest(c component, file string, objects int, text string) {
	m.files["cluster/manifests/"+c.folder+"/"+file] = text
	m.size += len(text)
	m.objects += objects
}

// words are what long texts are made of.
var words = strings.Fields(`the of a cluster node pod object field value name list when then each every whether configures selects
	describes holds controller request response default empty optional required namespace label selector reference version limit
	resource policy rule target source interval timeout retries status condition observed desired current maximum minimum number
	string integer boolean must may not be set only if it is used by this to for with from on in at more than one least`)

// sentence is a text of about so many bytes.
func (m *maker) sentence(bytes int) string {
	var b strings.Builder
	for b.Len() < bytes {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(words[m.rand.IntN(len(words))])
	}
	return b.String() + "."
}

// hex is a text of n random hexadecimal digits.
func hex(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte("0123456789abcdef"[r.IntN(16)])
	}
	return b.String()
}
