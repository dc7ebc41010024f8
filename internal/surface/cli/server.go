package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway/internal/pure/registryfile"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// server is `fairway server`.
func (e *env) server() *cobra.Command {
	var o ServerOptions
	var directory, clearSecrets string
	c := &cobra.Command{
		Use:   "server",
		Short: "Run the manager of a fleet",
		Long: `Runs the manager: it keeps the registry, follows the channels of the configuration sources and brings every cluster up to date.
It writes DATA/server.json, by which the other commands find it, and runs until it is interrupted.`,
		Example: `  fairway server --config-source main:git:https://git.example.org/cluster-config.git --registry-file clusters.yaml
  fairway server --directory ./config --registry-file clusters.yaml --soak 5m
  fairway server --config-source main:git:/srv/config.git --registry-git https://git.example.org/fleet.git --registry-git-path clusters.yaml
  fairway server --data /var/lib/fairway --config-source main:git:/srv/config.git --static-token ci=viewer:$TOKEN`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if directory != "" {
				o.ConfigSources = append(o.ConfigSources, "main:dir:"+directory)
			}
			if err := checkServer(&o, directory); err != nil {
				return err
			}
			switch clearSecrets {
			case "warn":
			case "refuse":
				o.RefuseClearSecrets = true
			default:
				return usagef("warn or refuse", "--clear-secrets %q is not known", clearSecrets)
			}
			return e.Server(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.DataDir, "data", client.ServerData, "folder for databases, git mirrors, logs and server.json")
	f.StringVar(&o.Database, "database", "", "postgres://... URL of a database that several servers share (default: SQLite files in --data)")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "address of the API; port 0 takes a free one; other than loopback only with TLS")
	f.StringVar(&o.TLSCert, "tls-cert", "", "PEM file of the API's certificate; read again when it changes")
	f.StringVar(&o.TLSKey, "tls-key", "", "PEM file of the certificate's key")
	f.StringVar(&o.AccessFile, "access", "", "YAML file: whose OpenID Connect tokens are believed, and which claims give which role")
	f.StringVar(&clearSecrets, "clear-secrets", "warn", "what happens to config items that seem to hold a secret in clear: warn or refuse")
	f.Float64Var(&o.RateLimit, "rate-limit", 0, "requests a second that one caller may send; -1 is no limit (default 2000)")
	f.StringArrayVar(&o.ConfigSources, "config-source", nil, "NAME:git:URL or NAME:dir:PATH; repeatable, later ones override defaults of earlier ones")
	f.StringVar(&directory, "directory", "", "a configuration folder; the same as --config-source main:dir:PATH")
	f.StringVar(&o.GitCredentials, "git-credentials", "", gitCredentialsHelp)
	f.StringVar(&o.RegistryFile, "registry-file", "", "clusters.yaml, imported whenever its content changes; it never deletes a cluster")
	f.StringVar(&o.RegistryGit, "registry-git", "", "git repository whose clusters.yaml is the registry, instead of --registry-file: imported whenever a commit changes it; the API then refuses to change what the file decides")
	f.StringVar(&o.RegistryGitBranch, "registry-git-branch", "", "branch of --registry-git (default main)")
	f.StringVar(&o.RegistryGitPath, "registry-git-path", "", "path of the file in --registry-git (default clusters.yaml)")
	defaultsFlags(c, &o.Defaults)
	f.DurationVar(&o.Soak, "soak", 0, "how long a wave must stay healthy before the next (default: fairway.yaml, or 30m)")
	f.DurationVar(&o.PollInterval, "poll-interval", 0, "time between two looks at git (default 30s)")
	f.DurationVar(&o.DriftInterval, "drift-interval", time.Hour, "time between two looks for changes that somebody else made in a cluster; -1s never looks")
	f.StringArrayVar(&o.StaticTokens, "static-token", nil, "NAME=ROLE:TOKEN with role viewer, operator, admin or agent; repeatable")
	f.BoolVar(&o.Debug, "debug", false, "log also why nothing changed")
	f.StringVar(&o.LogFormat, "log-format", "", "text or json (default: text on a terminal)")
	return c
}

