package render

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// The layout of a config source (contract 2.1).
const (
	defaultsFile  = "cluster/config-defaults.yaml"
	poolsDir      = "cluster/node-pools"
	manifestsDir  = "cluster/manifests"
	deletionsFile = manifestsDir + "/deletions.yaml"

	clusterStack    = "cluster/cluster.yaml"
	etcdDir         = "cluster/etcd"
	etcdStack       = etcdDir + "/stack.yaml"
	etcdFiles       = etcdDir + "/files.yaml"
	oldEtcdStack    = "cluster/etcd-cluster.yaml"
	stacksDir       = "cluster/cf-manifests"
	stackDeletions  = stacksDir + "/cf-deletions.yaml"
	stackFile       = "stack.yaml"
	filesFile       = "files.yaml"
	userDataFile    = "userdata.yaml"
	provisionerFile = "provisioners.yaml"
)

// file names a file of the source in errors: <source>/<path>.
func (s Source) file(name string) string { return s.Name + "/" + name }

// readOptional reads a file; one that does not exist is no error.
func readOptional(s Source, name string) (text string, found bool, err error) {
	b, err := fs.ReadFile(s.FS, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false, nil
	case err != nil:
		return "", false, readError(s, name, err)
	}
	return string(b), true, nil
}

// readError names the file of an error of the file system. What the file
// system says of its own state (a repository that cannot be read) keeps its
// code, everything else is the configuration's fault.
func readError(s Source, name string, err error) error {
	code := fairway.CodeInvalid
	if known, ok := errors.AsType[*fairway.Error](err); ok {
		code = known.Code
	}
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = cause.Err
	}
	return fairway.Errorf(code, "read %s: %w", s.file(name), err).WithHint("%s", fairway.ErrorHint(err))
}

// folder is one component: a direct sub-folder of manifests.
type folder struct {
	src  Source
	name string
	// files are the names of the YAML files in byte order.
	files []string
}

// folders lists the components of a source in byte order. A symlink to a
// folder is none.
func folders(s Source) ([]folder, error) {
	entries, err := fs.ReadDir(s.FS, manifestsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fairway.Errorf(fairway.CodeInvalid, "%s: folder not found", s.file(manifestsDir)).
			WithHint("does config source %s point at the root of a repository with a folder %q? Absence deletes nothing, so a render without manifests is refused", s.Name, "cluster")
	}
	if err != nil {
		return nil, readError(s, manifestsDir, err)
	}
	var all []folder
	var errs Errors
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		f := folder{src: s, name: e.Name()}
		if f.files, err = yamlFiles(s, path.Join(manifestsDir, e.Name())); err != nil {
			errs.add(err)
			continue
		}
		if len(f.files) > 0 {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b folder) int { return strings.Compare(a.name, b.name) })
	if len(errs) > 0 {
		return nil, errs
	}
	return all, nil
}

// yamlFiles lists the YAML files of a component in byte order; other files
// and sub-folders are ignored, but a folder named like a YAML file is an error.
func yamlFiles(s Source, dir string) ([]string, error) {
	entries, err := fs.ReadDir(s.FS, dir)
	if err != nil {
		return nil, readError(s, dir, err)
	}
	var names []string
	for _, e := range entries {
		if ext := path.Ext(e.Name()); ext != ".yaml" && ext != ".yml" {
			continue
		}
		name := path.Join(dir, e.Name())
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := fs.Stat(s.FS, name)
			if err != nil {
				return nil, readError(s, name, err)
			}
			isDir = info.IsDir()
		}
		if isDir {
			return nil, fairway.Errorf(fairway.CodeInvalid, "read %s: is a directory", s.file(name)).
				WithHint("only files may end in .yaml or .yml inside a component; rename the folder")
		}
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names, nil
}

// validPath reports whether a path can be asked of a file system.
func validPath(name string) bool { return fs.ValidPath(name) }

// profileHint tells which profiles there are.
func profileHint(s Source, profile string) string {
	entries, _ := fs.ReadDir(s.FS, poolsDir)
	var have []string
	for _, e := range entries {
		if _, err := fs.Stat(s.FS, path.Join(poolsDir, e.Name(), "userdata.yaml")); err == nil {
			have = append(have, e.Name())
		}
	}
	if len(have) == 0 {
		return fmt.Sprintf("no profile below %s has a userdata.yaml", s.file(poolsDir))
	}
	if near := nearest.To(profile, slices.Values(have)); near != "" {
		return fmt.Sprintf("did you mean profile %q?", near)
	}
	return fmt.Sprintf("profiles with user data: %s", strings.Join(have, ", "))
}

// noFiles is a source without files.
type noFiles struct{}

// Open finds nothing.
func (noFiles) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}
