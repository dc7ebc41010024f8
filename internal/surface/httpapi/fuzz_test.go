package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
)

// bodies are seeds: what is right, and what people and programs get wrong.
var bodies = []string{
	`{"id":"aws:1","alias":"kube-1","infrastructure_account":"aws:123456789012","local_id":"kube-1","api_server_url":"https://kube-1.example.org","channel":"dev","environment":"test","criticality_level":1,"lifecycle_status":"ready","provider":"zalando-aws","region":"r","config_items":{"a_b":"c"},"node_pools":[{"name":"worker","profile":"worker-default","instance_types":["m5.large"],"discount_strategy":"none","min_size":1,"max_size":3,"config_items":{"x_y":"z"}}]}`,
	`{"status":{"current_version":"a","problems":[{"type":"t","title":"x","status":500}]},"lifecycle_status":"ready"}`,
	`{"value":"x"}`, `{}`, `[]`, `null`, ``, ` `, `{`, `{"a":`, `{"criticality_level":1e400}`, `{"criticality_level":99999999999999999999}`, `{"criticality_level":1.5}`, `{"min_size":-0}`,
	`{"config_items":{"a_b":1}}`, `{"config_items":[]}`, `{"node_pools":{}}`, `{"node_pools":[1,null,{}]}`, `{"status":[]}`, `{"status":{"problems":[[]]}}`,
	"{\"alias\":\"\xff\"}", `{"alias":"\ud800"}`, `{"alias":"\u0000"}`, `{"alias":"a","alias":"b"}`, `{"Alias":"a"}`, "\ufeff{}", `{"a":1}{"b":2}`, `{"owner":{"deep":[[[[]]]]}}`,
}

// FuzzDecoders: whatever the body is, it is refused with pointers, or read to
// something valid that is read the same from what is sent back.
func FuzzDecoders(f *testing.F) {
	for _, b := range bodies {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) {
			return // body refuses it before
		}
		read := func(do func(o *object) error) {
			o, finding := parse("", text)
			if finding != nil {
				if finding.Message == "" {
					t.Error("a body is refused without a word")
				}
				return
			}
			if wrong, ok := errors.AsType[*invalid](do(o)); ok {
				if _, err := json.Marshal(registryError{Message: wrong.Error(), Fields: wrong.fields()}); err != nil || wrong.Error() == "" {
					t.Errorf("a refusal that cannot be told: %q %v", wrong.Error(), err)
				}
			}
		}
		read(func(o *object) error {
			c, err := readCluster(o)
			if err != nil {
				return err
			}
			again, err := wireText(c, true)
			if err != nil {
				t.Fatal(err)
			}
			o, finding := parse("", again)
			if finding != nil {
				t.Fatalf("what was accepted is sent as %s: %s", again, finding)
			}
			back, err := readCluster(o)
			if err != nil {
				t.Fatalf("what was accepted is refused when it comes back: %v\n%s", err, again)
			}
			one, other := wire(*c, true), wire(*back, true)
			if diff := cmp.Diff(one, other); diff != "" {
				t.Errorf("there and back (-there +back):\n%s", diff)
			}
			return nil
		})
		read(func(o *object) error { _, _, err := readChange(o, "x"); return err })
		read(func(o *object) error { _, err := readValue(o); return err })
		read(func(o *object) error {
			var a fairway.InfrastructureAccount
			readAccount(o, &a)
			return refuse(merge(o.done(), a.Validate()))
		})
		read(func(o *object) error {
			var p fairway.NodePool
			o.pool(&p)
			return refuse(merge(o.done(), p.Validate()))
		})
	})
}

// FuzzRequests: no request makes the server fail, whatever its path, query and
// body; every refusal says what is wrong, in JSON.
func FuzzRequests(f *testing.F) {
	for _, target := range []string{"/kubernetes-clusters?verbose=false&criticality_level=1&alias=x", "/kubernetes-clusters?verbose=maybe", "/kubernetes-clusters?alias=%00", "/kubernetes-clusters?alias=%zz",
		"/kubernetes-clusters?alias=a;b", "/kubernetes-clusters?alias=%ff", "/kubernetes-clusters/aws:1:x%2Fy?verbose=1", "/kubernetes-clusters/%ff", "/kubernetes-clusters/a/config-items/b", "/kubernetes-clusters/a/node-pools/b/config-items/c",
		"/infrastructure-accounts?criticality_level=99999999999", "/infrastructure-accounts/x", "/api/v1/clusters?limit=1&after=eyJvIjoiaWQiLCJrIjpbIngiXSwiaSI6InkifQ&sort=id", "/api/v1/clusters?after=e30", "/api/v1/clusters?fields=,,&sort=-",
		"/api/v1/clusters?search=%25_!%5C%22", "/api/v1/clusters/a/history/9223372036854775808", "/api/v1/watch?kinds=,&last_event_id=-1", "/api/v1/audit?since=yesterday", "/api/v1/nothing", "//", "/../..", "/api/v1/clusters/x/restore"} {
		for i, method := range []string{"GET", "POST", "PATCH", "PUT", "DELETE"} {
			f.Add(method, target, bodies[i])
		}
	}
	store, err := sqlstore.Open(f.Context(), f.TempDir()+"/fairway.db", time.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { store.Close() })
	closing := make(chan struct{})
	close(closing) // a watch that is accepted ends at once
	const secret = "admin-token-of-this-test"
	h := New(Options{Store: store, Rate: -1, Closing: closing, Authenticator: auth.Static(auth.Token{Name: "admin", Role: fairway.RoleAdmin, Secret: secret})})
	f.Fuzz(func(t *testing.T, method, target, text string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" {
			return // net/http refuses it
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Method, r.URL, r.RequestURI = method, u, target
		r.Body = http.NoBody
		if text != "" {
			r.Body = readCloser(text)
			r.ContentLength = int64(len(text))
			r.Header.Set("Content-Type", "application/json")
		}
		r.Header.Set("Authorization", "Bearer "+secret)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s %q answers %d: %s", method, target, w.Code, w.Body)
		}
		if w.Code >= 400 && !json.Valid(w.Body.Bytes()) && method != http.MethodHead {
			t.Errorf("%s %q answers %d without JSON: %s", method, target, w.Code, w.Body)
		}
	})
}

func readCloser(text string) io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }
