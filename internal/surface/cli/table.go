package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fairwayhq/fairway"
)

// table is rows under a header, or without one. It fits a width by shortening
// the columns that are widest.
type table struct {
	header []string // nil for none
	rows   [][]string
	width  int // 0 means as wide as it gets
	empty  string
}

// gap is the space between columns.
const gap = "  "

// narrowest is the width that a column is shortened to at most.
const narrowest = 8

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write prints the table; without rows it prints what empty says.
func (t *table) write(w io.Writer) error {
	out := bufio.NewWriter(w)
	if len(t.rows) == 0 && t.empty != "" {
		fmt.Fprintln(out, t.empty)
		return out.Flush()
	}
	rows := t.rows
	if t.header != nil {
		rows = append([][]string{t.header}, rows...)
	}
	widths := t.widths(rows)
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			cell = shorten(oneLine(cell), widths[i])
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + gap)
			}
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
	return out.Flush()
}

// widths are the widths of the columns.
func (t *table) widths(rows [][]string) []int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(oneLine(cell)))
		}
	}
	total := max(0, len(widths)-1) * len(gap)
	for _, n := range widths {
		total += n
	}
	for t.width > 0 && total > t.width {
		widest := 0
		for i, n := range widths {
			if n >= widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= narrowest {
			break // no room for a table; let the terminal break the lines
		}
		widths[widest]--
		total--
	}
	return widths
}

// shorten cuts a text to a width, with "…" for what is missing.
func shorten(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:max(0, width-1)]) + "…"
}

// oneLine replaces what would break a row, or the terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, s)
}

// age says how long ago a time was, "-" for none.
func age(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return span(now.Sub(t))
}

// span says how long something took, in two digits or so.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// dash stands for a text that is empty.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// short shortens a revision or version as git does; one that is no hash stays.
func short(revision string) string {
	id, hash, found := strings.Cut(revision, "#")
	id = fairway.ShortRevision(id)
	if found {
		return id + "#" + hash[:min(7, len(hash))]
	}
	return id
}
