package render

import (
	"maps"
	"text/template"

	"github.com/fairwayhq/fairway"
)

// notIn are the functions that other engines do not have (contract 8).
var notIn = map[Engine][]string{EngineHead: {"eksID"}, Engine2024: {"append", "hasPrefix", "hasSuffix"}}

// functions are the functions of contract 3.5 beside manifestHash, which is
// bound to the file that calls it. The names are part of the template language.
// bare tells whether the file in hand may not ask for instance types.
func functions(a *answers, bare func() bool) template.FuncMap {
	all := template.FuncMap{}
	for _, some := range []template.FuncMap{textFunctions, listFunctions, netFunctions, sizeFunctions, keyFunctions, poolFunctions} {
		maps.Copy(all, some)
	}
	all["amiID"] = a.image
	for name, ask := range map[string]func(any) (string, error){"instanceTypeCPUQuantity": a.instanceCPU, "instanceTypeMemoryQuantity": a.instanceMemory} {
		all[name] = func(t any) (string, error) {
			switch {
			case bare():
				return "", fairway.Errorf(fairway.CodeInvalid, "function %s does not exist in %s", name, stacksDir)
			case a.from == nil:
				return "", a.missing("function " + name)
			}
			return ask(t)
		}
	}
	for _, name := range notIn[a.engine] {
		delete(all, name)
	}
	return all
}

// image is the id of the only image of that name and owner.
func (a *answers) image(name, owner string) (string, error) {
	if a.from == nil {
		return "", a.missing("function amiID")
	}
	ids, err := a.from.Images(a.ctx, name, owner)
	if err != nil {
		return "", err
	}
	if len(ids) != 1 {
		return "", fairway.Errorf(fairway.CodeInvalid, "%d images have the name %s and the owner %s", len(ids), name, owner).
			WithHint("exactly one has to; is the image shared with the account and in the region of the cluster?")
	}
	return ids[0], nil
}

// missing is the error of a render that has nobody to ask.
func (a *answers) missing(what string) error {
	if isAWS(a.provider) {
		return fairway.Errorf(fairway.CodeInvalid, "%s needs look-ups, and there are none", what).WithHint("give the answers with --lookups FILE.json")
	}
	hint := "guard it with {{ if eq .Cluster.Provider \"zalando-aws\" }}, or use a config item instead"
	return fairway.Errorf(fairway.CodeInvalid, "%s needs look-ups, which provider %s does not have", what, a.provider).WithHint("%s", hint)
}
