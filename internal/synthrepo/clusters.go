package synthrepo

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// accountSize is how many clusters share an infrastructure account.
const accountSize = 10

// Clusters returns n registry entries for the repository of a seed; the first
// ones are the same for every n. Each has five node pools and some 60 config
// items: secrets, and other values than the defaults. No two clusters share
// ten of them. The first cluster uses no switch, so that it has all objects.
func Clusters(seed uint64, n int, provider string) []fairway.Cluster {
	m := &maker{rand: rand.New(rand.NewPCG(seed, 0x5eed)), files: map[string]string{}}
	for i, c := range components() {
		if c.kind != "" {
			m.items(i-1, c)
		}
	}
	m.pools()
	all := make([]fairway.Cluster, n)
	for i := range all {
		all[i] = m.cluster(seed, i, provider)
	}
	return all
}

var environments = []string{"production", "test", "production", "production"}

// cluster makes one entry, with a random source of its own.
func (m *maker) cluster(seed uint64, i int, provider string) fairway.Cluster {
	r := rand.New(rand.NewPCG(seed, uint64(i)+1))
	number := fmt.Sprintf("%012d", 100_000_000_000+i/accountSize)
	c := fairway.Cluster{
		Alias: fmt.Sprintf("fleet-%d", i), LocalID: fmt.Sprintf("kube-%d", i), APIServerURL: fmt.Sprintf("https://kube-%d.fleet.example.org", i),
		Channel: "dev", Environment: environments[i%len(environments)], CriticalityLevel: 2, LifecycleStatus: fairway.StatusReady,
		Provider: provider, Region: "eu-central-1", Owner: "fleet", CreatedAt: time.Date(2020, 1, 1, 0, i, 0, 0, time.UTC),
		ConfigItems: m.own(r, i), NodePools: nodePools(i), Status: fairway.ClusterStatus{Problems: []fairway.Problem{}},
	}
	kind := "aws"
	if !strings.HasPrefix(provider, "zalando-") {
		kind = provider
	}
	c.InfrastructureAccount = kind + ":" + number
	c.ID = c.InfrastructureAccount + ":" + c.Region + ":" + c.LocalID
	c.AccountName = "account-" + number
	return c
}

// own are the config items of a cluster. All values but those of the few
// switches are the cluster's alone.
func (m *maker) own(r *rand.Rand, i int) map[string]string {
	items := map[string]string{}
	secret := func(key string, bytes int) {
		b := make([]byte, bytes)
		for at := range b {
			b[at] = byte(r.IntN(256))
		}
		items[key] = base64.StdEncoding.EncodeToString(b)
	}
	for _, key := range secrets {
		secret(key, 900)
	}
	for at, c := range components()[1 : Components-1] {
		if at%4 == 0 {
			secret(c.key("token"), 32)
		}
	}
	for _, at := range r.Perm(len(m.defaults.all)) {
		s := m.defaults.all[at]
		switch s.kind {
		case "memory":
			items[s.key] = fmt.Sprintf("%dKi", 64*1024+i*len(m.defaults.all)+at)
		case "memory_max":
			items[s.key] = fmt.Sprintf("%dKi", 4*1024*1024+i*len(m.defaults.all)+at)
		case "duration":
			items[s.key] = fmt.Sprintf("%dms", 10_000+i*len(m.defaults.all)+at)
		case "name":
			items[s.key] = fmt.Sprintf("%s-of-fleet-%d", s.value, i)
		case "hosts":
			items[s.key] = fmt.Sprintf("a.fleet-%d.example.org,b.fleet-%d.example.org", i, i)
		}
		if len(items) >= 60 {
			break
		}
	}
	all := components()[1 : Components-1]
	if i > 0 {
		items[all[r.IntN(len(all))].key("log_level")] = "debug"
		items["etcd_instance_count"] = "3"
	}
	if i%10 == 9 {
		items[all[6*r.IntN(len(all)/6)].key("network_policy_enabled")] = "false"
	}
	return items
}

// nodePools are those of a cluster.
func nodePools(i int) []fairway.NodePool {
	pool := func(name, profile string, least, most int64, items map[string]string, types ...string) fairway.NodePool {
		return fairway.NodePool{Name: name, Profile: profile, InstanceTypes: types, DiscountStrategy: "none", MinSize: least, MaxSize: most, ConfigItems: items}
	}
	dedicated := map[string]string{"labels": "dedicated=database", "taints": "dedicated=database:NoSchedule"}
	all := []fairway.NodePool{
		pool("master-default", "master-default", 2, 2, nil, "m5.large"),
		pool("worker-default", "worker-splitaz", 3, int64(30+3*(i%5)), nil, "m5.xlarge", "m5.2xlarge"),
		pool("worker-batch", "worker-combined", 1, int64(20+i%7), map[string]string{"labels": "workload=batch"}, "c5.xlarge", "c5.2xlarge"),
		pool("worker-database", "worker-splitaz", 3, 9, dedicated, "r5.xlarge"),
		pool("worker-spare", "worker-karpenter", 0, 100, nil, "default-for-karpenter"),
	}
	all[2].DiscountStrategy = "spot"
	return all
}

// Registry returns a registry file with the clusters. JSON is YAML.
func Registry(clusters []fairway.Cluster) []byte {
	text, err := json.MarshalIndent(map[string]any{"clusters": clusters}, "", "  ")
	if err != nil {
		panic(err) // texts and numbers only: cannot happen
	}
	return append(text, '\n')
}
