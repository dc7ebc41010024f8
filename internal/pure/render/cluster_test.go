package render

import (
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

func TestClusterMembers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text, want string
		change           func(*fairway.Cluster)
	}{
		{"fields", `{{ with .Cluster }}{{ .Alias }} {{ .Environment }} {{ .LocalID }} {{ .LifecycleStatus }} {{ .CriticalityLevel }}{{ end }}`, "one test kube-1 ready 0", nil},
		{"name", `{{ .Cluster.Name }}`, "aws:123456789012:eu-central-1:kube-1", nil},
		{"name of EKS is the alias", `{{ .Cluster.Name }}`, "one", func(c *fairway.Cluster) { c.Provider = fairway.ProviderEKS }},
		{"account", `{{ .Cluster.InfrastructureAccountID }}`, "123456789012", nil},
		{"roles", `{{ .Cluster.WorkerRoleARN }} {{ .Cluster.OIDCProviderARN }} {{ .Cluster.OIDCSubjectKey }}`, "arn:aws:iam::123456789012:role/kube-1-worker arn:aws:iam::123456789012:oidc-provider/kube-1.example.zalan.do kube-1.example.zalan.do:sub", nil},
		{"issuer of EKS", `{{ .Cluster.OIDCProvider }}`, "oidc.example.org/id/1", func(c *fairway.Cluster) {
			c.Provider, c.ConfigItems = fairway.ProviderEKS, map[string]string{"eks_oidc_issuer_url": "https://oidc.example.org/id/1"}
		}},
		{"pools by maker", `{{ range .Cluster.KarpenterPools }}k:{{ .Name }} {{ end }}{{ range .Cluster.ASGBackedPools }}a:{{ .Name }}{{ end }}`, "k:b a:a", func(c *fairway.Cluster) {
			c.NodePools = []fairway.NodePool{{Name: "a", Profile: "x"}, {Name: "b", Profile: "worker-karpenter"}}
		}},
		{"pool members", `{{ range .Cluster.NodePools }}{{ .IsSpot }} {{ .IsMaster }} {{ .IsKarpenter }} {{ .KarpenterInstanceTypeStrategy }} {{ .InstanceType }}{{ end }}`, "true true false custom m5.large", func(c *fairway.Cluster) {
			c.NodePools[0].Profile, c.NodePools[0].DiscountStrategy = "my-master", "spot_max_price"
		}},
		{"an empty list of types is not specified", `{{ .NodePool.KarpenterInstanceTypeStrategy }}`, "not-specified", func(c *fairway.Cluster) { c.NodePools[0].InstanceTypes = nil }},
		{"taints", `{{ range .NodePool.Taints }}[{{ .Key }} {{ .Value }} {{ .Effect }}]{{ end }}`, "[a  NoSchedule][b c NoExecute][bare  ][d  PreferNoSchedule]", func(c *fairway.Cluster) {
			c.NodePools[0].ConfigItems = map[string]string{"taints": "a:NoSchedule,b=c:NoExecute,bare,k=v,x:y:NoSchedule,k=v=w:NoSchedule,k:Never,d=:PreferNoSchedule"}
		}},
		{"no taints item", `{{ if .NodePool.Taints }}yes{{ else }}no{{ end }}`, "no", nil},
		{"an empty taints item is not falsy", `{{ if .NodePool.Taints }}yes{{ else }}no{{ end }}`, "yes", func(c *fairway.Cluster) { c.NodePools[0].ConfigItems = map[string]string{"taints": ""} }},
		{"requirements", `{{ range .NodePool.KarpenterRequirements }}{{ .Key }} {{ .Operator }} {{ .Values }}{{ end }}`, "a In [b c]", func(c *fairway.Cluster) {
			c.NodePools[0].ConfigItems = map[string]string{"requirements": "[{key: a, operator: In, values: [b, c]}]"}
		}},
		{"a nil map of items", `{{ index .Cluster.ConfigItems "x" }}|{{ index .NodePool.ConfigItems "x" }}`, "|", func(c *fairway.Cluster) { c.ConfigItems = nil }},
		{"a missing value by index", `{{ index .Values "x" }}`, "<no value>", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := evaluate(tc.text, tc.change)
			if err != nil || got != tc.want {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

// TestTrustDocument is vector 9.5.
func TestTrustDocument(t *testing.T) {
	t.Parallel()
	want := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":["sts:AssumeRole"],"Sid":"CLMApplied"},{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]},{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/kube-1-worker"},"Action":["sts:AssumeRole"]},{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/kube-1.example.zalan.do"},"Action":["sts:AssumeRoleWithWebIdentity"],"Condition":{"StringLike":{"kube-1.example.zalan.do:sub":"system:serviceaccount:${SERVICE_ACCOUNT}"}}}]}`
	got, err := evaluate(`{{ .Cluster.IAMRoleTrustRelationshipTemplate }}`, nil)
	if err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestSiblings(t *testing.T) {
	t.Parallel()
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	cluster := func(id string, day int, change func(*fairway.Cluster)) fairway.Cluster {
		c := *testCluster(func(c *fairway.Cluster) { c.ID, c.LocalID, c.CreatedAt = id, id, at(day) })
		if change != nil {
			change(&c)
		}
		return c
	}
	self := cluster("self", 3, func(c *fairway.Cluster) { c.ConfigItems = nil })
	fleet := []fairway.Cluster{
		cluster("requested", 1, func(c *fairway.Cluster) { c.LifecycleStatus = fairway.StatusRequested }),
		cluster("elsewhere", 1, func(c *fairway.Cluster) { c.Region = "eu-west-1" }),
		cluster("other-account", 1, func(c *fairway.Cluster) { c.InfrastructureAccount = "aws:2" }),
		cluster("first", 2, nil),
		cluster("late", 4, nil),
	}
	const text = `{{ range .Cluster.AccountClusters }}{{ .ID }} {{ end }}{{ .Cluster.SiblingCluster.ID }} {{ .Cluster.IsOldestReadyClusterInTheRegion }}`
	want := "requested elsewhere first self late first false"
	for _, tc := range []struct {
		name     string
		siblings []fairway.Cluster
	}{
		{"itself not listed", fleet},
		{"itself listed", append(append(append([]fairway.Cluster{}, fleet[:4]...), self), fleet[4])},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b, err := Render(Input{Cluster: &self, Siblings: tc.siblings, Revision: "r1", Sources: []Source{{Name: "main", FS: base(map[string]string{userData: text, "cluster/config-defaults.yaml": "x: y"})}}})
			if err != nil {
				t.Fatal(err)
			}
			if got := b.Pools[0].UserData; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
