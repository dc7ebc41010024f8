package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/postgrestest"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// TestBadInput: each kind of bad input has its answer, on both databases the
// same, and changes nothing.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "fairway.db"), "postgres": postgrestest.Database(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serverOn(t, database, nil)
			s.do("POST", "/kubernetes-clusters", one("kube-1", nil), 201)
			before := s.do("GET", "/kubernetes-clusters", "", 200).body
			deep := strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000)
			for name, c := range map[string]struct {
				method, path, body string
				want               int
				says               string
			}{
				"malformed":                      {"POST", "/kubernetes-clusters", `{"id":`, 400, "not JSON"},
				"no object":                      {"POST", "/kubernetes-clusters", `[]`, 400, "expected a JSON object"},
				"two values":                     {"POST", "/kubernetes-clusters", `{} {}`, 400, "not JSON"},
				"wrong types":                    {"PATCH", kube1, `{"alias":1,"criticality_level":"high","config_items":[1]}`, 400, `"fields":"/alias,/criticality_level,/config_items"`},
				"wrong type of a value":          {"PATCH", kube1, `{"config_items":{"a_b":1}}`, 400, `"fields":"/config_items"`},
				"invalid UTF-8":                  {"PATCH", kube1, "{\"channel\":\"\xff\"}", 400, "UTF-8"},
				"a control character":            {"PATCH", kube1, `{"channel":"a\u0000b"}`, 400, `"fields":"/channel"`},
				"a huge number":                  {"PATCH", kube1, `{"criticality_level":1` + strings.Repeat("0", 400) + `}`, 400, `"fields":"/criticality_level"`},
				"a number of more than 32 bits":  {"PATCH", kube1, `{"criticality_level":2147483648}`, 400, "32 bits"},
				"a fraction":                     {"PATCH", kube1, `{"criticality_level":1.5}`, 400, "whole number"},
				"deep nesting":                   {"POST", "/kubernetes-clusters", deep, 400, "not JSON"},
				"too large":                      {"POST", "/kubernetes-clusters", `{"id":"` + strings.Repeat("x", 9<<20) + `"}`, 413, "larger"},
				"an item too large":              {"PUT", kube1 + "/config-items/a_b", `{"value":"` + strings.Repeat("x", 257<<10) + `"}`, 400, "262144"},
				"a path that is no text":         {"GET", "/kubernetes-clusters/%ff", "", 400, "UTF-8"},
				"a path with NUL":                {"GET", "/kubernetes-clusters/a%00b", "", 400, "control character"},
				"a query that is no text":        {"GET", "/kubernetes-clusters?alias=%ff", "", 400, "UTF-8"},
				"a query with NUL":               {"GET", "/kubernetes-clusters?alias=%00", "", 400, "control character"},
				"a query that cannot be read":    {"GET", "/kubernetes-clusters?alias=%zz", "", 400, "query"},
				"a query with a semicolon":       {"GET", "/kubernetes-clusters?alias=a;channel=b", "", 400, "query"},
				"an unknown query parameter":     {"GET", "/kubernetes-clusters?colour=red", "", 400, "known are"},
				"a query parameter twice":        {"GET", "/kubernetes-clusters?alias=a&alias=b", "", 400, "2 times"},
				"an unknown field":               {"PATCH", kube1, `{"chanel":"beta"}`, 400, `did you mean \"channel\"?`},
				"deep nesting, fleet API":        {"POST", "/api/v1/clusters/kube-1/restore", deep, 400, "max depth"},
				"malformed, fleet API":           {"POST", "/api/v1/clusters/kube-1/restore", `{"seq":`, 400, "invalid"},
				"a huge number, fleet API":       {"POST", "/api/v1/clusters/kube-1/restore", `{"seq":1e400}`, 400, "invalid"},
				"a path that is no text, fleet":  {"GET", "/api/v1/clusters/%ff", "", 400, "UTF-8"},
				"a number out of range in a URL": {"GET", "/api/v1/clusters/kube-1/history/9223372036854775808", "", 400, "invalid"},
			} {
				a := s.as(adminToken, c.method, c.path, c.body)
				if a.status != c.want || !strings.Contains(a.body, c.says) || !json.Valid([]byte(a.body)) || len(a.body) > 4<<10 {
					t.Errorf("%s: got %d, want %d with %q: %.500s", name, a.status, c.want, c.says, a.body)
				}
			}
			if a := s.as(adminToken, "PATCH", kube1, `{"channel":"x"}`, "Content-Type", "text/plain"); a.status != 415 {
				t.Errorf("another content type: %d", a.status)
			}
			if a := s.as(adminToken, "GET", kube1, "", "X-Fairway-Reason", strings.Repeat("x", 2<<20)); a.status != 431 {
				t.Errorf("a head of 2 MiB: %d", a.status)
			}
			if after := s.do("GET", "/kubernetes-clusters", "", 200).body; after != before {
				t.Errorf("the registry has changed:\n%s\n%s", before, after)
			}
		})
	}
}

