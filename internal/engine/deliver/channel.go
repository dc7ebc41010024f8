package deliver

import (
	"context"
	"slices"

	"github.com/fairwayhq/fairway"
)

// following are the clusters that follow a channel: the one of their registry
// entry, with the same overrides for single sources.
func (d *Deliverer) following(ctx context.Context, channel string) ([]fairway.Cluster, error) {
	clusters, err := d.Store.Clusters(ctx, fairway.ClusterFilter{Channel: fairway.BaseChannel(channel)})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(clusters, func(c fairway.Cluster) bool {
		own, err := d.channelOf(&c)
		return err != nil || own != channel
	}), nil
}

// channelOf is what a cluster follows. Steering alone has no source.
func (d *Deliverer) channelOf(c *fairway.Cluster) (string, error) {
	if d.Source == nil {
		return c.Channel, nil
	}
	return c.ChannelOf(d.Source.Sources())
}
