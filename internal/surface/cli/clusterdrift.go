package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
)

func (e *env) clusterDrift() *cobra.Command {
	var now bool
	c := e.asks(&cobra.Command{
		Use:   "drift CLUSTER",
		Short: "Show what somebody else changed in a cluster",
		Long: `Shows the objects of a cluster that differ from what was applied, field by field, and who changed them, as the last look found them:
a server looks from time to time, and every update does. What becomes of a change says the component's entry in fairway.yaml
(drift: report or repair).`,
		Example: `  fairway cluster drift beta-1
  fairway cluster drift beta-1 --now      look first
  fairway cluster drift beta-1 -o json`,
		Args:              exactly("CLUSTER"),
		ValidArgsFunction: e.completeClusters,
	})
	format := output(c, formatsOne)
	c.Flags().BoolVar(&now, "now", false, "look at the cluster now, instead of showing what was found last")
	c.RunE = func(c *cobra.Command, args []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		d, err := api.Drift(c.Context(), args[0], now)
		if err != nil {
			return err
		}
		if f.name == "table" || f.name == "wide" {
			fmt.Fprintln(e.Stderr, e.lookedAt(d))
		}
		return f.print(e.Stdout, d, func(wide bool) *table { return e.driftTable(d, wide) })
	}
	return c
}

// lookedAt says when was looked for drift, and at how much.
func (e *env) lookedAt(d *fairway.Drift) string {
	switch {
	case d.At.IsZero():
		return "nobody has looked yet; --now looks"
	case d.Error != "":
		return fmt.Sprintf("the last look, %s ago, saw nothing: %s", age(e.Now(), d.At), d.Error)
	}
	return fmt.Sprintf("looked %s ago at %d objects", age(e.Now(), d.At), d.Objects)
}

func (e *env) driftTable(d *fairway.Drift, wide bool) *table {
	t := &table{header: []string{"OBJECT", "COMPONENT", "STATE", "FIELD", "BY", "SINCE"}, width: e.Width, empty: "nothing differs"}
	if wide {
		t.header = append(t.header, "IS", "WANTED", "REPAIRS")
		t.width = 0
	}
	for _, o := range d.Found {
		fields := o.Fields
		if o.Deleted {
			fields = []fairway.DriftedField{{Path: "(deleted)"}}
		}
		for _, f := range fields {
			row := []string{o.Ref.String(), o.Component, string(o.State), f.Path, dash(f.By), age(e.Now(), o.Since)}
			if wide {
				row = append(row, value(f.Is), value(f.Wanted), fmt.Sprint(o.Repairs))
			}
			t.add(row...)
		}
	}
	return t
}

// value is a value of a field in one line.
func value(v any) string {
	if v == nil {
		return "-"
	}
	return strings.Join(strings.Fields(fmt.Sprint(v)), " ")
}

// driftLine is the drift of a cluster in one line, "" for none.
func driftLine(d *fairway.Drift, now func() string) string {
	if d == nil || d.At.IsZero() {
		return ""
	}
	if d.Error != "" {
		return "not known: " + d.Error
	}
	differ := d.Differing()
	if len(differ) == 0 {
		return "none, looked " + now() + " ago"
	}
	var names []string
	for _, o := range differ[:min(3, len(differ))] {
		names = append(names, o.Ref.String())
	}
	if len(differ) > 3 {
		names = append(names, fmt.Sprintf("%d more", len(differ)-3))
	}
	return fmt.Sprintf("%d objects differ: %s", len(differ), strings.Join(names, ", "))
}
