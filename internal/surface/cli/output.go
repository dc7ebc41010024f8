package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/util/jsonpath"
	"sigs.k8s.io/yaml"
)

// format is how a command prints its data, as -o says.
type format struct {
	name string             // table, wide, json, yaml or jsonpath
	path *jsonpath.JSONPath // of jsonpath
}

const (
	formatsOne  = "table, wide, json or yaml"
	formatsList = "table, wide, json, yaml or jsonpath=TEMPLATE"
)

// output adds the flag -o to a command. The returned function reads it.
func output(c *cobra.Command, formats string) func() (format, error) {
	var text string
	c.Flags().StringVarP(&text, "output", "o", "table", formats)
	c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "wide", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	return func() (format, error) {
		template, isPath := strings.CutPrefix(text, "jsonpath=")
		switch {
		case isPath && formats == formatsList:
			path := jsonpath.New("output").AllowMissingKeys(true)
			if err := path.Parse(template); err != nil {
				return format{}, usagef("for example -o jsonpath='{.items[*].id}'", "jsonpath template: %w", err)
			}
			return format{"jsonpath", path}, nil
		case slices.Contains([]string{"table", "wide", "json", "yaml"}, text):
			return format{name: text}, nil
		}
		return format{}, usagef(formats, "unknown output %q", text)
	}
}

// colours reports whether the output is a terminal that shows colours, and
// nobody minds them.
func (e *env) colours() bool {
	return e.Width > 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// list prints several things: as {"items": [...]}, or as the table.
func list[T any](f format, w io.Writer, all []T, show func(wide bool) *table) error {
	if all == nil {
		all = []T{}
	}
	return f.print(w, map[string]any{"items": all}, show)
}

// print prints data, or as people read it what show makes of it.
func (f format) print(w io.Writer, data any, show func(wide bool) *table) error {
	switch f.name {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(data)
	case "yaml":
		text, err := yaml.Marshal(data)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	case "jsonpath":
		return f.evaluate(w, data)
	}
	return show(f.name == "wide").write(w)
}

// evaluate prints what the template finds in the data as JSON has it.
func (f format) evaluate(w io.Writer, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return err
	}
	if err := f.path.Execute(w, plain); err != nil {
		return usagef("`-o json` shows what there is", "jsonpath: %w", err)
	}
	_, err = fmt.Fprintln(w)
	return err
}
