package app

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/engine/update"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// openStates reads the file of recorded clusters that is planned from, or added to.
func (p *planner) openStates() error {
	file := p.State
	if file == "" {
		file = p.Record
	}
	if file == "" {
		return nil
	}
	data, err := os.ReadFile(file)
	if p.State == "" && errors.Is(err, fs.ErrNotExist) {
		p.recorded = &plan.States{Schema: plan.StateSchema, Salt: rand.Text(), Clusters: map[string]*plan.State{}}
		return nil
	}
	if err != nil {
		return fairway.Errorf(fairway.CodeInvalid, "read recorded clusters: %w", err).WithHint("make the file with `fairway plan CLUSTER --record FILE`")
	}
	if strings.HasSuffix(file, ".gz") {
		zipped, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return fairway.Errorf(fairway.CodeInvalid, "read recorded clusters: %s: %w", file, err)
		}
		if data, err = io.ReadAll(zipped); err != nil {
			return fairway.Errorf(fairway.CodeInvalid, "read recorded clusters: %s: %w", file, err)
		}
	}
	if p.recorded, err = plan.ParseStates(data); err != nil {
		return fairway.Errorf(fairway.CodeInvalid, "read %s: %w", file, err).WithHint("%s", fairway.ErrorHint(err))
	}
	return nil
}

// writeStates writes the file of recorded clusters at once, readable by its
// owner alone.
func (p *planner) writeStates() error {
	data, err := json.Marshal(p.recorded)
	if err != nil {
		return fmt.Errorf("record clusters: %w", err)
	}
	if strings.HasSuffix(p.Record, ".gz") {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		if _, err := w.Write(data); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		data = zipped.Bytes()
	}
	out, err := os.CreateTemp(filepath.Dir(p.Record), ".fairway-state-") // mode 0600
	if err != nil {
		return fairway.Errorf(fairway.CodeInvalid, "record clusters: %w", err).WithHint("check the folder of --record")
	}
	defer os.Remove(out.Name()) // nothing once it is renamed
	_, err = out.Write(data)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("record clusters: %w", err)
	}
	if err := os.Rename(out.Name(), p.Record); err != nil {
		return fmt.Errorf("record clusters: %w", err)
	}
	p.say("recorded in %s: %s", p.Record, clustersOf(p.recorded))
	return nil
}

func clustersOf(s *plan.States) string {
	if len(s.Clusters) == 1 {
		return "1 cluster"
	}
	return fmt.Sprintf("%d clusters", len(s.Clusters))
}

// record remembers a cluster as it was observed, where that is wanted, and adds
// the peaks of earlier recordings to what preflight knows.
func (p *planner) record(in *plan.Input) {
	if p.recorded == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.recorded.Clusters[in.Cluster.ID]
	state := plan.Record(*in, p.recorded.Salt, before)
	in.Observed.Peaks = state.Peaks
	if p.Record != "" {
		p.recorded.Clusters[in.Cluster.ID] = state
	}
}

// fromState takes the cluster for what was recorded of it.
func (p *planner) fromState(in *plan.Input) error {
	state := p.recorded.Clusters[in.Cluster.ID]
	if state == nil {
		return fairway.Errorf(fairway.CodeNotFound, "the cluster is not in %s", p.State).WithHint("record it with `fairway plan %s --record %s`", in.Cluster.Alias, p.State)
	}
	salt := p.recorded.Salt
	in.Observed, in.Limits = state.Observed(in.Bundle, salt), state.Limits
	for _, spec := range in.Bundle.Pools {
		one, err := update.Pool(in, spec, p.History)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(state.Pools, func(s plan.PoolState) bool { return s.Spec.Pool.Name == spec.Pool.Name })
		if at >= 0 {
			was := state.Pools[at]
			one.Group, one.Instances, one.Generation, one.Differs = was.Group, was.Instances, was.Generation, was.Differs
			if one.PerNode == 0 {
				one.PerNode = was.PerNode
			}
			if differs := specDiffers(was.Spec, plan.Comparable(*in, salt, spec)); len(differs) > 0 {
				// Whatever the nodes run, it is not this.
				one.Generation, one.Differs = "", append(slices.Clone(was.Differs), differs...)
			}
		}
		// Without any pool recorded, nodes are not Fairway's there.
		if len(state.Pools) > 0 {
			in.Pools = append(in.Pools, one)
		}
	}
	for _, was := range state.Pools {
		gone := !slices.ContainsFunc(in.Bundle.Pools, func(s fairway.PoolSpec) bool { return s.Pool.Name == was.Spec.Pool.Name })
		if !gone || was.Group == nil || !was.Group.Owned {
			continue
		}
		one, err := update.Pool(in, fairway.PoolSpec{Pool: fairway.NodePool{Name: was.Spec.Pool.Name, Profile: was.Spec.Pool.Profile}}, p.History)
		if err != nil {
			return err
		}
		one.Leaves, one.Group, one.Instances = true, was.Group, was.Instances
		in.Pools = append(in.Pools, one)
	}
	return nil
}
