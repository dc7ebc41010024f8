package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"k8s.io/client-go/dynamic"

	"github.com/fairwayhq/fairway"
)

// readyTime is how long a control plane may take to answer, on a slow machine
// with several starting at once.
const readyTime = 3 * time.Minute

// kubeProcess is a running cluster of the demo.
type kubeProcess struct {
	fleetCluster
	keeper     *keeper
	dir        string
	url        string
	kubeconfig string
	client     dynamic.Interface
}

// readyInfo is what localkube writes once everything answers.
type readyInfo struct {
	Kubeconfig   string `json:"kubeconfig"`
	APIServerURL string `json:"api_server_url"`
}

// startKube starts the control plane of a cluster and waits until it answers.
// The process is kept running; what was returned with an error must be stopped
// all the same.
func startKube(ctx context.Context, d *dataDir, program string, c fleetCluster, restarted func(error)) (*kubeProcess, error) {
	k := &kubeProcess{fleetCluster: c, dir: d.join(clustersDir, c.LocalID), kubeconfig: d.join(clustersDir, c.LocalID, "kubeconfig")}
	data, ready, groups := d.join(clustersDir, c.LocalID, "localkube"), d.join(clustersDir, c.LocalID, "ready.json"), d.join(clustersDir, c.LocalID, "nodegroups.json")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, explainDisk(fmt.Errorf("make the folder of %s: %w", c.LocalID, err), k.dir)
	}
	text, err := c.nodegroupsJSON()
	if err != nil {
		return nil, err
	}
	if err := writeFile(groups, text); err != nil {
		return nil, err
	}
	k.keeper, err = keep(command{
		name: "the control plane of " + c.LocalID, path: program, log: d.join(logsDir, c.LocalID+".log"), pidFile: d.join(clustersDir, c.LocalID, "pid"),
		args: []string{"run", "--data", data, "--ready-file", ready, "--nodegroups", groups},
	}, nil, restarted)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readyTime, fmt.Errorf("%s does not answer after %s; see %s", k.keeper.command.name, readyTime, k.keeper.command.log))
	defer cancel()
	var info readyInfo
	err = k.keeper.wait(ctx, func() (bool, error) {
		err := readJSON(ready, &info)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil && info.APIServerURL != "", err
	})
	if err != nil {
		return k, fairway.Errorf(fairway.CodeUnavailable, "start cluster %s: %w", c.LocalID, err).WithHint("the log %s says more", k.keeper.command.log)
	}
	config, err := os.ReadFile(info.Kubeconfig)
	if err != nil {
		return k, fmt.Errorf("start cluster %s: read its kubeconfig: %w", c.LocalID, err)
	}
	if err := writeFile(k.kubeconfig, config); err != nil {
		return k, err
	}
	k.url = info.APIServerURL
	k.client, err = dial(k.kubeconfig)
	return k, err
}
