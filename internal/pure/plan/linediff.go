package plan

import "strings"

// maxDiffLines is the longest text that is compared line by line; the time grows
// with the product of both lengths.
const maxDiffLines = 1500

// line is one line of a comparison: ' ' stays, '-' goes, '+' comes.
type line struct {
	sign byte
	text string
}

// lines compares two texts line by line and keeps some unchanged lines around
// each change.
func lines(from, to string, around int) []line {
	a, b := strings.Split(from, "\n"), strings.Split(to, "\n")
	if len(a) > maxDiffLines || len(b) > maxDiffLines {
		return []line{{'-', "(a long text)"}, {'+', "(another long text)"}}
	}
	// common[i][j] is the length of the longest common part of a[i:] and b[j:].
	common := make([][]int32, len(a)+1)
	for i := range common {
		common[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var all []line
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, line{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			all = append(all, line{'-', a[i]})
			i++
		default:
			all = append(all, line{'+', b[j]})
			j++
		}
	}
	return near(all, around)
}

// near keeps the changed lines and those around them.
func near(all []line, around int) []line {
	keep := make([]bool, len(all))
	for i, l := range all {
		if l.sign != ' ' {
			for k := max(0, i-around); k <= min(len(all)-1, i+around); k++ {
				keep[k] = true
			}
		}
	}
	var kept []line
	for i, l := range all {
		switch {
		case keep[i]:
			kept = append(kept, l)
		case i > 0 && keep[i-1]:
			kept = append(kept, line{' ', "..."})
		}
	}
	return kept
}
