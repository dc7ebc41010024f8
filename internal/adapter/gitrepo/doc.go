// Package gitrepo reads the configuration from git repositories and folders:
// it implements fairway.ConfigSource with the git binary, a bare mirror and no
// work tree. Channels are branches, tags or commits.
//
//	source, err := gitrepo.Open(ctx, gitrepo.Options{Name: "main", Kind: gitrepo.KindGit, Location: url, Dir: mirror, Log: log})
//	err = source.Refresh(ctx)
//	revision, err := source.Resolve(ctx, "dev")
//	files, err := source.Open(ctx, revision)
package gitrepo
