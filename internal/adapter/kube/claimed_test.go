package kube

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/rest"
)

func TestClaimed(t *testing.T) {
	t.Parallel()
	token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub": "system:serviceaccount:kube-system:fairway-plan"}`)) + ".c2ln"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const account = "system:serviceaccount:kube-system:fairway-plan"
	for name, c := range map[string]struct {
		config rest.Config
		want   string
	}{
		"a token":            {rest.Config{BearerToken: token}, account},
		"a file":             {rest.Config{BearerTokenFile: file}, account},
		"no file":            {rest.Config{BearerTokenFile: file + "x"}, ""},
		"another kind":       {rest.Config{BearerToken: "abc"}, ""},
		"no JSON":            {rest.Config{BearerToken: "a.b.c"}, ""},
		"no encoding":        {rest.Config{BearerToken: "a.*.c"}, ""},
		"impersonated":       {rest.Config{BearerToken: token, Impersonate: rest.ImpersonationConfig{UserName: "ada"}}, "ada"},
		"certificates alone": {rest.Config{}, ""},
	} {
		if got := claimed(&c.config); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
