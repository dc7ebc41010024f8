package registryfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fairwayhq/fairway"
)

// Defaults are for entries that leave a field out; "" means no default.
type Defaults struct {
	Channel               string `json:"channel,omitempty"`
	Provider              string `json:"provider,omitempty"`
	InfrastructureAccount string `json:"infrastructure_account,omitempty"`
	// From says in Origin where the defaults come from; "" means "defaults".
	From string `json:"-"`
}

// File is the content of a registry file.
type File struct {
	// Clusters and Accounts are in the order of the file.
	Clusters []fairway.Cluster
	Accounts []fairway.InfrastructureAccount
	// Warnings are what a person should look at although the file can be used.
	Warnings []Finding
	// Rejected is what is wrong with the entries that were left out, by line; of
	// Usable only.
	Rejected []Finding
}

// Left reports whether an entry with that id was left out.
func (f *File) Left(id string) bool {
	return slices.ContainsFunc(f.Rejected, func(r Finding) bool { return r.Cluster == id })
}

// Finding is one thing about a line of the file.
type Finding struct {
	// Line counts from 1; 0 means the file as a whole.
	Line int
	// Cluster is the id of the entry it is about; "" for none.
	Cluster string
	Message string
	Hint    string
}

// String returns "line 7: cluster x: message".
func (f Finding) String() string {
	var b strings.Builder
	if f.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", f.Line)
	}
	if f.Cluster != "" {
		fmt.Fprintf(&b, "cluster %s: ", f.Cluster)
	}
	return b.String() + f.Message
}

// Error is everything that is wrong with a file, by line. It comes wrapped in a
// fairway.Error of CodeInvalid with the hint of the first finding.
type Error struct {
	Findings []Finding
	// Warnings are those of the file, which may explain the findings.
	Warnings []Finding
}

// Error returns the findings, one per line when there are several.
func (e *Error) Error() string {
	if len(e.Findings) == 1 {
		return e.Findings[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d problems", len(e.Findings))
	for _, f := range e.Findings {
		fmt.Fprintf(&b, "\n  %s", f)
		if f.Hint != "" {
			fmt.Fprintf(&b, " (%s)", f.Hint)
		}
	}
	return b.String()
}

// Parse reads a registry file. The error is CodeInvalid and names every problem
// with its line at once; unknown keys are only warnings. A nil error means that
// every cluster passes Validate but for findings that files may hold, which are
// warnings too.
func Parse(data []byte, d Defaults) (*File, error) {
	p := read(data, d)
	if p.errors = append(p.errors, p.file.Rejected...); len(p.errors) > 0 {
		return nil, p.refused()
	}
	return p.file, nil
}

// Usable is Parse for those who go on with what can be used: an entry of clusters
// with anything wrong is left out, and what is wrong with it is in Rejected, so
// that one bad cluster does not keep the others from what they should become. The
// error is that of Parse, for a file of which nothing can be used: what is wrong
// is no entry, or every entry is.
func Usable(data []byte, d Defaults) (*File, error) {
	p := read(data, d)
	if len(p.errors) > 0 || len(p.file.Rejected) > 0 && len(p.file.Clusters) == 0 {
		p.errors = append(p.errors, p.file.Rejected...)
		return nil, p.refused()
	}
	return p.file, nil
}

func read(data []byte, d Defaults) *parser {
	p := &parser{defaults: d, file: &File{}}
	p.parse(data)
	slices.SortStableFunc(p.file.Warnings, byLine)
	slices.SortStableFunc(p.file.Rejected, byLine)
	return p
}

func byLine(a, b Finding) int { return a.Line - b.Line }

// refused is the error of the file as a whole.
func (p *parser) refused() error {
	slices.SortStableFunc(p.errors, byLine)
	e := fairway.Errorf(fairway.CodeInvalid, "%w", &Error{Findings: p.errors, Warnings: p.file.Warnings})
	if len(p.errors) == 1 && p.errors[0].Hint != "" {
		e = e.WithHint("%s", p.errors[0].Hint)
	}
	return e
}

// parser collects the file and everything that is wrong with it.
type parser struct {
	defaults Defaults
	file     *File
	errors   []Finding
	at       string         // id of the cluster in hand
	seen     map[string]int // line of each thing that must be unique
}

func (p *parser) errorf(n *yaml.Node, hint, format string, args ...any) {
	p.errors = append(p.errors, Finding{Line: line(n), Cluster: p.at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (p *parser) warnf(n *yaml.Node, hint, format string, args ...any) {
	p.file.Warnings = append(p.file.Warnings, Finding{Line: line(n), Cluster: p.at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func line(n *yaml.Node) int {
	if n == nil {
		return 0
	}
	return n.Line
}

// parse reads the first document, as the ecosystem's readers do.
func (p *parser) parse(data []byte) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	switch {
	case errors.Is(err, io.EOF):
		p.errorf(nil, "start it with `clusters:`", "the file is empty")
		return
	case err != nil:
		p.errorf(nil, "", "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	if decoder.Decode(&second) == nil {
		p.warnf(&second, "put all clusters into one document", "only the first YAML document is read")
	}
	root := resolve(document.Content[0])
	if root.Kind != yaml.MappingNode {
		p.errorf(root, "start it with `clusters:`", "the file is %s and not a map with the list clusters", kind(root))
		return
	}
	p.seen = map[string]int{}
	found := false
	p.object(root, []field{
		{"clusters", func(n *yaml.Node) { found = true; p.each(n, "clusters", p.cluster) }},
		{"infrastructure_accounts", func(n *yaml.Node) { p.each(n, "infrastructure_accounts", p.account) }},
	})
	if !found {
		p.errorf(root, "start it with `clusters:`", "the file has no list clusters")
	}
}

// unique reports a thing that was seen before; what names it with its value.
func (p *parser) unique(n *yaml.Node, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if first, again := p.seen[what]; again {
		p.errorf(n, "", "duplicate %s, first on line %d", what, first)
		return
	}
	p.seen[what] = line(n)
}
