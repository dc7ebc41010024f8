// Package gitauth knows by what right git repositories are read and written: an
// SSH key, a token, or a GitHub App, found by the repository's URL in a file that
// holds no secrets itself.
//
//	all, err := gitauth.Read("git-credentials.yaml", gitauth.Options{})
//	credential, err := all.For(ctx, "https://github.com/example/config.git")
package gitauth
