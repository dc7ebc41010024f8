package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/fairwayhq/fairway"
)

// readOnly are the fields that are accepted and ignored: the registry itself
// knows them.
var readOnly = []string{"owner", "account_name", "created_at"}

// required are the fields of a cluster that POST needs.
var required = []string{"id", "alias", "infrastructure_account", "local_id", "api_server_url", "channel", "environment",
	"criticality_level", "lifecycle_status", "provider", "region"}

// readCluster reads a whole cluster as POST takes it.
func readCluster(o *object) (*fairway.Cluster, error) {
	c := readEntry(o)
	o.require(required...)
	return c, refuse(merge(o.done(), c.Validate()))
}

// readEntry reads the fields of a cluster that people decide. What is wrong with
// them is left to the object.
func readEntry(o *object) *fairway.Cluster {
	var c fairway.Cluster
	read(o, "id", &c.ID)
	read(o, "alias", &c.Alias)
	read(o, "infrastructure_account", &c.InfrastructureAccount)
	read(o, "local_id", &c.LocalID)
	read(o, "api_server_url", &c.APIServerURL)
	read(o, "channel", &c.Channel)
	read(o, "environment", &c.Environment)
	read(o, "criticality_level", &c.CriticalityLevel)
	read(o, "lifecycle_status", &c.LifecycleStatus)
	read(o, "provider", &c.Provider)
	read(o, "region", &c.Region)
	read(o, "config_items", &c.ConfigItems)
	c.NodePools = o.pools()
	o.ignore(readOnly...)
	o.ignore("status")
	return &c
}

// pools reads the field node_pools.
func (o *object) pools() []fairway.NodePool {
	var texts []json.RawMessage
	if !read(o, "node_pools", &texts) {
		return nil
	}
	pools := []fairway.NodePool{}
	for i, text := range texts {
		p, finding := parse(fmt.Sprintf("%s/node_pools/%d", o.at, i), text)
		if finding != nil {
			o.findings = append(o.findings, *finding)
			continue
		}
		var pool fairway.NodePool
		p.pool(&pool)
		p.require("name", "profile", "instance_types", "discount_strategy", "min_size", "max_size")
		o.findings = append(o.findings, p.done()...)
		pools = append(pools, pool)
	}
	return pools
}

// pool reads the fields of a pool that are given.
func (o *object) pool(p *fairway.NodePool) {
	read(o, "name", &p.Name)
	read(o, "profile", &p.Profile)
	read(o, "instance_types", &p.InstanceTypes)
	read(o, "discount_strategy", &p.DiscountStrategy)
	read(o, "min_size", &p.MinSize)
	read(o, "max_size", &p.MaxSize)
	read(o, "config_items", &p.ConfigItems)
}

// readChange reads what PATCH of a cluster takes. touched are the fields given.
func readChange(o *object, id string) (u fairway.ClusterUpdate, touched []string, err error) {
	if given := optional[string](o, "id"); given != nil && *given != id {
		o.find("id", "the id of a cluster never changes", "id %q is not that of the path, %q", *given, id)
	}
	u = fairway.ClusterUpdate{
		Alias:                 optional[string](o, "alias"),
		InfrastructureAccount: optional[string](o, "infrastructure_account"),
		LocalID:               optional[string](o, "local_id"),
		APIServerURL:          optional[string](o, "api_server_url"),
		Channel:               optional[string](o, "channel"),
		Environment:           optional[string](o, "environment"),
		CriticalityLevel:      optional[int32](o, "criticality_level"),
		LifecycleStatus:       optional[fairway.LifecycleStatus](o, "lifecycle_status"),
		Provider:              optional[string](o, "provider"),
		Region:                optional[string](o, "region"),
		ConfigItems:           optional[map[string]string](o, "config_items"),
		Status:                o.status(),
	}
	for _, name := range o.known {
		if _, given := o.fields[name]; given {
			touched = append(touched, name)
		}
	}
	if u.Provider != nil { // the provider decides how these are written
		touched = append(touched, "infrastructure_account", "api_server_url")
	}
	o.ignore(readOnly...)
	return u, touched, refuse(o.done())
}

// status reads the field status, which replaces the stored one as a whole.
func (o *object) status() *fairway.ClusterStatus {
	text, given := o.take("status")
	if !given {
		return nil
	}
	s, finding := parse(o.at+"/status", text)
	if finding != nil {
		o.findings = append(o.findings, *finding)
		return nil
	}
	status := &fairway.ClusterStatus{Problems: []fairway.Problem{}}
	read(s, "current_version", &status.CurrentVersion)
	read(s, "last_version", &status.LastVersion)
	read(s, "next_version", &status.NextVersion)
	var problems []json.RawMessage
	read(s, "problems", &problems)
	for i, text := range problems {
		p, finding := parse(fmt.Sprintf("%s/problems/%d", s.at, i), text)
		if finding != nil {
			s.findings = append(s.findings, *finding)
			continue
		}
		var one fairway.Problem
		read(p, "type", &one.Type)
		read(p, "title", &one.Title)
		read(p, "status", &one.Status)
		read(p, "detail", &one.Detail)
		read(p, "instance", &one.Instance)
		p.require("type", "title")
		s.findings = append(s.findings, p.done()...)
		status.Problems = append(status.Problems, one)
	}
	o.findings = append(o.findings, s.done()...)
	return status
}

// readAccount reads an infrastructure account over the one given.
func readAccount(o *object, a *fairway.InfrastructureAccount) {
	read(o, "id", &a.ID)
	read(o, "type", &a.Type)
	read(o, "name", &a.Name)
	read(o, "owner", &a.Owner)
	read(o, "cost_center", &a.CostCenter)
	read(o, "environment", &a.Environment)
	read(o, "criticality_level", &a.CriticalityLevel)
	read(o, "external_id", &a.ExternalID)
	read(o, "lifecycle_status", &a.LifecycleStatus)
}

// item reads a config item: its key in the path and its value in the body.
func item(w http.ResponseWriter, r *http.Request) (key, value string, err error) {
	o, err := body(w, r)
	if err != nil {
		return "", "", err
	}
	if value, err = readValue(o); err != nil {
		return "", "", err
	}
	key = r.PathValue("key")
	return key, value, refuse(fairway.ValidateItem(key, value))
}

// readValue reads the body of a config item.
func readValue(o *object) (string, error) {
	var value string
	read(o, "value", &value)
	o.require("value")
	return value, refuse(o.done())
}

// merge adds the findings of the domain to those of reading; of a value that
// could not be read, only the latter.
func merge(read, valid []fairway.Finding) []fairway.Finding {
	seen := map[string]bool{}
	for _, f := range read {
		seen[f.Pointer] = true
	}
	for _, f := range valid {
		if !seen[f.Pointer] {
			read = append(read, f)
		}
	}
	return read
}
