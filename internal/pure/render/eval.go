package render

import (
	"context"
	"strings"

	"github.com/fairwayhq/fairway"
)

// EvalInput is what Eval makes of an Input.
type EvalInput struct {
	Input
	// Name stands for the template in errors, Text is the template.
	Name, Text string
	// Pool is the node pool that the template sees; "" means none.
	Pool string
	// Reveal keeps secrets in the result; else *** stands in their place.
	Reveal bool
}

// Eval returns what a template gives for a cluster: it sees what a manifest
// sees, or with a pool what the user data of that pool sees. Without sources
// there are no defaults. Values that look-ups cannot tell are missing, and an
// error only for a template that needs them. Errors are else those of Files.
func Eval(ctx context.Context, in EvalInput) (string, error) {
	if len(in.Sources) == 0 {
		in.Sources = []Source{{Name: "none", FS: noFiles{}}}
	}
	r := newRenderer(ctx, in.Input)
	r.masks, r.lenient = !in.Reveal, true
	if !r.prepare() {
		return "", r.errs.join("render cluster %s", in.Cluster.ID)
	}
	values := r.start
	if r.managesEtcd() {
		r.unanswered.add(r.etcdValues(values))
	}
	r.outputs(values)
	r.afterMainStack()
	pool, err := r.evalPool(in.Pool)
	if err == nil && pool != nil {
		own, missing := r.poolValues(pool, values)
		if r.unanswered.add(missing); missing == nil {
			values = own
		}
	}
	r.errs.add(err)
	if len(r.errs) > 0 {
		return "", r.errs.join("render cluster %s", in.Cluster.ID)
	}
	text, err := r.engine.render(job{file: in.Name, text: in.Text, data: data{Cluster: r.cluster, Values: values, NodePool: pool}})
	if err != nil {
		return "", r.withUnanswered(err)
	}
	if r.masks {
		text = r.engine.secrets.mask(text)
	}
	return text, nil
}

func (r *renderer) evalPool(name string) (*poolView, error) {
	if name == "" {
		return nil, nil
	}
	var names []string
	for _, p := range r.cluster.NodePools {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return nil, fairway.Errorf(fairway.CodeInvalid, "cluster %s has no node pool %q", r.in.Cluster.ID, name).WithHint("its node pools are: %s", strings.Join(names, ", "))
}

// withUnanswered adds to an error of a template why values are missing.
func (r *renderer) withUnanswered(err error) error {
	if len(r.unanswered) == 0 || !strings.Contains(err.Error(), "is not there") {
		return err
	}
	return fairway.Errorf(codeOf(err), "%w (look-ups: %w)", err, r.unanswered).WithHint("%s", fairway.ErrorHint(err))
}
