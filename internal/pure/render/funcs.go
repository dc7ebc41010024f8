package render

import (
	"maps"
	"text/template"

	"github.com/fairwayhq/fairway"
)

// functions are the functions of contract 3.5 beside manifestHash, which is
// bound to the file that calls it. The names are part of the template language.
func functions(provider string) template.FuncMap {
	all := template.FuncMap{}
	for _, some := range []template.FuncMap{textFunctions, listFunctions, netFunctions, sizeFunctions, keyFunctions, poolFunctions} {
		maps.Copy(all, some)
	}
	for _, name := range lookups {
		all[name] = func(...any) (string, error) {
			return "", fairway.Errorf(fairway.CodeInvalid, "function %s needs look-ups, which provider %s does not have", name, provider).
				WithHint("guard it with {{ if eq .Cluster.Provider \"zalando-aws\" }}, or use a config item instead")
		}
	}
	return all
}

// lookups are the functions whose answers come from AWS.
var lookups = []string{"amiID", "instanceTypeCPUQuantity", "instanceTypeMemoryQuantity"}
