package render

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// The severities of a LintFinding.
const (
	LintError   = "error"   // cannot be right
	LintWarning = "warning" // should be looked at
	LintInfo    = "info"    // good to know
)

// LintFinding is one thing about a configuration repository.
type LintFinding struct {
	Severity string `json:"severity"`
	// Check is one of parse, undefined, unused, dead, commented, image and
	// deprecated.
	Check string `json:"check"`
	// File is <source>/<path>; Line counts from 1, 0 means the file as a whole.
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Lint looks at the templates of all sources without rendering them. Items are
// those that clusters and node pools of a registry set. Findings are in order
// of file and line. The error is one of reading the sources.
func Lint(ctx context.Context, sources []Source, items []string) ([]LintFinding, error) {
	l := &linter{engine: newEngine(ctx, newAnswers(ctx, nil, "", EngineFairway), nil), defined: map[string]place{}, used: map[string]place{}, prefixes: map[string]bool{}}
	for _, item := range items {
		l.defined[item] = place{}
	}
	for _, src := range sources {
		if err := l.source(src); err != nil {
			return nil, err
		}
	}
	l.items()
	slices.SortStableFunc(l.findings, func(a, b LintFinding) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, strings.Compare(a.Message, b.Message))
	})
	return l.findings, ctx.Err()
}

// place is where something stands.
type place struct {
	file string
	line int
}

type linter struct {
	engine   *engine
	findings []LintFinding
	// defined are the items that have a default or a value, used those that
	// templates read, prefixes the beginnings of names that templates put
	// together.
	defined, used map[string]place
	prefixes      map[string]bool
}

func (l *linter) add(severity, check string, at place, hint, format string, args ...any) {
	l.findings = append(l.findings, LintFinding{severity, check, at.file, at.line, fmt.Sprintf(format, args...), hint})
}

// source looks at every file of a source that may be a template.
func (l *linter) source(src Source) error {
	components := map[string]bool{} // whether they hold anything
	err := fs.WalkDir(src.FS, "cluster", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return readError(src, name, err)
		}
		dir, file := path.Split(name)
		inComponent := path.Dir(path.Clean(dir)) == manifestsDir
		if e.IsDir() {
			if path.Dir(name) == manifestsDir {
				components[name] = false
			}
			return nil
		}
		if ext := path.Ext(file); ext != ".yaml" && ext != ".yml" {
			return nil
		}
		text, found, err := readOptional(src, name)
		if err != nil || !found {
			return err
		}
		if inComponent && hasContent(text) {
			components[path.Clean(dir)] = true
		}
		l.text(src.file(name), name, text)
		return nil
	})
	for name, alive := range components {
		if !alive {
			l.add(LintWarning, "dead", place{file: src.file(name)}, "remove the folder, and delete its objects with "+deletionsFile, "component %s holds no manifest", path.Base(name))
		}
	}
	return err
}

// hasContent reports whether a text holds anything but comments.
func hasContent(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line != "---" && !strings.HasPrefix(line, "#") {
			return true
		}
	}
	return false
}

var (
	defaultKey = regexp.MustCompile(`^([A-Za-z0-9_]+):`)
	// itemsInText finds the config items in a template that does not parse.
	itemsInText = regexp.MustCompile(`ConfigItems(?:\.|\s+")([A-Za-z0-9_]+)`)
	imageLine   = regexp.MustCompile(`^\s*(?:-\s+)?image:\s*["']?([^\s"'#]+)["']?\s*(?:#.*)?$`)
)