// serverOn is a server on a database, with limits of time as a real one has,
// only shorter.
func serverOn(t *testing.T, database string, change func(o *httpapi.Options)) *server {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), database, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	o := httpapi.Options{Store: store, Rate: -1, Authenticator: auth.Static(auth.Token{Name: "admin", Role: fairway.RoleAdmin, Secret: adminToken})}
	if change != nil {
		change(&o)
	}
	s := httptest.NewUnstartedServer(httpapi.New(o))
	s.Config.ReadTimeout, s.Config.ReadHeaderTimeout = 700*time.Millisecond, 300*time.Millisecond
	s.Start()
	t.Cleanup(s.Close)
	return &server{t, s.URL, store}
}

// TestSlowSenders: who sends head or body too slowly is cut off, with an answer
// where there is a request to answer.
func TestSlowSenders(t *testing.T) {
	t.Parallel()
	s := serverOn(t, filepath.Join(t.TempDir(), "fairway.db"), nil)
	for name, c := range map[string]struct{ sent, want string }{
		"head":            {"POST /kubernetes-clusters HTTP/1.1\r\nHost: x\r\n", ""},
		"body":            {"POST /kubernetes-clusters HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + adminToken + "\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408"},
		"body with a key": {"POST /kubernetes-clusters HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nAuthorization: Bearer " + adminToken + "\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408"},
		"fleet body":      {"POST /api/v1/clusters/x/restore HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + adminToken + "\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(30 * time.Second))
			if _, err := io.WriteString(conn, c.sent); err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(conn) // until the server closes
			if err != nil || !strings.HasPrefix(string(said), c.want) {
				t.Errorf("got %q, error %v, want %q and the end", said, err, c.want)
			}
		})
	}
}

// TestManyIdleConnections: ten thousand of them, or as many as this process may
// have, keep nobody from being served.
func TestManyIdleConnections(t *testing.T) {
	t.Parallel()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := min(10_000, int(limit.Cur)-500)
	if n < 100 {
		t.Fatalf("this process may have %d files open; raise the limit (ulimit -n)", limit.Cur)
	}
	url, process := startProcess(t, filepath.Join(t.TempDir(), "fairway.db"))
	for range n {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	s := &server{t, url, nil}
	begin := time.Now()
	s.do("POST", "/kubernetes-clusters", one("kube-1", nil), 201)
	s.do("GET", kube1, "", 200)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("with %d idle connections two requests take %s", n, took)
	}
	t.Logf("%d idle connections, server memory at most %d MB", n, peak(t, process.Process.Pid))
}

