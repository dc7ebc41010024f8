package roll

import "github.com/fairwayhq/fairway"

// serviceOf names the data service that a pod is a member of, or is "".
func serviceOf(p fairway.Pod) string {
	if p.Service == "" && p.OwnerKind == "StatefulSet" {
		return p.Namespace + "/" + p.OwnerName
	}
	return p.Service
}
