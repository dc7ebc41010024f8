package render

import (
	"maps"
	"net/url"
	"strings"

	"github.com/fairwayhq/fairway"
)

// isAWS reports whether a provider keeps its clusters on AWS.
func isAWS(provider string) bool {
	return provider == fairway.ProviderAWS || provider == fairway.ProviderEKS
}

// values returns what .Values holds from the start (contract 3.3 and 4.2). Look-ups
// that fail are errors of the render; without look-ups their values are missing.
func (r *renderer) values() map[string]any {
	values := map[string]any{}
	zone, err := hostedZone(r.in.Cluster.APIServerURL)
	if err == nil {
		values["hosted_zone"] = zone
	}
	if r.in.Lookups == nil || !isAWS(r.in.Cluster.Provider) {
		return values
	}
	r.errs.add(err)
	if _, err := r.answers.types(); err != nil {
		r.errs.add(err)
	}
	r.network(values)
	r.certificate(values)
	return values
}

// network chooses VPC and subnets, and sets the items vpc_id and subnets of the
// cluster, which pools do not see any more.
func (r *renderer) network(values map[string]any) {
	all, err := r.in.Lookups.VPCs(r.engine.ctx)
	if err != nil {
		r.errs.add(err)
		return
	}
	items := r.cluster.ConfigItems
	id, named := items["vpc_id"]
	vpc, err := chooseVPC(all, id, named)
	if err != nil {
		r.errs.add(err)
		return
	}
	items["vpc_id"] = vpc.ID
	subnets, err := r.in.Lookups.Subnets(r.engine.ctx, vpc.ID)
	if err == nil {
		item, given := items["subnets"]
		subnets, err = usable(subnets, item, given)
	}
	if err != nil {
		r.errs.add(err)
		return
	}
	preferred := []string{tagNode, tagELB}
	switch r.in.Engine {
	case EngineHead:
		preferred = []string{tagNode}
	case Engine2024:
		preferred = []string{tagELB}
	}
	restrict := func(z zones) zones {
		if names, given := items["availability_zones"]; given {
			return z.restrict(names)
		}
		return z
	}
	r.zones = restrict(chooseSubnets(subnets, preferred...))
	if _, given := items["subnets"]; !given {
		items["subnets"] = r.zones.subnets()[allZones]
	}
	values["subnets"], values["availability_zones"] = r.zones.subnets(), r.zones.names()
	values["vpc_ipv4_cidr"] = vpc.CIDR
	if r.in.Engine == Engine2024 {
		return
	}
	values["vpc_ipv6_cidrs"] = vpc.IPv6CIDRs
	values["subnet_ipv6_cidrs"] = r.zones.ipv6()
	values["lb_subnets"] = restrict(chooseSubnets(subnets, tagELB)).subnets()
	values["internal_node_subnets"] = restrict(chooseSubnets(subnets, tagInternalNode)).subnets()
	values["pod_subnets"] = chooseSubnets(subnets, tagPod).subnets()
}

// certificate chooses the certificate of the API server's load balancer.
func (r *renderer) certificate(values map[string]any) {
	u, err := url.Parse(r.in.Cluster.APIServerURL)
	if err != nil {
		return // the hosted zone said so already
	}
	all, roots, err := r.in.Lookups.Certificates(r.engine.ctx)
	if err != nil {
		r.errs.add(err)
		return
	}
	now, err := r.in.Lookups.Now()
	if err != nil && len(all) > 0 {
		r.errs.add(err)
		return
	}
	arn, err := chooseCertificate(all, roots, u.Hostname(), now)
	if err != nil {
		r.errs.add(err)
		return
	}
	values["load_balancer_certificate"] = arn
}

// outputs adds what the main stack exports; templates that come before it do
// not see it.
func (r *renderer) outputs(values map[string]any) map[string]string {
	outputs := map[string]string{}
	if r.in.Lookups != nil && isAWS(r.in.Cluster.Provider) {
		found, err := r.in.Lookups.StackOutputs(r.engine.ctx, r.in.Cluster.LocalID)
		r.errs.add(err)
		maps.Copy(outputs, found)
	}
	values["ClusterStackOutputs"] = outputs
	return outputs
}

// afterMainStack does what the hook of EKS does once the main stack is there:
// the API server is the endpoint of the EKS cluster.
func (r *renderer) afterMainStack() {
	endpoint := r.cluster.ConfigItems["eks_endpoint"]
	if r.in.Cluster.Provider != fairway.ProviderEKS || r.in.Lookups == nil || endpoint == "" {
		return
	}
	r.cluster.APIServerURL = endpoint
	r.cluster.OIDCProvider = strings.TrimPrefix(r.cluster.ConfigItems["eks_oidc_issuer_url"], "https://")
}

// poolValues are the values that the templates of a pool see.
func (r *renderer) poolValues(pool *poolView, values map[string]any) (map[string]any, error) {
	own := maps.Clone(values)
	if pool.IsKarpenter() || r.in.Lookups == nil || !isAWS(r.in.Cluster.Provider) {
		return own, nil
	}
	all, err := r.answers.types()
	if err != nil {
		return nil, err
	}
	names := pool.typeNames()
	info, err := all.synthetic(names)
	if err != nil {
		return nil, err
	}
	t2 := true
	for _, name := range names {
		t2 = t2 && strings.HasPrefix(name, "t2.")
	}
	own["supports_t2_unlimited"], own["InstanceInfo"] = t2, info
	if names, given := pool.ConfigItems["availability_zones"]; given {
		z := r.zones.restrict(names)
		own["subnets"], own["availability_zones"] = z.subnets(), z.names()
	}
	return own, nil
}
