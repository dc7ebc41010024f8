package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// VersionInfo says which program this is; empty parts are not printed.
type VersionInfo struct {
	// Version is the release, "v0.1.0"; "dev" outside a release.
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Built   string `json:"built,omitempty"`
	Go      string `json:"go,omitempty"`
	// Kubernetes is the version of the control planes of the demo.
	Kubernetes string `json:"kubernetes,omitempty"`
}

// Version returns what the Go linker wrote into this program.
func Version() VersionInfo {
	v := VersionInfo{Version: "dev", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Built = s.Value
		}
	}
	return v
}

// versionCommand is `fairway version`.
func (e *env) versionCommand() *cobra.Command {
	c := &cobra.Command{Use: "version", Short: "Say which fairway this is", Args: exactly()}
	format := output(c, formatsOne)
	c.RunE = func(*cobra.Command, []string) error {
		f, err := format()
		if err != nil {
			return err
		}
		return f.print(e.Stdout, e.Version, func(bool) *table {
			t := &table{width: e.Width}
			for _, part := range [][2]string{{"version", e.Version.Version}, {"commit", e.Version.Commit}, {"built", e.Version.Built},
				{"go", e.Version.Go}, {"kubernetes", e.Version.Kubernetes}} {
				if part[1] != "" {
					t.add(part[0], part[1])
				}
			}
			return t
		})
	}
	return c
}
