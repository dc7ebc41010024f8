package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/fairwayhq/fairway"
)

func (a *api) accounts(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	level := q.number("criticality_level")
	wanted := map[string]string{}
	for _, name := range []string{"environment", "external_id", "lifecycle_status", "name", "owner", "type", "cost_center"} {
		wanted[name] = q.text(name)
	}
	if err := q.done(); err != nil {
		return err
	}
	all, err := a.Store.Accounts(r.Context())
	if err != nil {
		return err
	}
	if level != nil {
		wanted["criticality_level"] = strconv.Itoa(int(*level))
	}
	out := list[fairway.InfrastructureAccount]{Items: []fairway.InfrastructureAccount{}}
	for _, one := range all {
		if fits(one, wanted) && seesAccount(r.Context(), one) {
			out.Items = append(out.Items, one)
		}
	}
	return answer(w, http.StatusOK, out)
}

// fits reports whether an account has every wanted value; "" wants any.
func fits(a fairway.InfrastructureAccount, wanted map[string]string) bool {
	for name, has := range map[string]string{
		"environment": a.Environment, "external_id": a.ExternalID, "lifecycle_status": a.LifecycleStatus, "name": a.Name,
		"owner": a.Owner, "type": a.Type, "cost_center": a.CostCenter, "criticality_level": strconv.Itoa(int(a.CriticalityLevel)),
	} {
		if want := wanted[name]; want != "" && want != has {
			return false
		}
	}
	return true
}

func (a *api) createAccount(w http.ResponseWriter, r *http.Request) error {
	o, err := body(w, r)
	if err != nil {
		return err
	}
	var one fairway.InfrastructureAccount
	readAccount(o, &one)
	o.require("id", "type", "name", "owner", "cost_center", "environment", "criticality_level", "external_id", "lifecycle_status")
	if err := refuse(merge(o.done(), one.Validate())); err != nil {
		return err
	}
	where := fairway.Place{Account: one.ID, Environment: one.Environment}
	if err := a.allow(r.Context(), fairway.DeedAccount, fairway.KindAccount, one.ID, where); err != nil {
		return err
	}
	stored, err := a.Store.ChangeAccount(r.Context(), one.ID, func(stored *fairway.InfrastructureAccount, exists bool) error {
		if exists {
			return fairway.Errorf(fairway.CodeConflict, "infrastructure account %s exists already", one.ID)
		}
		*stored = one
		return nil
	})
	if err != nil {
		return err
	}
	tagged(w, r, stored.ETag)
	return answer(w, http.StatusCreated, stored)
}

func (a *api) account(w http.ResponseWriter, r *http.Request) error {
	one, err := a.findAccount(r.Context(), r.PathValue("account"))
	if err != nil || tagged(w, r, one.ETag) {
		return err
	}
	return answer(w, http.StatusOK, one)
}

func (a *api) changeAccount(w http.ResponseWriter, r *http.Request) error {
	o, err := body(w, r)
	if err != nil {
		return err
	}
	id := r.PathValue("account")
	seen, err := a.findAccount(r.Context(), id)
	if err != nil {
		return err
	}
	if err := a.allow(r.Context(), fairway.DeedAccount, fairway.KindAccount, id, placeOf(seen)); err != nil {
		return err
	}
	if err := a.changeableAccount(id); err != nil {
		return err
	}
	stored, err := a.Store.ChangeAccount(r.Context(), id, func(one *fairway.InfrastructureAccount, exists bool) error {
		if !exists {
			return hidden("infrastructure account", id)
		}
		if err := matches(r, "infrastructure account", id, one.ETag); err != nil {
			return err
		}
		fresh := *o // the function may run again
		readAccount(&fresh, one)
		if one.ID != id {
			fresh.find("id", "the id of an account never changes", "id %q is not that of the path, %q", one.ID, id)
		}
		return refuse(merge(fresh.done(), one.Validate()))
	})
	if err != nil {
		return err
	}
	tagged(w, r, stored.ETag)
	return answer(w, http.StatusOK, stored)
}

// placeOf returns where an account belongs.
func placeOf(a fairway.InfrastructureAccount) fairway.Place {
	return fairway.Place{Account: a.ID, Environment: a.Environment}
}

func (a *api) findAccount(ctx context.Context, id string) (fairway.InfrastructureAccount, error) {
	all, err := a.Store.Accounts(ctx)
	if err != nil {
		return fairway.InfrastructureAccount{}, err
	}
	for _, one := range all {
		if one.ID == id && seesAccount(ctx, one) {
			return one, nil
		}
	}
	return fairway.InfrastructureAccount{}, hidden("infrastructure account", id)
}

// seesAccount reports whether the caller may read an account: also one who is
// limited to channels, since the clusters there belong to accounts.
func seesAccount(ctx context.Context, a fairway.InfrastructureAccount) bool {
	for _, g := range principalOf(ctx).Grants {
		g.Channels = nil
		if fairway.Authorize(fairway.Principal{Grants: []fairway.Grant{g}}, fairway.DeedRead, placeOf(a)) == nil {
			return true
		}
	}
	return false
}