// text looks at one file.
func (l *linter) text(file, name, text string) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		at := place{file, number}
		if m := defaultKey.FindStringSubmatch(line); m != nil && name == defaultsFile {
			l.defined[m[1]] = at
		}
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "#") && strings.Contains(trimmed, "{{") && !strings.Contains(trimmed, "{{/*") {
			l.add(LintInfo, "commented", at, "remove the action if it is not meant to run", "the action behind # is run all the same, and the line stays in the text")
		}
		if m := imageLine.FindStringSubmatch(line); m != nil && !strings.Contains(m[1], "{{") {
			l.image(at, m[1])
		}
	}
	p, err := l.engine.parse(job{file: file, text: text})
	if err != nil {
		at := place{file: file}
		message := strings.TrimPrefix(err.Error(), file+":")
		if n, rest, found := strings.Cut(message, ": "); found {
			if _, err := fmt.Sscan(n, &at.line); err == nil {
				message = rest
			}
		}
		l.add(LintError, "parse", at, fairway.ErrorHint(err), "%s", message)
		// What it would use is not useless because of that.
		for _, m := range itemsInText.FindAllStringSubmatch(text, -1) {
			l.prefixes[m[1]] = true
		}
		return
	}
	for name, tree := range p.trees {
		main := name == file
		w := &walker{l: l, file: file, tree: tree, main: main, atRoot: main}
		w.list(tree.Root)
	}
}

// image judges the name of a container image.
func (l *linter) image(at place, image string) {
	if strings.Contains(image, "@sha256:") {
		return
	}
	_, tag, tagged := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":")
	switch {
	case !tagged:
		l.add(LintWarning, "image", at, "name a version or a digest: what runs must not change by itself", "image %s has neither tag nor digest", image)
	case tag == "latest":
		l.add(LintWarning, "image", at, "name a version or a digest: what runs must not change by itself", "image %s floats", image)
	}
}

// items compares what is used with what is defined.
func (l *linter) items() {
	for name, at := range l.used {
		if _, ok := l.defined[name]; ok || provided[name] {
			continue
		}
		hint := "give it a default in " + defaultsFile + ", or is it set by every cluster of a registry that was not named?"
		if near := nearest.To(name, slices.Values(sortedNames(l.defined))); near != "" {
			hint = fmt.Sprintf("did you mean %q? Otherwise %s", near, hint)
		}
		l.add(LintWarning, "undefined", at, hint, "config item %q is defined nowhere", name)
	}
	for name, at := range l.defined {
		if _, used := l.used[name]; used || at.file == "" || ownItems[name] {
			continue
		}
		if !slices.ContainsFunc(sortedNames(l.prefixes), func(p string) bool { return strings.HasPrefix(name, p) }) {
			l.add(LintWarning, "unused", at, "remove it, or is it read by something else than templates?", "config item %q is used nowhere", name)
		}
	}
}

