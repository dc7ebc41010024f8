package plan

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// recorded is a world with secrets in all places, as a file has it.
func recorded(t *testing.T, in Input, before *State) (*State, string) {
	t.Helper()
	text, err := json.Marshal(States{Schema: StateSchema, Salt: "salt", Clusters: map[string]*State{"c": Record(in, "salt", before)}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseStates(text)
	if err != nil {
		t.Fatal(err)
	}
	return s.Clusters["c"], string(text)
}

const managedFields = "managedFields: [{manager: fairway, operation: Apply, fieldsV1: {\"f:data\": {}, \"f:stringData\": {}, \"f:spec\": {}}}]"

func secretWorld(t *testing.T, item, plain, env string) Input {
	t.Helper()
	in := world("v1.36.3")
	in.Cluster.ConfigItems = map[string]string{"vault_key": "aws:kms:abc"}
	in.Bundle.Settings = map[string]string{"vault_key": item}
	in.manifest(t, "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: "+plain+"}")
	in.manifest(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {url: \"https://x:"+item+"@y\", file: \"a: 1\\nclient_secret: "+env+"\\n\", size: \"1\"}")
	in.manifest(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{name: a, env: [{name: DB_PASSWORD, value: "+env+"}]}]}}}")
	return in
}

// A recorded cluster plans as the live one does, and its file holds no secret.
func TestRecord(t *testing.T) {
	t.Parallel()
	const item, plain, env = "decrypted-by-kms", "plain-secret-text", "horse-staple-battery"
	in := secretWorld(t, item, plain, env)
	for i, o := range in.Bundle.Components[0].Objects {
		live := object(t, "metadata: {"+managedFields+"}")
		for k, v := range o {
			if k != "metadata" {
				live[k] = v
			}
		}
		meta := live["metadata"].(map[string]any)
		meta["name"] = o.Ref().Name
		meta["annotations"] = map[string]any{annotationLastApplied: `{"apiVersion": "v1", "stringData": {"key": "` + plain + `"}}`}
		if i == 0 {
			delete(live, "stringData")
			live["data"] = map[string]any{"key": "cGxhaW4tc2VjcmV0LXRleHQ="}
		}
		in.Observed.Live[KeyOf(o.Ref())] = live
	}
	in.Observed.Live[Key{Kind: "ConfigMap", Name: "left"}] = object(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: left, labels: {app: old}}")
	state, text := recorded(t, in, nil)
	for _, secret := range []string{item, plain, env, "cGxhaW4tc2VjcmV0", "ZGVjcnlwdGVk"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is in the file: %s", secret, text)
		}
	}
	replay := func(now Input) *Plan {
		now.Observed = state.Observed(now.Bundle, "salt")
		return Build(now)
	}
	p := replay(secretWorld(t, item, plain, env))
	if p.Summary.Unchanged != 3 || p.Summary.Departed != 1 || p.Basis != BasisRecorded || !p.RecordedAt.Equal(in.Now) {
		t.Errorf("the same: %+v %+v %+v", p.Summary, p.Objects, p.Drift)
	}
	for name, now := range map[string]Input{
		"a secret item":   secretWorld(t, "another-by-kms", plain, env),
		"a Secret":        secretWorld(t, item, "another-secret-text", env),
		"secrets by name": secretWorld(t, item, plain, "another-staple-battery"),
	} {
		p := replay(now)
		if p.Summary.Change+p.Summary.Drift == 0 {
			t.Errorf("%s changes, and is not seen", name)
		}
		out, err := json.Marshal(p)
		if err != nil || strings.Contains(string(out), "~") || strings.Contains(string(out), "another") {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
	deletes := secretWorld(t, item, plain, env)
	deletes.Bundle.PostApply = []fairway.Deletion{{Kind: "ConfigMap", Labels: map[string]string{"app": "old"}}}
	if p := replay(deletes); p.Summary.Delete != 1 || p.Summary.Departed != 0 {
		t.Errorf("a deletion by labels: %+v", p.Summary)
	}
}

// Recording again keeps the highest peaks of a month.
func TestRecord_Peaks(t *testing.T) {
	t.Parallel()
	in := world("v1.36.3")
	in.Now = time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
	peak := func(name string, bytes int64, days int) Peak {
		return Peak{Kind: "Deployment", Namespace: "shop", Name: name, Container: "main", Bytes: bytes, At: in.Now.AddDate(0, 0, -days)}
	}
	in.Observed.Peaks = []Peak{peak("web", 5, 0)}
	before := &State{Peaks: []Peak{peak("web", 9, 29), peak("web", 99, 31), peak("db", 3, 1)}}
	state, _ := recorded(t, in, before)
	if len(state.Peaks) != 2 || state.Peaks[0].Name != "db" || state.Peaks[1].Bytes != 9 {
		t.Errorf("%+v", state.Peaks)
	}
}

func TestParseStates_Bad(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", "[]", `{"schema": "fairway.dev/plan/v1", "clusters": {}, "salt": "x"}`, `{"schema": "fairway.dev/state/v1", "salt": "x"}`} {
		if _, err := ParseStates([]byte(text)); fairway.ErrorCode(err) != fairway.CodeInvalid || fairway.ErrorHint(err) == "" {
			t.Errorf("%q: %v", text, err)
		}
	}
}
