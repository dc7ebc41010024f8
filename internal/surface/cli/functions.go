package cli

import (
	"context"
	"io"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
	"github.com/fairwayhq/fairway/internal/pure/render"
)

// Functions are what the commands start, and the world they run in.
type Functions struct {
	// Server runs a server until ctx ends.
	Server func(ctx context.Context, o ServerOptions) error
	// Demo runs the demo until it is over or ctx ends. An error made by
	// Incomplete means that it ended without full success, by design.
	Demo func(ctx context.Context, o DemoOptions) error
	// Watch is the demo's independent watcher, a process of its own.
	Watch func(ctx context.Context, o WatchOptions) error
	// Render renders a cluster, and writes the files when an output is named.
	Render func(ctx context.Context, o RenderOptions) (Rendered, error)
	// Plan returns what updates would do; clusters that cannot be planned are
	// among the failed of the result when several are asked for.
	Plan func(ctx context.Context, o PlanOptions) (*plan.Fleet, error)
	// Provision updates one existing cluster and returns the update as it ended.
	Provision func(ctx context.Context, o ProvisionOptions) (*fairway.Update, error)
	// Record writes the answers of a cloud that clusters are rendered with.
	Record func(ctx context.Context, o RecordOptions) error
	// Eval returns what a template gives for a cluster.
	Eval func(ctx context.Context, o EvalOptions) (string, error)
	// PDBController keeps the PodDisruptionBudgets of one cluster until ctx ends.
	PDBController func(ctx context.Context, o PDBControllerOptions) error
	// Lint returns what is wrong in config sources.
	Lint func(ctx context.Context, o LintOptions) ([]render.LintFinding, error)
	// Version is what `fairway version` prints; the zero value means what Version returns.
	Version VersionInfo
	// Stdin, Stdout and Stderr are empty when nil.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Width is the width of the terminal that Stdout is, in columns; 0 means
	// that it is no terminal, and tables are as wide as they get.
	Width int
	// Now tells ages; nil means time.Now.
	Now fairway.Clock
}

// ServerOptions are the flags of `fairway server`.
type ServerOptions struct {
	// Database is a postgres:// URL; "" means SQLite.
	Database string
	// TLSCert and TLSKey are PEM files; "" means plain HTTP.
	TLSCert, TLSKey string
	// AccessFile names issuers and bindings; "" means static tokens alone.
	AccessFile         string
	RefuseClearSecrets bool
	RateLimit          float64
	// DataDir holds databases, the git mirror and server.json; made when missing.
	DataDir string
	// Listen is the address of the API; port 0 takes a free one.
	Listen string
	// ConfigSources are NAME:git:URL or NAME:dir:PATH, in order; never empty.
	// The flag --directory PATH arrives as main:dir:PATH.
	ConfigSources []string
	// RegistryFile is imported when its content changes; "" means none.
	RegistryFile string
	// RegistryGit is a repository whose file RegistryGitPath on the branch
	// RegistryGitBranch is the registry; "" means none.
	RegistryGit, RegistryGitBranch, RegistryGitPath string
	// GitCredentials is a file that says by what right git repositories are read
	// and written; "" means what git finds by itself.
	GitCredentials string
	// Defaults are for entries of the registry file that leave them out; they
	// win over those of fairway.yaml.
	Defaults registryfile.Defaults
	// Soak is how long a wave must stay healthy; 0 means that of fairway.yaml,
	// or else 30 minutes.
	Soak time.Duration
	// PollInterval is the time between two looks at git; 0 means the standard.
	PollInterval time.Duration
	// StaticTokens are NAME=ROLE:TOKEN.
	StaticTokens []string
	// Debug logs also why nothing changed.
	Debug bool
	// LogFormat is text or json; "" means text on a terminal and json else.
	LogFormat string
	// DriftInterval is the time between two looks for what others changed in a
	// cluster; 0 means an hour, less than 0 never.
	DriftInterval time.Duration
}

// DemoOptions are the flags of `fairway demo`.
type DemoOptions struct {
	// DataDir is the demo's folder; made when missing.
	DataDir string
	// Clusters is how many clusters there are, 1 to 9.
	Clusters int
	// Change is a file with a `git diff` to merge; "" means the built-in change.
	Change string
	// Keep stays in the foreground after the summary until interrupted.
	Keep bool
	// Output is table or json.
	Output string
	// Localkube is the program that runs a control plane; "" means the one
	// beside this program, or else on the PATH.
	Localkube string
	// Debug logs more to DATA/logs.
	Debug bool
}

// WatchOptions are the flags of `fairway demo watch`.
type WatchOptions struct {
	// DataDir is the demo's folder.
	DataDir string
	// Clusters are the local ids of the clusters to watch; empty means all.
	Clusters []string
}
