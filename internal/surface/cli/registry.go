package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
)

// registry is `fairway registry`.
func (e *env) registry() *cobra.Command {
	return group(&cobra.Command{Use: "registry", Short: "Work with registry files, and bring them into a server and out of it"}, e.registryCheck(), e.registryImport(), e.registryExport())
}

// checked is one finding of a registry file as it is printed.
type checked struct {
	Severity string `json:"severity"` // error or warning
	Line     int    `json:"line,omitempty"`
	Cluster  string `json:"cluster,omitempty"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

func (e *env) registryCheck() *cobra.Command {
	var defaults registryfile.Defaults
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Read a clusters.yaml and print everything that is wrong with it",
		Long: `Reads a registry file as the server does, without a server, and prints every finding with its line. - reads standard input.
Exit code 1 when the server would refuse the file.`,
		Example: `  fairway registry check clusters.yaml
  fairway registry check clusters.yaml --default-channel beta --default-provider local --default-account local:demo`,
		Args: exactly("FILE"),
	}
	defaultsFlags(c, &defaults)
	format := output(c, formatsList)
	c.RunE = func(c *cobra.Command, args []string) error {
		f, err := format()
		if err != nil {
			return err
		}
		data, err := e.readFile(args[0])
		if err != nil {
			return err
		}
		defaults.From = "flags"
		file, refused := registryfile.Parse(data, defaults)
		findings := findingsOf(file, refused)
		if f.name == "table" && len(findings) == 0 {
			fmt.Fprintf(e.Stdout, "%s: %d clusters, nothing to complain about\n", args[0], len(file.Clusters))
			return nil
		}
		if err := list(f, e.Stdout, findings, func(bool) *table { return e.findingTable(findings) }); err != nil {
			return err
		}
		if refused != nil {
			return fairway.Errorf(fairway.CodeInvalid, "%s: %d of the findings are errors", args[0], count(findings, "error")).
				WithHint("the server imports nothing from a file with errors; the file it imported last stays in force")
		}
		return nil
	}
	return c
}

func (e *env) readFile(path string) (data []byte, err error) {
	if path == "-" {
		data, err = io.ReadAll(e.Stdin)
	} else {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "read the file: %w", err).WithHint("give the path of a file, or - for standard input")
	}
	return data, nil
}

// findingsOf are the errors and warnings of a file.
func findingsOf(file *registryfile.File, refused error) []checked {
	var warnings []registryfile.Finding
	var all []checked
	add := func(severity string, findings []registryfile.Finding) {
		for _, f := range findings {
			all = append(all, checked{severity, f.Line, f.Cluster, f.Message, f.Hint})
		}
	}
	if bad, ok := errors.AsType[*registryfile.Error](refused); ok {
		add("error", bad.Findings)
		warnings = bad.Warnings
	} else if file != nil {
		warnings = file.Warnings
	}
	add("warning", warnings)
	return all
}

func (e *env) findingTable(findings []checked) *table {
	t := &table{header: []string{"LINE", "SEVERITY", "CLUSTER", "FINDING", "HINT"}, width: e.Width}
	for _, f := range findings {
		t.add(fmt.Sprint(f.Line), f.Severity, dash(f.Cluster), f.Message, dash(f.Hint))
	}
	return t
}

func count(findings []checked, severity string) (n int) {
	for _, f := range findings {
		if f.Severity == severity {
			n++
		}
	}
	return n
}
