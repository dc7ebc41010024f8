package httpapi

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// reported are the parts of a cluster that no registry file decides, as JSON
// pointers: they are the manager's.
var reported = []string{"/status", "/lifecycle_status"}

// decided reports whether a file in git decides what an object is.
func (a *api) decided(kind, id string) bool {
	return a.ReadOnly != "" && (a.Decides == nil || a.Decides(kind, id))
}

// elsewhere refuses to do something here that is done in git.
func (a *api) elsewhere(format string, args ...any) error {
	return fairway.Errorf(fairway.CodeConflict, format, args...).WithHint("change it in %s", a.ReadOnly)
}

// creatable refuses new clusters while a file in git says which there are.
func (a *api) creatable(id string) error {
	if a.ReadOnly == "" {
		return nil
	}
	return a.elsewhere("cluster %s cannot be created here: the registry is a file in git", id)
}

// deletable refuses to delete a cluster that the file would bring back.
func (a *api) deletable(id string) error {
	if !a.decided(fairway.KindCluster, id) {
		return nil
	}
	return a.elsewhere("cluster %s cannot be deleted while the registry's file in git has it", id)
}

// changeable refuses a change of what the file decides. Config items are left
// to programs that run clusters, which report by them what they have found out;
// the next change of the file replaces them.
func (a *api) changeable(ctx context.Context, before, after *fairway.Cluster) error {
	if !a.decided(fairway.KindCluster, before.ID) {
		return nil
	}
	was, is := fairway.Diff(before, after)
	maps.Copy(was, is)
	agent := fairway.Authorize(principalOf(ctx), fairway.DeedWrite, fairway.PlaceOf(before)) != nil
	for _, pointer := range slices.Sorted(maps.Keys(was)) {
		if agent && strings.HasPrefix(pointer, "/config_items/") {
			continue
		}
		if !slices.ContainsFunc(reported, func(own string) bool { return pointer == own || strings.HasPrefix(pointer, own+"/") }) {
			return a.elsewhere("%s of cluster %s cannot be changed here: the registry's file in git decides it", pointer, before.ID)
		}
	}
	return nil
}

// changeableAccount is changeable for accounts, of which the file decides all.
func (a *api) changeableAccount(id string) error {
	if !a.decided(fairway.KindAccount, id) {
		return nil
	}
	return a.elsewhere("infrastructure account %s cannot be changed here: the registry's file in git decides it", id)
}
