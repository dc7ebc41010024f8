package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/gitrepo"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
	"github.com/fairwayhq/fairway/internal/pure/render"
	"github.com/fairwayhq/fairway/internal/surface/cli"
)

// renderTime is how long a rendering may take, with all that is fetched for it.
const renderTime = 10 * time.Minute

// renderFiles is `fairway render`.
func renderFiles(ctx context.Context, o cli.RenderOptions, stderr io.Writer) (cli.Rendered, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, renderTime, fmt.Errorf("it took longer than %s", renderTime))
	defer cancel()
	s, err := openSubject(ctx, o.SubjectOptions, stderr)
	if err != nil {
		return cli.Rendered{}, err
	}
	defer s.close()
	files, err := render.Files(ctx, render.FilesInput{Input: s.input, Version: s.version, Reveal: o.RevealSecrets, Components: o.Components, Only: o.Only})
	if err != nil {
		return cli.Rendered{}, err
	}
	rendered := cli.Rendered{LocalID: s.input.Cluster.LocalID, Files: files}
	if o.Out != "" {
		err = writeRendered(o.Out, rendered)
	}
	return rendered, err
}

// evalTemplate is `fairway config eval`.
func evalTemplate(ctx context.Context, o cli.EvalOptions, stderr io.Writer) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, renderTime, fmt.Errorf("it took longer than %s", renderTime))
	defer cancel()
	s, err := openSubject(ctx, o.SubjectOptions, stderr)
	if err != nil {
		return "", err
	}
	defer s.close()
	return render.Eval(ctx, render.EvalInput{Input: s.input, Name: o.Name, Text: o.Text, Pool: o.Pool, Reveal: o.RevealSecrets})
}

// lint is `fairway config lint`.
func lint(ctx context.Context, o cli.LintOptions, stderr io.Writer) ([]render.LintFinding, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, renderTime, fmt.Errorf("it took longer than %s", renderTime))
	defer cancel()
	s := &subject{}
	defer s.close()
	sources, err := s.open(ctx, o.SubjectOptions)
	if err != nil {
		return nil, err
	}
	var items []string
	if o.RegistryFile != "" {
		clusters, _, err := registryClusters(ctx, o.SubjectOptions, sources, stderr)
		if err != nil {
			return nil, err
		}
		for _, c := range clusters {
			items = slices.AppendSeq(items, maps.Keys(c.ConfigItems))
			for _, p := range c.NodePools {
				items = slices.AppendSeq(items, maps.Keys(p.ConfigItems))
			}
		}
	}
	for _, source := range sources {
		revision, err := source.Resolve(ctx, o.Channel)
		if err != nil {
			return nil, err
		}
		files, err := source.Open(ctx, revision)
		if err != nil {
			return nil, err
		}
		s.input.Sources = append(s.input.Sources, render.Source{Name: source.Name(), FS: files})
	}
	return render.Lint(ctx, s.input.Sources, items)
}

// subject is a cluster with everything that rendering it depends on.
type subject struct {
	input   render.Input
	version string // of the sources
	to      string // another revision than that of the channel, see revisionsTo
	closers []func() error
}

func (s *subject) close() {
	for _, c := range s.closers {
		_ = c() // only readers
	}
}

// openSubject reads look-ups, sources and registry, and finds the cluster.
func openSubject(ctx context.Context, o cli.SubjectOptions, stderr io.Writer) (_ *subject, err error) {
	s := &subject{to: o.To}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := s.lookups(o.Lookups, stderr); err != nil {
		return nil, err
	}
	sources, err := s.open(ctx, o)
	if err != nil {
		return nil, err
	}
	clusters, rejected, err := registryClusters(ctx, o, sources, stderr)
	if err != nil {
		return nil, err
	}
	if s.input.Cluster, err = choose(clusters, rejected, o.Cluster); err != nil {
		return nil, err
	}
	s.input.Siblings = clusters
	return s, s.resolve(ctx, sources)
}

