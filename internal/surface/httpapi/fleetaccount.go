package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairwayhq/fairway"
)

// fleetAccounts registers infrastructure accounts.
func (a *api) fleetAccounts(h huma.API) {
	operation(a, h, huma.Operation{OperationID: "list-accounts", Method: http.MethodGet, Path: "/api/v1/accounts",
		Summary:     "The infrastructure accounts that pass all given filters, by id",
		Description: "Searched are id, name, owner, cost center and external id.",
		Responses:   partsOf[fairway.InfrastructureAccount](h, "InfrastructureAccount")}, a.listAccounts)
	get(a, h, "get-account", "/api/v1/accounts/{account}", "An infrastructure account", a.getAccount)
}

type accountFilter struct {
	Paged
	Environment      string `query:"environment"`
	ExternalID       string `query:"external_id"`
	LifecycleStatus  string `query:"lifecycle_status"`
	Name             string `query:"name"`
	Owner            string `query:"owner"`
	Type             string `query:"type"`
	CostCenter       string `query:"cost_center"`
	CriticalityLevel int32  `query:"criticality_level" minimum:"0" doc:"0 means any"`
}

// wanted are the values that an account must have.
func (in *accountFilter) wanted() map[string]string {
	out := map[string]string{"environment": in.Environment, "external_id": in.ExternalID, "lifecycle_status": in.LifecycleStatus,
		"name": in.Name, "owner": in.Owner, "type": in.Type, "cost_center": in.CostCenter}
	if in.CriticalityLevel != 0 {
		out["criticality_level"] = strconv.Itoa(int(in.CriticalityLevel))
	}
	return out
}

var accountSorting = sorting[fairway.InfrastructureAccount]{
	"id":                func(a *fairway.InfrastructureAccount) string { return a.ID },
	"type":              func(a *fairway.InfrastructureAccount) string { return a.Type },
	"name":              func(a *fairway.InfrastructureAccount) string { return a.Name },
	"owner":             func(a *fairway.InfrastructureAccount) string { return a.Owner },
	"cost_center":       func(a *fairway.InfrastructureAccount) string { return a.CostCenter },
	"environment":       func(a *fairway.InfrastructureAccount) string { return a.Environment },
	"external_id":       func(a *fairway.InfrastructureAccount) string { return a.ExternalID },
	"lifecycle_status":  func(a *fairway.InfrastructureAccount) string { return a.LifecycleStatus },
	"criticality_level": func(a *fairway.InfrastructureAccount) string { return sortedNumber(int64(a.CriticalityLevel)) },
}

func (a *api) listAccounts(ctx context.Context, in *accountFilter) (*huma.StreamResponse, error) {
	all, err := a.Store.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	var seen []fairway.InfrastructureAccount
	for _, one := range all {
		if fits(one, in.wanted()) && seesAccount(ctx, one) && fairway.MentionedIn(in.Search, one.ID, one.Name, one.Owner, one.CostCenter, one.ExternalID) {
			seen = append(seen, one)
		}
	}
	return listed(a, seen, func(one *fairway.InfrastructureAccount) string { return one.ID }, accountSorting, "id", in.Paged)
}

type accountPath struct {
	Conditional
	Account string `path:"account"`
}

func (a *api) getAccount(ctx context.Context, in *accountPath) (*etagOne[fairway.InfrastructureAccount], error) {
	one, err := a.findAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	return etagAnswer(in.Conditional, one.ETag, one), nil
}
