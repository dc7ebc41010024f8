package cli

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
)

// problem is one thing that is wrong with a text that somebody wrote.
type problem struct {
	line    int // 0 for the text as a whole
	message string
	hint    string
}

func (p problem) String() string {
	text := p.message
	if p.line > 0 {
		text = fmt.Sprintf("line %d: %s", p.line, text)
	}
	if p.hint != "" {
		text += " (" + p.hint + ")"
	}
	return text
}

// problems are all that is wrong with a text.
type problems []problem

func (p problems) Error() string {
	texts := make([]string, len(p))
	for i, one := range p {
		texts[i] = one.String()
	}
	return strings.Join(texts, "; ")
}

// readCluster reads one cluster: a registry file with one entry, or the entry
// alone, as YAML or JSON. Unknown keys and all that the registry's write path
// refuses are problems, unless the text known has them too.
func readCluster(text, known []byte) (*fairway.Cluster, problems) {
	file, found := readFile(text)
	if len(found) == 0 && len(file.Clusters) != 1 {
		found = problems{{message: fmt.Sprintf("expected one cluster, found %d", len(file.Clusters)), hint: "`fairway registry import` takes files with several"}}
	}
	if known != nil {
		_, before := readFile(known)
		found = slices.DeleteFunc(found, func(p problem) bool {
			return slices.ContainsFunc(before, func(old problem) bool { return old.message == p.message })
		})
		if file == nil && len(found) == 0 {
			found = before // the entry as it stands cannot be read
		}
	}
	if len(found) > 0 {
		return nil, found
	}
	return &file.Clusters[0], nil
}

// readFile reads a registry file, or one entry alone. The file is nil only when
// it cannot be used at all; warnings are among the problems.
func readFile(text []byte) (*registryfile.File, problems) {
	shift, whole := 0, text
	if found := syntax(text); found != nil {
		return nil, found
	}
	if isEntry(text) {
		whole, shift = below("clusters:\n-\n", "  ", text)
	}
	return parsed(whole, shift)
}

// parsed reads a registry file whose first lines were added to what somebody
// wrote.
func parsed(text []byte, shift int) (*registryfile.File, problems) {
	file, err := registryfile.Parse(text, registryfile.Defaults{From: "flags"})
	var found []registryfile.Finding
	if bad, ok := errors.AsType[*registryfile.Error](err); ok {
		found = append(slices.Clone(bad.Findings), bad.Warnings...)
	} else if err != nil {
		return nil, problems{{message: err.Error(), hint: fairway.ErrorHint(err)}}
	} else {
		found = file.Warnings
	}
	var out problems
	for _, f := range found {
		if strings.Contains(f.Hint, "--default-channel") {
			f.Hint = "" // those are flags for whole files
		}
		out = append(out, problem{max(0, f.Line-shift), strings.Replace(f.Message, " is ignored", "", 1), f.Hint})
	}
	slices.SortStableFunc(out, func(a, b problem) int { return a.line - b.line })
	return file, out
}

// poolHeader is a cluster around a node pool that is read alone.
const poolHeader = `clusters:
- id: cluster
  api_server_url: https://cluster.example.org
  channel: none
  environment: none
  region: none
  lifecycle_status: ready
  provider: local
  infrastructure_account: local:none
  node_pools:
  -
`

// readPool reads one node pool alone.
func readPool(text []byte) (*fairway.NodePool, problems) {
	if found := syntax(text); found != nil {
		return nil, found
	}
	whole, shift := below(poolHeader, "    ", text)
	file, found := parsed(whole, shift)
	if len(found) > 0 {
		return nil, found
	}
	if pools := file.Clusters[0].NodePools; len(pools) == 1 {
		return &pools[0], nil
	}
	return nil, problems{{message: "expected one node pool"}}
}

var lineOf = regexp.MustCompile(`^line (\d+): `)

// syntax says why a text is no YAML map, nil when it is one.
func syntax(text []byte) problems {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		message := strings.TrimPrefix(err.Error(), "yaml: ")
		line := 0
		if at := lineOf.FindStringSubmatch(message); at != nil {
			line, _ = strconv.Atoi(at[1])
			message = message[len(at[0]):]
		}
		return problems{{line: line, message: message}}
	}
	if len(n.Content) == 0 || n.Content[0].Kind != yaml.MappingNode {
		return problems{{message: "the text is no map of fields"}}
	}
	return nil
}

// isEntry reports whether a text is one entry and no registry file.
func isEntry(text []byte) bool {
	var root map[string]yaml.Node
	if yaml.Unmarshal(text, &root) != nil {
		return false
	}
	_, clusters := root["clusters"]
	_, accounts := root["infrastructure_accounts"]
	return !clusters && !accounts
}

// below puts a text under the lines of a header, and returns by how many lines
// it is further down.
func below(header, indent string, text []byte) ([]byte, int) {
	var out bytes.Buffer
	out.WriteString(header)
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("---")) {
			line = []byte("\n") // one document, whatever it begins with
		}
		if len(bytes.TrimSpace(line)) > 0 {
			out.WriteString(indent)
		}
		out.Write(line)
	}
	return out.Bytes(), strings.Count(header, "\n")
}
