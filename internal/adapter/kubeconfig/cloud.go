package kubeconfig

import (
	"context"

	"github.com/fairwayhq/fairway"
)

// cloud is the machines of a cluster that somebody else looks after: there are no
// groups, so that nothing is ever rolled. Node pools of the registry are known to
// templates and have no effect.
type cloud struct{}

var _ fairway.Cloud = cloud{}

// EnsurePool makes nothing: the pool's nodes are somebody else's.
func (cloud) EnsurePool(_ context.Context, spec fairway.PoolSpec) (*fairway.Group, error) {
	return &fairway.Group{Pool: spec.Pool.Name}, nil
}

func (cloud) Groups(context.Context) ([]fairway.Group, error)       { return nil, nil }
func (cloud) Instances(context.Context) ([]fairway.Instance, error) { return nil, nil }

func (cloud) SetDesired(_ context.Context, pool string, _, _ int) error {
	return refuse("set the size of node pool " + pool)
}

func (cloud) Terminate(_ context.Context, instance string, _ bool) error {
	return refuse("end instance " + instance)
}

func (cloud) Protect(_ context.Context, instance string, _ bool) error {
	return refuse("protect instance " + instance)
}

func (cloud) RetirePool(_ context.Context, pool string) error {
	return refuse("retire node pool " + pool)
}

func (cloud) DeletePool(_ context.Context, pool string) error {
	return refuse("delete node pool " + pool)
}

func refuse(what string) error {
	return fairway.Errorf(fairway.CodeInvalid, "%s: the nodes of a cluster with provider %s are only observed", what, fairway.ProviderKubeconfig)
}
