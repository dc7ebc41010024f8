package demo

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
)

// view is what the progress shows at one moment.
type view struct {
	// Title says what the demo does now.
	Title string
	// Elapsed is the time since the demo began.
	Elapsed  time.Duration
	Channels []channelView
	// Requests is nil before the prober sends any.
	Requests *RequestSummary
}

type channelView struct {
	Name     string
	State    string // in words: "done", "soaking", "waits for dev"
	Clusters []clusterView
}

type clusterView struct {
	Name    string
	State   mood
	Doing   string
	Waiting string
	// Done of Total nodes are replaced; Total 0 shows no bar.
	Done, Total int
	// Elapsed is the time that the present update takes or took; 0 for none.
	Elapsed time.Duration
}

// mood says how a line is to be read.
type mood int

const (
	moodIdle mood = iota
	moodBusy
	moodDone
	moodBad
)

// glyphs stand before a cluster's line.
var glyphs = map[mood]string{moodIdle: "·", moodBusy: "▸", moodDone: "✓", moodBad: "✗"}

// paint gives a text a colour; without colours it returns the text.
type paint func(m mood, text string) string

func plainPaint(_ mood, text string) string { return text }

func colourPaint(m mood, text string) string {
	style := lipgloss.NewStyle()
	switch m {
	case moodBusy:
		style = style.Foreground(lipgloss.Cyan)
	case moodDone:
		style = style.Foreground(lipgloss.Green)
	case moodBad:
		style = style.Foreground(lipgloss.Red).Bold(true)
	default:
		style = style.Faint(true)
	}
	return style.Render(text)
}

// block draws the view as lines that fit a terminal; what does not fit in
// height is left out at the bottom, which is said.
func (v view) block(width, height int, colour paint) []string {
	width, height = max(width, 20), max(height, 4)
	head := fmt.Sprintf("%s  %s", colour(moodBusy, seconds(v.Elapsed)), v.Title)
	if v.Requests != nil {
		m := moodIdle
		if v.Requests.Failed > 0 {
			m = moodBad
		}
		head += "  " + colour(m, fmt.Sprintf("%d requests ok, %d failed", v.Requests.OK, v.Requests.Failed))
	}
	lines := []string{head}
	name := 0
	for _, ch := range v.Channels {
		for _, c := range ch.Clusters {
			name = max(name, lipgloss.Width(c.Name))
		}
	}
	for _, ch := range v.Channels {
		lines = append(lines, fmt.Sprintf("%-6s %s", ch.Name, colour(moodIdle, ch.State)))
		for _, c := range ch.Clusters {
			lines = append(lines, c.lines(name, width, colour)...)
		}
	}
	if len(lines) > height {
		left := len(lines) - height + 1
		lines = append(lines[:height-1], colour(moodIdle, fmt.Sprintf("... %d more lines", left)))
	}
	for i, line := range lines {
		lines[i] = cut(line, width)
	}
	return lines
}

const barWidth = 20

// lines are one or two: what the cluster does, and what it waits for.
func (c clusterView) lines(name, width int, colour paint) []string {
	line := fmt.Sprintf("  %s %-*s  ", colour(c.State, glyphs[c.State]), name, c.Name)
	right := ""
	if c.Total > 0 {
		right = fmt.Sprintf("%d/%d nodes", c.Done, c.Total)
		if width >= 80 {
			full := barWidth * min(c.Done, c.Total) / c.Total
			right = colour(c.State, strings.Repeat("█", full)) + colour(moodIdle, strings.Repeat("░", barWidth-full)) + "  " + right
		}
	}
	if c.Elapsed > 0 {
		right = strings.TrimSpace(right + "  " + fmt.Sprintf("%4s", seconds(c.Elapsed)))
	}
	room := width - lipgloss.Width(line) - lipgloss.Width(right) - 2
	doing := cut(c.Doing, max(room, 8))
	line += doing
	if right != "" {
		line += strings.Repeat(" ", max(1, room-lipgloss.Width(doing)+2)) + right
	}
	lines := []string{line}
	if c.Waiting != "" {
		lines = append(lines, fmt.Sprintf("    %-*s  %s", name, "", colour(moodIdle, c.Waiting)))
	}
	return lines
}

// cut shortens a line to a width in cells.
func cut(line string, width int) string {
	if lipgloss.Width(line) <= width {
		return line
	}
	return lipgloss.NewStyle().MaxWidth(width-1).Render(line) + "…"
}

// seconds prints a duration in whole seconds: 7s, 1m05s.
func seconds(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	if s < 60 {
		return fmt.Sprintf("%ds", s)
	}
	return fmt.Sprintf("%dm%02ds", s/60, s%60)
}

// news returns the plain lines that tell what changed since an earlier view.
// Words alone, without a node done, are told at most every talkEvery; told
// remembers when that was, by cluster. What is not told yet is put back in v,
// so that v is what the lines have told.
func (v view) news(before view, told map[string]time.Duration) []string {
	var lines []string
	say := func(format string, args ...any) {
		lines = append(lines, fmt.Sprintf("%6s  ", seconds(v.Elapsed))+fmt.Sprintf(format, args...))
	}
	if v.Title != before.Title {
		say("%s", v.Title)
	}
	oldChannels, oldClusters := map[string]channelView{}, map[string]clusterView{}
	for _, ch := range before.Channels {
		oldChannels[ch.Name] = ch
		for _, c := range ch.Clusters {
			oldClusters[c.Name] = c
		}
	}
	for i, ch := range v.Channels {
		if old := oldChannels[ch.Name]; ch.State != old.State && ch.State != "" {
			say("channel %s: %s", ch.Name, ch.State)
		}
		for j, c := range ch.Clusters {
			old := oldClusters[c.Name]
			moved := c.State != old.State || c.Done != old.Done || c.Total != old.Total
			talks := (c.Doing != old.Doing || c.Waiting != old.Waiting) && v.Elapsed-told[c.Name] >= talkEvery
			if !moved && !talks {
				// Told later, if it lasts.
				v.Channels[i].Clusters[j].Doing, v.Channels[i].Clusters[j].Waiting = old.Doing, old.Waiting
				continue
			}
			told[c.Name] = v.Elapsed
			say("%s", c.sentence())
		}
	}
	return lines
}

const talkEvery = 3 * time.Second

// sentence is the cluster's state in one plain line.
func (c clusterView) sentence() string {
	parts := []string{c.Name + ": " + c.Doing}
	if c.Total > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d nodes", c.Done, c.Total))
	}
	text := strings.Join(parts, ", ")
	if c.Waiting != "" {
		text += "; " + c.Waiting
	}
	return text
}
