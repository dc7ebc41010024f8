package httpapi

import (
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
		if fits(one, wanted) {
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
	a.writes.Lock()
	defer a.writes.Unlock()
	switch _, err := a.findAccount(r, one.ID); {
	case err == nil:
		return fairway.Errorf(fairway.CodeConflict, "infrastructure account %s exists already", one.ID)
	case fairway.ErrorCode(err) != fairway.CodeNotFound:
		return err
	}
	if err := a.Store.PutAccount(r.Context(), one); err != nil {
		return err
	}
	return answer(w, http.StatusCreated, one)
}

func (a *api) account(w http.ResponseWriter, r *http.Request) error {
	one, err := a.findAccount(r, r.PathValue("account"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, one)
}

func (a *api) changeAccount(w http.ResponseWriter, r *http.Request) error {
	o, err := body(w, r)
	if err != nil {
		return err
	}
	a.writes.Lock()
	defer a.writes.Unlock()
	id := r.PathValue("account")
	one, err := a.findAccount(r, id)
	if err != nil {
		return err
	}
	readAccount(o, &one)
	if one.ID != id {
		o.find("id", "the id of an account never changes", "id %q is not that of the path, %q", one.ID, id)
	}
	if err := refuse(merge(o.done(), one.Validate())); err != nil {
		return err
	}
	if err := a.Store.PutAccount(r.Context(), one); err != nil {
		return err
	}
	return answer(w, http.StatusOK, one)
}

func (a *api) findAccount(r *http.Request, id string) (fairway.InfrastructureAccount, error) {
	all, err := a.Store.Accounts(r.Context())
	if err != nil {
		return fairway.InfrastructureAccount{}, err
	}
	for _, one := range all {
		if one.ID == id {
			return one, nil
		}
	}
	return fairway.InfrastructureAccount{}, fairway.Errorf(fairway.CodeNotFound, "infrastructure account %q does not exist", id)
}