// lookups reads the file of recorded answers.
func (s *subject) lookups(file string, stderr io.Writer) error {
	if file == "" {
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fairway.Errorf(fairway.CodeInvalid, "read look-ups: %w", err).WithHint("give the path of a JSON file with recorded answers")
	}
	recorded, err := render.ParseRecorded(data, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(file), name)
		}
		return os.ReadFile(name)
	})
	if err != nil {
		return fairway.Errorf(fairway.ErrorCode(err), "%s: %w", file, err).WithHint("%s", fairway.ErrorHint(err))
	}
	for _, w := range recorded.Warnings() {
		fmt.Fprintf(stderr, "warning: %s: %s\n", file, w)
	}
	options := recorded.Options()
	s.input.Lookups, s.input.ManageEtcdStack, s.input.Engine = recorded, options.ManageEtcdStack, options.Engine
	return nil
}

// open opens the config sources.
func (s *subject) open(ctx context.Context, o cli.SubjectOptions) ([]*steady, error) {
	if len(o.ConfigSources) == 0 {
		return nil, nil
	}
	options, err := gitrepo.ParseSources(o.ConfigSources)
	if err != nil {
		return nil, err
	}
	rights, err := readRights(o.GitCredentials)
	if err != nil {
		return nil, err
	}
	var all []*steady
	for _, one := range options {
		if one.Kind == gitrepo.KindGit {
			if one.Dir, err = mirrorOf(o.WorkDir, one.Location); err != nil {
				return nil, err
			}
		}
		one.Log, one.Credential = slog.New(slog.DiscardHandler), rights
		source, err := gitrepo.Open(ctx, one)
		if err != nil {
			return nil, err
		}
		once := newSteady(source)
		s.closers = append(s.closers, once.Close)
		if err := source.Refresh(ctx); err != nil {
			return nil, err
		}
		all = append(all, once)
	}
	return all, nil
}

// mirrorOf is the folder for the mirror of a repository; repositories of equal
// names do not share one.
func mirrorOf(dir, location string) (string, error) {
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fairway.Errorf(fairway.CodeInvalid, "there is no folder for copies of git repositories: %w", err).WithHint("name one with --workdir")
		}
		dir = filepath.Join(cache, "fairway", "mirrors")
	}
	sum := sha256.Sum256([]byte(location))
	return filepath.Join(dir, hex.EncodeToString(sum[:8])+".git"), nil
}

// registryClusters returns the clusters to choose from: those of the registry file, or
// those that the server gave. Entries of the file that are wrong are left out and
// named: rejected says what is wrong with them.
func registryClusters(ctx context.Context, o cli.SubjectOptions, sources []*steady, stderr io.Writer) (clusters []fairway.Cluster, rejected []registryfile.Finding, err error) {
	if o.RegistryFile == "" {
		return o.Clusters, nil, nil
	}
	data, err := os.ReadFile(o.RegistryFile)
	if err != nil {
		return nil, nil, fairway.Errorf(fairway.CodeInvalid, "read registry file: %w", err).WithHint("check --registry-file")
	}
	defaults := o.Defaults
	if len(sources) > 0 {
		first, err := combined(sources[:1])
		if err != nil {
			return nil, nil, err
		}
		defaults = repositoryDefaults(ctx, defaults, first)
	}
	file, err := registryfile.Usable(data, defaults)
	if err != nil {
		return nil, nil, fairway.Errorf(fairway.CodeInvalid, "registry file %s: %w", o.RegistryFile, err).WithHint("%s", fairway.ErrorHint(err))
	}
	for _, w := range file.Warnings {
		fmt.Fprintf(stderr, "warning: %s: %s\n", o.RegistryFile, w)
	}
	for _, f := range file.Rejected {
		fmt.Fprintf(stderr, "warning: %s: %s; the entry is left out, also as a sibling of other clusters\n", o.RegistryFile, f)
	}
	for i := range file.Clusters {
		c := &file.Clusters[i]
		for _, a := range file.Accounts {
			if a.ID == c.InfrastructureAccount {
				c.Owner, c.AccountName = cmp.Or(c.Owner, a.Owner), cmp.Or(c.AccountName, a.Name)
			}
		}
	}
	return file.Clusters, file.Rejected, nil
}

// choose is find among the clusters of a registry of which some entries were
// left out: one of these is an error that says why.
func choose(clusters []fairway.Cluster, rejected []registryfile.Finding, name string) (*fairway.Cluster, error) {
	c, err := find(clusters, name)
	if fairway.ErrorCode(err) != fairway.CodeNotFound || len(rejected) == 0 {
		return c, err
	}
	for _, f := range rejected {
		if f.Cluster == name {
			return nil, fairway.Errorf(fairway.CodeInvalid, "%s", f).WithHint("%s", cmp.Or(f.Hint, "correct the entry in the registry file"))
		}
	}
	return nil, fairway.Errorf(fairway.CodeNotFound, "%w, and entries of the registry file were left out", err).
		WithHint("correct the entries that the warnings name; %s", fairway.ErrorHint(err))
}

