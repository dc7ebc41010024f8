package demo

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

const (
	// managerTime is how long the manager may take to answer after its start.
	managerTime = time.Minute
	pollEvery   = 300 * time.Millisecond
)

// startManager starts the server and waits until it answers.
func startManager(ctx context.Context, d *dataDir, executable string, restarted func(error)) (*keeper, error) {
	k, err := keep(command{
		name: "the manager", path: executable, log: d.join(logsDir, "server.log"), pidFile: d.join("server.pid"),
		args: []string{
			"server", "--data", d.path, "--listen", "127.0.0.1:0",
			"--config-source", "main:git:" + d.join(configRepo), "--registry-file", d.join(registryFile),
			"--soak", "2s", "--poll-interval", "300ms",
		},
	}, nil, restarted)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, managerTime, fmt.Errorf("%s does not answer after %s", k.command.name, managerTime))
	defer cancel()
	err = k.wait(ctx, func() (bool, error) {
		c, err := dialManager(d)
		return err == nil && c.Healthy(ctx) == nil, nil
	})
	if err != nil {
		return k, fairway.Errorf(fairway.CodeUnavailable, "start the manager: %w", err).WithHint("the log %s says more", k.command.log)
	}
	return k, nil
}

// dialManager returns a client of the manager that runs now: its address
// changes when it is started again.
func dialManager(d *dataDir) (*client.Client, error) {
	if _, err := os.Stat(d.join(serverFile)); err != nil {
		return nil, err
	}
	return client.Find(client.Flags{Data: d.path, Env: func(string) string { return "" }})
}

// managed is what the manager says of everything, at one moment.
type managed struct {
	Clusters []fairway.ClusterView
	Rollouts []fairway.Rollout
	Updates  []fairway.Update
}

// ask reads the state of the fleet from the manager.
func ask(ctx context.Context, d *dataDir) (*managed, error) {
	c, err := dialManager(d)
	if err != nil {
		return nil, err
	}
	m := &managed{}
	if m.Clusters, err = c.Clusters(ctx, fairway.ClusterFilter{}); err != nil {
		return nil, err
	}
	if m.Rollouts, err = c.Rollouts(ctx, ""); err != nil {
		return nil, err
	}
	m.Updates, err = c.Updates(ctx, fairway.UpdateFilter{})
	return m, err
}

// cluster returns what the manager says of a cluster; nil when it has none.
func (m *managed) cluster(id string) *fairway.ClusterView {
	for i := range m.Clusters {
		if m.Clusters[i].ID == id {
			return &m.Clusters[i]
		}
	}
	return nil
}

// rollout returns the newest rollout of a revision on a channel.
func (m *managed) rollout(channel, revision string) *fairway.Rollout {
	for i := range m.Rollouts {
		if r := &m.Rollouts[i]; r.Channel == channel && r.Revision == revision {
			return r
		}
	}
	return nil
}

// updates returns the updates of a cluster to a revision, newest first.
func (m *managed) updates(id, revision string) []fairway.Update {
	var all []fairway.Update
	for _, u := range m.Updates {
		if u.ClusterID == id && u.Revision == revision {
			all = append(all, u)
		}
	}
	return all
}
