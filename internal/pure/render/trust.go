package render

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/fairwayhq/fairway"
)

// hostedZone is the host of an API server's URL, port included, without its
// first label (contract 1.7).
func hostedZone(apiServerURL string) (string, error) {
	u, err := url.Parse(apiServerURL)
	if err != nil {
		return "", fairway.Errorf(fairway.CodeInvalid, "api_server_url %q: %w", apiServerURL, err)
	}
	_, zone, found := strings.Cut(u.Host, ".")
	if !found {
		return "", fairway.Errorf(fairway.CodeInvalid, "api_server_url %q: the host has fewer than two labels, so there is no hosted zone", apiServerURL)
	}
	return zone, nil
}

// oidcProvider is the host that issues the tokens of service accounts.
func oidcProvider(c *clusterView) (string, error) {
	if c.Provider == fairway.ProviderEKS {
		return strings.TrimPrefix(c.ConfigItems["eks_oidc_issuer_url"], "https://"), nil
	}
	zone, err := hostedZone(c.APIServerURL)
	if err != nil {
		return "", err
	}
	return c.LocalID + "." + zone, nil
}

// statement is one statement of an IAM policy, in the order of contract 1.7.
type statement struct {
	Effect    string
	Principal map[string]string
	Action    []string
	Condition map[string]map[string]string `json:",omitempty"`
	Sid       string                       `json:",omitempty"`
}

// trustDocument is the policy by which the workloads of all ready clusters of
// the account may assume a role.
func trustDocument(c *clusterView) string {
	policy := struct {
		Version   string
		Statement []statement
	}{Version: "2012-10-17", Statement: []statement{
		{Effect: "Allow", Principal: map[string]string{"Service": "ec2.amazonaws.com"}, Action: []string{"sts:AssumeRole"}, Sid: "CLMApplied"},
		{Effect: "Allow", Principal: map[string]string{"Service": "pods.eks.amazonaws.com"}, Action: []string{"sts:AssumeRole", "sts:TagSession"}},
	}}
	for _, s := range c.AccountClusters {
		if s.LifecycleStatus != string(fairway.StatusReady) {
			continue
		}
		policy.Statement = append(policy.Statement,
			statement{Effect: "Allow", Principal: map[string]string{"AWS": s.WorkerRoleARN()}, Action: []string{"sts:AssumeRole"}},
			statement{
				Effect: "Allow", Principal: map[string]string{"Federated": s.OIDCProviderARN()}, Action: []string{"sts:AssumeRoleWithWebIdentity"},
				Condition: map[string]map[string]string{"StringLike": {s.OIDCSubjectKey(): "system:serviceaccount:${SERVICE_ACCOUNT}"}},
			})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(policy); err != nil {
		panic(err) // only strings: cannot happen
	}
	return strings.TrimSuffix(b.String(), "\n")
}