// find returns the cluster of an id, alias or local id; an id wins over an
// alias, and that over a local id.
func find(clusters []fairway.Cluster, name string) (*fairway.Cluster, error) {
	for _, key := range []func(fairway.Cluster) string{
		func(c fairway.Cluster) string { return c.ID },
		func(c fairway.Cluster) string { return c.Alias },
		func(c fairway.Cluster) string { return c.LocalID },
	} {
		var found []*fairway.Cluster
		for i := range clusters {
			if key(clusters[i]) == name {
				found = append(found, &clusters[i])
			}
		}
		if len(found) == 1 {
			return found[0], nil
		}
		if len(found) > 1 {
			return nil, fairway.Errorf(fairway.CodeInvalid, "%d clusters are called %q", len(found), name).WithHint("give the id, for example %s", found[0].ID)
		}
	}
	var names []string
	for _, c := range clusters {
		names = append(names, c.ID, c.Alias, c.LocalID)
	}
	err := fairway.Errorf(fairway.CodeNotFound, "there is no cluster %q", name)
	if near := nearest.To(name, slices.Values(names)); near != "" {
		return nil, err.WithHint("did you mean %q? A cluster is named by its id, alias or local_id", near)
	}
	return nil, err.WithHint("a cluster is named by its id, alias or local_id; there are %d clusters", len(clusters))
}

// resolve opens every source at the revision of its channel.
func (s *subject) resolve(ctx context.Context, sources []*steady) error {
	var names []string
	for _, source := range sources {
		names = append(names, source.Name())
	}
	channels, err := s.input.Cluster.SourceChannels(names)
	if err != nil {
		return fmt.Errorf("cluster %s: %w", s.input.Cluster.ID, err)
	}
	if err := revisionsTo(s.to, sources, channels); err != nil {
		return err
	}
	var revisions []fairway.SourceRevision
	for _, source := range sources {
		revision, err := source.Resolve(ctx, channels[source.Name()])
		if err != nil && s.to != "" {
			return fmt.Errorf("--to %s: %w", s.to, err)
		}
		if err != nil {
			return err
		}
		files, err := source.Open(ctx, revision)
		if err != nil {
			return err
		}
		revisions = append(revisions, fairway.SourceRevision{Name: source.Name(), Revision: revision})
		s.input.Sources = append(s.input.Sources, render.Source{Name: source.Name(), FS: files})
	}
	s.version = fairway.JoinRevisions(revisions)
	s.input.Revision = s.version
	return nil
}

// writeRendered writes the files of a rendering to DIR/<local id>, in place of
// those of an earlier one.
func writeRendered(dir string, r cli.Rendered) error {
	to := filepath.Join(dir, r.LocalID)
	if entries, err := os.ReadDir(to); err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(to, marker)); err != nil {
			return fairway.Errorf(fairway.CodeInvalid, "%s holds other files than those of an earlier rendering", to).WithHint("choose an empty folder with --out")
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fairway.Errorf(fairway.CodeInvalid, "make %s: %w", dir, err)
	}
	// Written beside it and then put in its place, so that nobody sees half.
	fresh, err := os.MkdirTemp(dir, "."+r.LocalID+"-*")
	if err != nil {
		return fairway.Errorf(fairway.CodeInvalid, "write to %s: %w", dir, err)
	}
	for _, f := range r.Files {
		name := filepath.Join(fresh, filepath.FromSlash(f.Path))
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) || strings.HasPrefix(f.Path, ".") {
			err = fairway.Errorf(fairway.CodeInvalid, "%q is no name of a file", f.Path)
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(name), 0o700)
		}
		if err == nil {
			err = os.WriteFile(name, f.Content, 0o600)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("write %s: %w", f.Path, err), os.RemoveAll(fresh))
		}
	}
	if err := os.RemoveAll(to); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	return os.Rename(fresh, to)
}

// marker is the file by which a folder is known as a rendering.
const marker = "version.txt"
