package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"gopkg.in/yaml.v2"

	"github.com/fairwayhq/fairway"
)

// remoteFiles is a rendered files.yaml (contract 3.9).
type remoteFiles struct {
	Files []remoteFile `yaml:"files"`
}

type remoteFile struct {
	Path        string `yaml:"path"`
	Data        string `yaml:"data"`
	Encrypted   bool   `yaml:"encrypted"`
	Permissions int64  `yaml:"permissions"`
}

// maxArchive is how many bytes the files of one archive may have, as base64.
const maxArchive = 64 << 20

// maxEncrypted is how much a key of the cloud encrypts at once.
const maxEncrypted = 4096

// archive makes the gzipped tar of a rendered files.yaml. Its bytes depend on
// nothing but the text, the key, and the compressor of Go.
func (r *renderer) archive(text, key string) ([]byte, error) {
	var files remoteFiles
	if err := yaml.UnmarshalStrict([]byte(text), &files); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	zip, done := zipper(&out)
	defer done()
	archive := tar.NewWriter(zip)
	left := maxArchive
	for _, f := range files.Files {
		if left -= len(f.Data); left < 0 {
			return nil, fairway.Errorf(fairway.CodeInvalid, "the files have more than %d MiB", maxArchive>>20).WithHint("look for aliases of long texts")
		}
		name, content, err := r.archived(f, key)
		if err == nil {
			err = archive.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: f.Permissions})
		}
		if err == nil {
			_, err = archive.Write(content)
		}
		if err != nil {
			return nil, fmt.Errorf("file %s: %w", f.Path, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	err := zip.Close()
	return out.Bytes(), err
}

// archived returns the name and content of a file in the archive.
func (r *renderer) archived(f remoteFile, key string) (string, []byte, error) {
	content, err := base64.StdEncoding.DecodeString(f.Data)
	if err != nil || !f.Encrypted {
		return f.Path, content, err
	}
	if len(content) > maxEncrypted {
		return "", nil, fmt.Errorf("%d bytes cannot be encrypted, at most %d", len(content), maxEncrypted)
	}
	content, err = r.in.Lookups.Encrypt(r.engine.ctx, key, content)
	return f.Path + ".enc", content, err
}

// archiveFile makes the archive of a rendered files.yaml, and the key under
// which it is uploaded.
func (r *renderer) archiveFile(file, text, kind, key string) (object string, content []byte, err error) {
	if content, err = r.archive(text, key); err != nil {
		return "", nil, fairway.Errorf(codeOf(err), "%s: make the archive: %w (lines are those of the rendered text)", file, err).WithHint("%s", fairway.ErrorHint(err))
	}
	sum := sha512.Sum512([]byte(text))
	return path.Join(r.in.Cluster.LocalID, kind, hex.EncodeToString(sum[:])+".userdata"), content, nil
}

// bucket is where the files of the clusters of an account and region are.
func (r *renderer) bucket() string {
	return "cluster-lifecycle-manager-" + strings.TrimPrefix(r.in.Cluster.InfrastructureAccount, "aws:") + "-" + r.in.Cluster.Region
}

// Compress returns user data as a launch template carries it: gzip of the text
// in base64. Any other byte would replace every node of every cluster.
func Compress(text string) (string, error) {
	var b bytes.Buffer
	zip, done := zipper(&b)
	defer done()
	if _, err := zip.Write([]byte(text)); err != nil {
		return "", err
	}
	if err := zip.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

// zippers are writers whose tables, a megabyte each, are used again. A writer
// that is reset makes the same bytes as a new one.
var zippers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// zipper returns a writer of compressed text, and what to call after its use.
func zipper(to io.Writer) (zip *gzip.Writer, done func()) {
	zip = zippers.Get().(*gzip.Writer)
	zip.Reset(to)
	return zip, func() { zippers.Put(zip) }
}
