package render

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
)

// bomb is a YAML list that is a billion times longer when its aliases are
// written out.
func bomb(indent string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s- &a0 [x, x, x, x, x, x, x, x, x, x]\n", indent)
	for i := 1; i < 9; i++ {
		last := fmt.Sprintf("*a%d", i-1)
		fmt.Fprintf(&b, "%s- &a%d [%s]\n", indent, i, strings.Join([]string{last, last, last, last, last, last, last, last, last, last}, ", "))
	}
	return b.String()
}

// TestBombs: texts that become enormous when they are read end with an error
// that names the file, wherever YAML is read.
func TestBombs(t *testing.T) {
	t.Parallel()
	long := func(key string) string { return key + ": &long " + strings.Repeat("x", 1<<20) + "\n" }
	many := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for _, tc := range []struct{ name, file, text, want string }{
		{"a manifest", "cluster/manifests/a/a.yaml", configMap + "\n" + bomb("  "), "excessive aliasing"},
		{"a manifest with a long text", "cluster/manifests/a/a.yaml", configMap + "\"1\"\n" + long("y") + "z:\n" + many("- *long # %d\n", 100), "the documents have more than 64 MiB"},
		{"deep nesting", "cluster/manifests/a/a.yaml", configMap + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), "exceeded max depth"},
		{"defaults", defaultsFile, "a:\n" + bomb(""), "cannot unmarshal"},
		{"defaults with a long text", defaultsFile, long("a") + many("item_%d: *long\n", 20), "the defaults have more than 16 MiB"},
		{"deletions", deletionsFile, "pre_apply:\n" + bomb(""), "cannot unmarshal"},
		{"user data", userData, "{{ $s := indent 4000000 \"x\" }}{{ range 100 }}{{ $s }}{{ end }}", "makes more than 16 MiB of text"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			errs := renderError(t, map[string]string{tc.file: tc.text}, nil)
			contains(t, "the errors", errs.Error(), "main/"+tc.file, tc.want)
		})
	}
	t.Run("files of a pool", func(t *testing.T) {
		t.Parallel()
		r := newRenderer(t.Context(), Input{Cluster: awsCluster(nil), Lookups: lookups(t, nil)})
		text := "files:\n- {path: /a, data: &long " + strings.Repeat("eHh4", 1<<20) + "}\n" + many("- {path: /a%d, data: *long}\n", 20)
		if _, err := r.archive(text, "key"); err == nil || !strings.Contains(err.Error(), "the files have more than 64 MiB") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("requirements of a pool", func(t *testing.T) {
		t.Parallel()
		out, err := evaluate("{{ len .NodePool.KarpenterRequirements }}", func(c *fairway.Cluster) {
			c.NodePools[0].ConfigItems = map[string]string{"requirements": bomb("")}
		})
		if err != nil || len(out) > 2 {
			t.Errorf("%q, error %v", out, err)
		}
	})
	t.Run("all files together", func(t *testing.T) {
		t.Parallel()
		files := map[string]string{}
		for i := range 12 {
			files[fmt.Sprintf("cluster/manifests/b/%02d.yaml", i)] = `{{ $s := indent 4000000 "#" }}{{ range 3 }}{{ $s }}
{{ end }}`
		}
		contains(t, "the errors", renderError(t, files, nil).Error(), "all templates together make more than 128 MiB")
	})
}

// TestManyObjects: a component of ten thousand objects is rendered like any
// other, from one file or from many, and one that is there twice is found.
func TestManyObjects(t *testing.T) {
	t.Parallel()
	const n = 10_000
	object := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: object-%d\ndata:\n  a: \"{{ .Cluster.Alias }}\"\n"
	one, many := "", map[string]string{}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "---\n"+object, i)
		many[fmt.Sprintf("cluster/manifests/many/%05d.yaml", i)] = fmt.Sprintf(object, i)
	}
	one = b.String()
	for name, files := range map[string]map[string]string{"one file": {"cluster/manifests/many/all.yaml": one}, "many files": many} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bundle := renderFiles(t, files, nil)
			if got := len(bundle.Components[1].Objects); got != n {
				t.Errorf("%d objects", got)
			}
			last := bundle.Components[1].Objects[n-1]
			if last.Ref().Name != "object-9999" || len(manifest.Stages(bundle.Components)) != 1 {
				t.Errorf("the last is %s", last.Ref())
			}
		})
	}
	t.Run("one of them twice", func(t *testing.T) {
		t.Parallel()
		errs := renderError(t, map[string]string{"cluster/manifests/many/all.yaml": one, "cluster/manifests/more/one.yaml": fmt.Sprintf(object, 5000)}, nil)
		contains(t, "the errors", errs.Error(), "components many and more both have ConfigMap/object-5000")
	})
}

// TestSameBytesElsewhere: another process with another time zone, language,
// number of processors and folder renders the same bytes.
func TestSameBytesElsewhere(t *testing.T) {
	t.Parallel()
	in, _ := usual(t, 2)
	files, err := Files(t.Context(), FilesInput{Input: in, Version: "1", Reveal: true})
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := Render(in)
	if err != nil {
		t.Fatal(err)
	}
	digest := keyOf('x', canonical(t, bundle), fmt.Sprint(files)).sum
	const variable = "FAIRWAY_TEST_DIGEST"
	if os.Getenv(variable) != "" {
		fmt.Printf("digest %x\n", digest)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestSameBytesElsewhere$", "-test.v")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), variable+"=1", "TZ=Pacific/Chatham", "LC_ALL=tr_TR.UTF-8", fmt.Sprint("GOMAXPROCS=", 1+2*runtime.GOMAXPROCS(0)), "GOGC=20")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("digest %x\n", digest)) {
		t.Errorf("%v: want digest %x, got\n%s", err, digest, out)
	}
}

// TestCompress_LongTexts: vector 9.7 is too short to use the tables of the
// compressor that long texts use. The digests are those of Go 1.26, which
// rolled the fleets that run: they are a record, and change only together with
// a decision to replace every node.
func TestCompress_LongTexts(t *testing.T) {
	t.Parallel()
	text := "#cloud-config\n"
	for i := range 2000 {
		text += fmt.Sprintf("- path: /etc/unit-%d\n  content: %x\n", i, i*i*7919)
	}
	for length, want := range map[int]string{
		1000: "1fb67f79fdccd34d", 30_000: "acfe9d9ec7b0c9de", len(text): "d102a694d4f89f60",
	} {
		packed, err := Compress(text[:length])
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256([]byte(packed)))[:16]; got != want {
			t.Errorf("%d bytes: digest %s, want %s", length, got, want)
		}
	}
	r := newRenderer(t.Context(), Input{Cluster: awsCluster(nil), Lookups: lookups(t, nil)})
	packed, err := r.archive("files:\n- {path: /a, data: "+base64.StdEncoding.EncodeToString([]byte(text))+", permissions: 0400}\n", "key")
	if got := fmt.Sprintf("%x", sha256.Sum256(packed))[:16]; err != nil || got != "97dafe5f96c4edf6" {
		t.Errorf("archive: digest %s, error %v", got, err)
	}
}