// defaultsFlags adds the flags for what entries of a registry file leave out.
func defaultsFlags(c *cobra.Command, d *registryfile.Defaults) {
	f := c.Flags()
	f.StringVar(&d.Channel, "default-channel", "", "channel of entries of the registry file that name none")
	f.StringVar(&d.Provider, "default-provider", "", "provider of entries of the registry file that name none")
	f.StringVar(&d.InfrastructureAccount, "default-account", "", "infrastructure account of entries of the registry file that name none")
}

// roles are the roles that a token can have.
var roles = []string{"viewer", "operator", "admin", "agent"}

// checkServer refuses flags that cannot work, before anything is started.
func checkServer(o *ServerOptions, directory string) error {
	const sourceHint = "write it as NAME:git:URL or NAME:dir:PATH, for example main:git:/srv/config.git"
	if directory != "" && len(o.ConfigSources) > 1 {
		return usagef("name the folder as another source: --config-source NAME:dir:PATH", "--directory and --config-source exclude each other")
	}
	if len(o.ConfigSources) == 0 {
		return usagef(sourceHint, "no configuration source: give --config-source or --directory")
	}
	names := map[string]bool{}
	for i, source := range o.ConfigSources {
		parts := strings.SplitN(source, ":", 3)
		if len(parts) != 3 || parts[0] == "" || parts[2] == "" {
			return usagef(sourceHint, "config source %q cannot be read", source)
		}
		switch parts[1] {
		case "git", "dir":
		case "directory":
			o.ConfigSources[i] = parts[0] + ":dir:" + parts[2]
		default:
			return usagef(sourceHint, "config source %q has the unknown type %q", source, parts[1])
		}
		if names[parts[0]] {
			return usagef("give every source a name of its own", "duplicate config source name: %s", parts[0])
		}
		names[parts[0]] = true
	}
	switch {
	case o.RegistryGit != "" && o.RegistryFile != "":
		return usagef("keep the one that is the registry", "--registry-git and --registry-file exclude each other")
	case o.RegistryGit == "" && (o.RegistryGitBranch != "" || o.RegistryGitPath != ""):
		return usagef("add --registry-git URL", "--registry-git-branch and --registry-git-path need --registry-git")
	}
	for _, t := range o.StaticTokens {
		if err := checkToken(t); err != nil {
			return err
		}
	}
	return checkTimes(o)
}

// checkToken refuses a --static-token without showing its secret.
func checkToken(text string) error {
	const hint = "write it as NAME=ROLE:TOKEN, for example ci=viewer:$TOKEN"
	name, rest, ok := strings.Cut(text, "=")
	role, token, ok2 := strings.Cut(rest, ":")
	switch {
	case !ok || !ok2 || name == "":
		return usagef(hint, "--static-token cannot be read")
	case !slices.Contains(roles, role):
		return usagef("roles are "+strings.Join(roles, ", "), "--static-token %s has the unknown role %q", name, role)
	case len(token) < 16:
		return usagef("make one with `openssl rand -hex 24`", "--static-token %s: the token is shorter than 16 characters", name)
	}
	return nil
}

func checkTimes(o *ServerOptions) error {
	switch {
	case o.Soak < 0:
		return usagef("for example --soak 30m", "--soak %s is negative", o.Soak)
	case o.PollInterval != 0 && o.PollInterval < 100*time.Millisecond:
		return usagef("for example --poll-interval 30s", "--poll-interval %s is too short", o.PollInterval)
	case o.LogFormat != "" && o.LogFormat != "text" && o.LogFormat != "json":
		return usagef("text or json", "unknown --log-format %q", o.LogFormat)
	}
	return nil
}