func sortedNames[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// provided are items that are set without anybody defining them; ownItems are
// those that are read by programs (contract 4.12).
var (
	provided = map[string]bool{"vpc_id": true, "subnets": true, "service_cidr": true, "eks_endpoint": true, "eks_certificate_authority_data": true, "eks_oidc_issuer_url": true}
	ownItems = map[string]bool{
		"override_channel": true, "cluster_update_block": true, "vpc_id": true, "subnets": true, "availability_zones": true, "etcd_stack_name": true, "etcd_instance_type": true,
		"update_strategy": true, "drain_grace_period": true, "drain_min_pod_lifetime": true, "drain_min_healthy_sibling_lifetime": true,
		"drain_min_unhealthy_sibling_lifetime": true, "drain_force_evict_interval": true, "drain_poll_interval": true, "decommission_node_no_schedule_taint": true,
		"kubectl_apply_inline": true, "taints": true, "labels": true, "requirements": true, "karpenter_ami_family_alias": true, "karpenter_pools_enabled": true, "node_image": true,
	}
)

// walker finds what a parsed template reads.
type walker struct {
	l      *linter
	file   string
	tree   *parse.Tree
	main   bool // it is no template that others call
	atRoot bool // dot is the root object
}

func (w *walker) list(n *parse.ListNode) {
	if n == nil {
		return
	}
	for _, one := range n.Nodes {
		w.node(one)
	}
}

func (w *walker) node(n parse.Node) {
	switch n := n.(type) {
	case *parse.ActionNode:
		w.pipe(n.Pipe)
	case *parse.TemplateNode:
		w.pipe(n.Pipe)
	case *parse.IfNode:
		w.branch(&n.BranchNode, w.atRoot)
	case *parse.WithNode:
		w.branch(&n.BranchNode, false)
	case *parse.RangeNode:
		w.branch(&n.BranchNode, false)
	case *parse.PipeNode:
		w.pipe(n)
	case *parse.FieldNode:
		w.fields(n, n.Ident, w.atRoot)
	case *parse.VariableNode:
		w.fields(n, n.Ident[1:], w.main && n.Ident[0] == "$")
	case *parse.ChainNode:
		w.node(n.Node)
		w.fields(n, n.Field, false)
	}
}

func (w *walker) branch(b *parse.BranchNode, inside bool) {
	w.pipe(b.Pipe)
	outer := w.atRoot
	w.atRoot = inside
	w.list(b.List)
	w.atRoot = outer
	w.list(b.ElseList)
}

func (w *walker) pipe(p *parse.PipeNode) {
	if p == nil {
		return
	}
	for _, c := range p.Cmds {
		if len(c.Args) == 3 && isIdentifier(c.Args[0], "index") && isItems(c.Args[1]) {
			w.indexed(c.Args[2])
		}
		for _, arg := range c.Args {
			w.node(arg)
		}
	}
}

func isIdentifier(n parse.Node, name string) bool {
	id, ok := n.(*parse.IdentifierNode)
	return ok && id.Ident == name
}

// isItems reports whether a node is the config items of something.
func isItems(n parse.Node) bool {
	var names []string
	switch n := n.(type) {
	case *parse.FieldNode:
		names = n.Ident
	case *parse.VariableNode:
		names = n.Ident
	case *parse.ChainNode:
		names = n.Field
	}
	return len(names) > 0 && names[len(names)-1] == "ConfigItems"
}

// indexed notes an item that is read by index: by its name, or by the
// beginning of a name that is put together.
func (w *walker) indexed(n parse.Node) {
	switch n := n.(type) {
	case *parse.StringNode:
		// Read by index, an item may be missing: that is no use of a name that
		// has to be defined, but its definition is not useless.
		w.l.prefixes[n.Text] = true
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			for _, arg := range c.Args {
				if text, ok := arg.(*parse.StringNode); ok {
					head, _, _ := strings.Cut(text.Text, "%")
					if head != "" {
						w.l.prefixes[head] = true
					}
					return
				}
			}
		}
	}
}

// rootFields are fields that the root object of older engines had.
var rootFields = map[string]string{
	"Alias": ".Cluster.Alias", "APIServerURL": ".Cluster.APIServerURL", "Channel": ".Cluster.Channel", "ConfigItems": ".Cluster.ConfigItems",
	"CriticalityLevel": ".Cluster.CriticalityLevel", "Environment": ".Cluster.Environment", "ID": ".Cluster.ID", "InfrastructureAccount": ".Cluster.InfrastructureAccount",
	"LifecycleStatus": ".Cluster.LifecycleStatus", "LocalID": ".Cluster.LocalID", "NodePools": ".Cluster.NodePools", "Region": ".Cluster.Region", "Owner": ".Cluster.Owner",
	"UserData": ".Values.UserData", "S3GeneratedFilesPath": ".Values.S3GeneratedFilesPath",
}

// fields looks at a path of fields.
func (w *walker) fields(n parse.Node, names []string, root bool) {
	at := place{w.file, lineOf(w.tree, n)}
	for i, name := range names {
		if name == "ConfigItems" && i+1 < len(names) {
			if _, known := w.l.used[names[i+1]]; !known {
				w.l.used[names[i+1]] = at
			}
		}
	}
	if len(names) > 0 && root && rootFields[names[0]] != "" {
		w.l.add(LintError, "deprecated", at, "write "+rootFields[names[0]], "the root of a template has no field %q any more", names[0])
	}
	if len(names) > 0 && names[len(names)-1] == "InstanceType" && slices.Contains(names, "NodePool") {
		w.l.add(LintWarning, "deprecated", at, "write index .NodePool.InstanceTypes 0", "the field InstanceType of a node pool is deprecated")
	}
}
