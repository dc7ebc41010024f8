package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"charm.land/lipgloss/v2"
)

// Summary is what a demo came to. Its JSON is the one of `fairway demo -o json`
// and of summary.json in the data folder.
type Summary struct {
	OK bool `json:"ok"`
	// Seconds are those of the whole demo, ChangeSeconds those from the merge
	// of the change to its end.
	Seconds          float64           `json:"seconds"`
	ChangeSeconds    float64           `json:"change_seconds"`
	Revision         string            `json:"revision"`
	Clusters         []ClusterSummary  `json:"clusters"`
	Evictions        int               `json:"evictions"`
	EvictionsRefused int               `json:"evictions_refused"`
	Workloads        []WorkloadSummary `json:"workloads"`
	Requests         RequestSummary    `json:"requests"`
	// Reasons say why OK is false, most important first.
	Reasons []string `json:"reasons,omitempty"`
	// Notes are of interest but change nothing about OK.
	Notes []string `json:"notes,omitempty"`
}

// ClusterSummary is one cluster of a Summary.
type ClusterSummary struct {
	ID      string `json:"id"`
	Channel string `json:"channel"`
	// NodesReplaced is what the watcher saw, not what the manager says.
	NodesReplaced int     `json:"nodes_replaced"`
	Seconds       float64 `json:"seconds"`
	Converged     bool    `json:"converged"`
}

// WorkloadSummary is one workload of a Summary, as the watcher saw it.
type WorkloadSummary struct {
	Cluster string `json:"cluster"`
	Name    string `json:"name"`
	// MinReady is the smallest number of ready replicas after full health.
	MinReady int `json:"min_ready"`
	// Budget is the number that the workload's PodDisruptionBudget demands; 0
	// without one.
	Budget int `json:"budget"`
}

// RequestSummary counts the prober's requests.
type RequestSummary struct {
	OK     int64 `json:"ok"`
	Failed int64 `json:"failed"`
}

// round keeps tenths of seconds: more is noise.
func round(seconds float64) float64 { return math.Round(seconds*10) / 10 }

// WriteJSON writes the summary as one indented JSON object.
func (s *Summary) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(s)
}

// WriteTable writes the summary for people, without colours.
func (s *Summary) WriteTable(w io.Writer) error {
	var b strings.Builder
	rows := [][]string{{"CLUSTER", "CHANNEL", "NODES REPLACED", "DURATION", "CONVERGED"}}
	for _, c := range s.Clusters {
		converged := "yes"
		if !c.Converged {
			converged = "no"
		}
		rows = append(rows, []string{c.ID, c.Channel, fmt.Sprint(c.NodesReplaced), fmt.Sprintf("%.1fs", c.Seconds), converged})
	}
	writeRows(&b, rows)
	b.WriteString("\n")
	rows = [][]string{{"CLUSTER", "WORKLOAD", "MIN READY", "BUDGET"}}
	for _, w := range s.Workloads {
		budget := "none"
		if w.Budget > 0 {
			budget = fmt.Sprintf("at least %d", w.Budget)
		}
		if w.MinReady < w.Budget {
			budget += "  BROKEN"
		}
		rows = append(rows, []string{w.Cluster, w.Name, fmt.Sprint(w.MinReady), budget})
	}
	writeRows(&b, rows)
	fmt.Fprintf(&b, "\nevictions  %d done, %d refused by budgets and tried again\n", s.Evictions, s.EvictionsRefused)
	fmt.Fprintf(&b, "requests   %d ok, %d failed\n", s.Requests.OK, s.Requests.Failed)
	fmt.Fprintf(&b, "time       %.1fs for the change, %.1fs for everything\n", s.ChangeSeconds, s.Seconds)
	for _, note := range s.Notes {
		fmt.Fprintf(&b, "note       %s\n", note)
	}
	if s.OK {
		b.WriteString("result     ok: everything converged, no budget was broken, no request failed\n")
	}
	for _, reason := range s.Reasons {
		fmt.Fprintf(&b, "result     NOT OK: %s\n", reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeRows writes columns that are as wide as their widest cell.
func writeRows(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], lipgloss.Width(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-lipgloss.Width(cell)+2))
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