// TestDatabaseGoneAndBack: while PostgreSQL is gone the answer is 503 with a
// hint; then all goes on by itself, and a watch has lost nothing.
func TestDatabaseGoneAndBack(t *testing.T) {
	t.Parallel()
	database, err := postgrestest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(database.Remove)
	url, err := database.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := serverOn(t, url, nil)
	s.do("POST", "/kubernetes-clusters", one("kube-1", nil), 201)
	first := int64(0)
	if _, err := s.follow(t.Context(), "", "0", func(n noticed) bool { first = n.ID; return true }); err != nil || first == 0 {
		t.Fatalf("the first change has number %d, error %v", first, err)
	}
	for round, end := range []func(){database.Stop, database.Kill} {
		end()
		for _, c := range [][2]string{{"GET", kube1}, {"PATCH", kube1}, {"GET", "/kubernetes-clusters"}, {"GET", "/api/v1/clusters"}, {"GET", "/readyz"}} {
			body := ""
			if c[0] == "PATCH" {
				body = `{"channel":"lost"}`
			}
			if a := s.as(adminToken, c[0], c[1], body); a.status != 503 || !strings.Contains(a.body, "PostgreSQL") || strings.Contains(a.body, "dial") && strings.Contains(a.body, "password") {
				t.Errorf("round %d: %s %s: %d %s", round, c[0], c[1], a.status, a.body)
			}
		}
		s.do("GET", "/healthz", "", 200) // the process itself is well: no reason to restart it
		if err := database.Start(); err != nil {
			t.Fatal(err)
		}
		s.await("the registry answers again", func() bool { return s.as(adminToken, "GET", "/readyz", "").status == 200 })
		s.await("the registry can be written again", func() bool {
			return s.as(adminToken, "PATCH", kube1, `{"region":"r`+strconv.Itoa(round)+`"}`).status == 200
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	last := ""
	if _, err := s.follow(ctx, "", strconv.FormatInt(first, 10), func(n noticed) bool {
		last, _ = n.Data.Object["region"].(string)
		return last == "r1"
	}); err != nil || last != "r1" {
		t.Errorf("the watch went on to %q, error %v", last, err)
	}
}

// await waits until something is so.
func (s *server) await(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("a minute long it was not so that %s", what)
		}
	}
}

// TestKilledServer: a server process that is killed under writes, at seeded
// moments, has lost nothing that it acknowledged, and the record is whole.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "fairway.db"), "postgres": postgrestest.Database(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const writers = 6
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			moments := rand.New(rand.NewPCG(seed, 0))
			var mu sync.Mutex
			acknowledged := map[string]string{} // cluster id to count
			for round := range 4 {
				url, process := startProcess(t, database)
				time.AfterFunc(time.Duration(100+moments.IntN(700))*time.Millisecond, func() { process.Process.Kill() })
				var all sync.WaitGroup
				for w := range writers {
					all.Go(func() {
						name := fmt.Sprint("kube-", w)
						id := "aws:123456789012:eu-central-1:" + name
						send := func(method, path, body string) int {
							r, _ := http.NewRequest(method, url+path, strings.NewReader(body))
							r.Header.Set("Authorization", "Bearer "+adminToken)
							response, err := http.DefaultClient.Do(r)
							if err != nil {
								return 0
							}
							defer response.Body.Close()
							if _, err := io.Copy(io.Discard, response.Body); err != nil {
								return 0
							}
							return response.StatusCode
						}
						if round == 0 && send("POST", "/kubernetes-clusters", one(name, nil)) != 201 {
							return
						}
						for n := 0; ; n++ {
							value := fmt.Sprintf("%d-%06d", round, n)
							if send("PUT", "/kubernetes-clusters/"+id+"/config-items/count", `{"value":"`+value+`"}`) != 200 {
								return
							}
							mu.Lock()
							acknowledged[id] = value
							mu.Unlock()
						}
					})
				}
				all.Wait()
				process.Wait()
				store, err := sqlstore.Open(t.Context(), database, time.Now)
				if err != nil {
					t.Fatal(err)
				}
				for id, value := range acknowledged {
					c, err := store.Cluster(t.Context(), id)
					if err != nil || c.ConfigItems["count"] < value {
						t.Errorf("round %d: %s has %v, acknowledged was %s (error %v)", round, id, c, value, err)
					}
				}
				if n, err := store.VerifyChain(t.Context()); err != nil {
					t.Errorf("round %d: after %d entries: %v", round, n, err)
				}
				if err := store.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if len(acknowledged) != writers {
				t.Errorf("%d of %d writers were ever acknowledged", len(acknowledged), writers)
			}
		})
	}
}

