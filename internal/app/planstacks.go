package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
	"github.com/fairwayhq/fairway/internal/pure/render"
)

// stackParts are the parts of a rendering that hold stacks, or delete them.
var stackParts = []string{"cluster", "etcd", "node-pools", "cf-manifests", "deletions"}

// renderedStack is a stack of a rendering.
type renderedStack struct {
	template string
	file     string // that it is written to
	exists   bool   // as the look-ups say
}

// stacks compares the stacks of a cluster on AWS with those of the revision that
// was applied last. Without look-ups they cannot be rendered, and the plan has
// none.
func (p *planner) stacks(ctx context.Context, in *plan.Input) error {
	c := in.Cluster
	if p.base.input.Lookups == nil || c.Provider != fairway.ProviderAWS && c.Provider != fairway.ProviderEKS {
		return nil
	}
	after, deleted, err := p.templates(ctx, c, "")
	if err != nil {
		return err
	}
	before := map[string]renderedStack{}
	if revision := fairway.ParseVersion(c.Status.CurrentVersion).Revision; revision != "" {
		if before, _, err = p.templates(ctx, c, revision); err != nil {
			return fairway.Errorf(fairway.ErrorCode(err), "render the stacks of the last applied revision %s: %w", revision, err).
				WithHint("a git source keeps its past, a folder does not: give --config-source NAME:git:PATH")
		}
	}
	names := slices.Collect(maps.Keys(before))
	names = slices.AppendSeq(names, maps.Keys(after))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		was, is := before[name], after[name]
		if was.template == "" && is.exists {
			p.say("%s: stack %s exists, and what it was made from is not known: it is not compared", c.Alias, name)
			continue
		}
		// The stack of a pool goes with the pool.
		gone := is.template == "" && (deleted[name] || strings.HasPrefix(was.file, "node-pools/"))
		in.Stacks = append(in.Stacks, plan.Stack{Name: name, Before: was.template, After: is.template, Deleted: gone})
	}
	return nil
}

// templates renders the stacks of a cluster at a revision, and names those that
// its cf-deletions.yaml deletes.
func (p *planner) templates(ctx context.Context, c *fairway.Cluster, revision string) (all map[string]renderedStack, deleted map[string]bool, err error) {
	var files []render.File
	err = p.at(ctx, c, revision, func(in render.Input) error {
		files, err = render.Files(ctx, render.FilesInput{Input: in, Version: cmp.Or(revision, in.Revision), Reveal: true, Only: stackParts})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	byDigest := map[string]render.File{}
	for _, f := range files {
		sum := sha256.Sum256(f.Content)
		byDigest[hex.EncodeToString(sum[:])] = f
	}
	all, deleted = map[string]renderedStack{}, map[string]bool{}
	for _, f := range files {
		switch head, _, _ := strings.Cut(f.Path, "/"); {
		case head == "stacks":
			var call struct {
				Action string `json:"action"`
				Name   string `json:"name"`
				SHA256 string `json:"template_sha256"`
			}
			if err := json.Unmarshal(f.Content, &call); err != nil {
				return nil, nil, fmt.Errorf("read %s: %w", f.Path, err)
			}
			text := byDigest[call.SHA256]
			all[call.Name] = renderedStack{string(text.Content), text.Path, call.Action == "update"}
		case head == "cf-deletions.yaml" || head == "cf-deletions":
			var lists map[string][]struct {
				StackName string `json:"stackName"`
			}
			if err := yaml.Unmarshal(f.Content, &lists); err != nil {
				return nil, nil, fmt.Errorf("read %s: %w", f.Path, err)
			}
			for _, list := range lists {
				for _, one := range list {
					deleted[one.StackName] = true
				}
			}
		}
	}
	return all, deleted, nil
}