// TestCanaries: what is secret stands nowhere but in the object itself: not in
// the log, in an error, in events or in the record of changes.
func TestCanaries(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ry-9f1c2e"
	var mu sync.Mutex
	var log bytes.Buffer
	s := serverOn(t, filepath.Join(t.TempDir(), "fairway.db"), func(o *httpapi.Options) {
		o.Log = slog.New(slog.NewJSONHandler(writer(func(b []byte) { mu.Lock(); defer mu.Unlock(); log.Write(b) }), &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	var said strings.Builder
	send := func(token, method, path, body string, header ...string) {
		a := s.as(token, method, path, body, header...)
		if a.status >= 400 {
			said.WriteString(a.body)
		}
		for _, values := range a.header {
			said.WriteString(strings.Join(values, " "))
		}
	}
	send(adminToken, "POST", "/kubernetes-clusters", one("kube-1", map[string]any{"config_items": map[string]string{"db_password": canary, "deploy_key": "-----BEGIN PRIVATE KEY-----" + canary},
		"node_pools": []any{pool("worker", map[string]any{"config_items": map[string]string{"registry_token": canary}})}}), "Idempotency-Key", "k-1")
	send(adminToken, "POST", "/kubernetes-clusters", one("kube-2", map[string]any{"region": 1, "config_items": map[string]string{"db_password": canary}}))
	send(adminToken, "PATCH", kube1, `{"config_items":{"db_password":"`+canary+`-2"}}`)
	send(adminToken, "PATCH", kube1, `{"config_items":{"db_password":{"x":"`+canary+`"}}}`)
	send(adminToken, "PATCH", kube1, `{"config_items":{"db_password":"`+canary)
	send(adminToken, "PATCH", kube1, `{"config_items":{"db_password":"`+canary+"\xff\"}}")
	send(adminToken, "PUT", kube1+"/config-items/api_token", `{"value":"`+canary+`"}`)
	send(adminToken, "PUT", kube1+"/config-items/api_token", `{"value":["`+canary+`"]}`)
	send(adminToken, "PUT", kube1+"/node-pools/worker/config-items/api_token", `{"value":"`+canary+`"}`)
	send(adminToken, "PUT", kube1+"/config-items/big_secret", `{"value":"`+strings.Repeat(canary, 30000)+`"}`)
	send(adminToken, "DELETE", kube1+"/config-items/api_token", "")
	send(canary+"-"+canary, "GET", kube1, "")
	send("a."+canary+".b", "GET", kube1, "")
	send("", "GET", kube1, "", "Authorization", "Basic "+canary)
	send(adminToken, "POST", "/api/v1/clusters/kube-1/restore", `{"seq":1}`)
	send(adminToken, "POST", "/api/v1/clusters/kube-1/restore", `{"seq":"`+canary+`"}`)
	// What shows changes, and must mask them.
	for _, path := range []string{"/api/v1/clusters/kube-1/history", "/api/v1/audit?limit=1000", "/api/v1/events"} {
		said.WriteString(s.do("GET", path, "", 200).body)
	}
	said.WriteString(s.do("POST", "/api/v1/clusters/kube-1/restore", `{"seq":3,"dry_run":true}`, 200).body)
	if got := s.stored("kube-1").ConfigItems["db_password"]; got != canary {
		t.Errorf("the object itself has %q", got)
	}
	for line := range strings.SplitSeq(said.String(), "\n") {
		if i := strings.Index(line, canary); i >= 0 {
			t.Errorf("an answer shows the secret: ...%s", line[max(0, i-200):min(len(line), i+50)])
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if log.Len() == 0 {
		t.Error("the log is empty: nothing was looked at")
	}
	if i := strings.Index(log.String(), canary); i >= 0 {
		t.Errorf("the log shows the secret: %s", log.String()[max(0, i-300):i+50])
	}
}

type writer func(b []byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }
