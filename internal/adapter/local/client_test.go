package local

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// cloudBehind returns a cloud that speaks to a server of the test over TLS, set
// up from files as localkube writes them.
func cloudBehind(t *testing.T, handler http.HandlerFunc) *cloud {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	writeFiles(t, dir, server)
	client, err := newClient(filepath.Join(dir, "kubeconfig"), filepath.Join(dir, "ready.json"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.close)
	return &cloud{client: client, cluster: &fairway.Cluster{ID: "c"}, now: time.Now}
}

// writeFiles writes kubeconfig and ready file of a server.
func writeFiles(t *testing.T, dir string, server *httptest.Server) {
	t.Helper()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	kubeconfig := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "users": [{"name": "u", "user": {}}],
		"clusters": [{"name": "c", "cluster": {"server": %q, "certificate-authority-data": %q}}]}`, server.URL, base64.StdEncoding.EncodeToString(ca))
	ready, err := json.Marshal(map[string]any{"nodegroups_url": server.URL, "token": "t0ken", "pid": 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"kubeconfig": []byte(kubeconfig), "ready.json": ready} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"code": code, "message": message})
}

func TestClientMeaningOfAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		status int
		code   string
		want   fairway.Code
	}{
		{"invalid", http.StatusBadRequest, "invalid", fairway.CodeInvalid},
		{"unauthorized", http.StatusUnauthorized, "unauthorized", fairway.CodeUnauthorized},
		{"not found", http.StatusNotFound, "not_found", fairway.CodeNotFound},
		{"conflict", http.StatusConflict, "conflict", fairway.CodeConflict},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			c := cloudBehind(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				refuse(w, test.status, test.code, "the service's words")
			})
			err := c.Protect(t.Context(), "i-1", true)
			if fairway.ErrorCode(err) != test.want || err.Error() != "set the protection of instance i-1: the service's words" {
				t.Errorf("error = %v (%s), want %s", err, fairway.ErrorCode(err), test.want)
			}
			if calls.Load() != 1 {
				t.Errorf("%d calls: what cannot succeed was repeated", calls.Load())
			}
		})
	}
}

func TestClientRepeatsWhatPasses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		status int
		code   string
	}{
		{"throttled", http.StatusTooManyRequests, "throttled"},
		{"capacity", http.StatusServiceUnavailable, "capacity"},
		{"internal", http.StatusInternalServerError, "internal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			c := cloudBehind(t, func(w http.ResponseWriter, r *http.Request) {
				if calls.Add(1) <= 2 {
					refuse(w, test.status, test.code, "not now")
					return
				}
				if got := r.Header.Get("Authorization"); got != "Bearer t0ken" {
					t.Errorf("Authorization = %q", got)
				}
				fmt.Fprint(w, `{"items": [{"id": "i-1", "group": "p", "launch_template": {"name": "p", "version": 3}, "state": "InService"},
					{"id": "i-2", "state": "Terminated"}]}`)
			})
			instances, err := c.Instances(t.Context())
			if err != nil || len(instances) != 1 || instances[0].Generation != "p:3" || instances[0].State != fairway.InstanceInService {
				t.Errorf("instances = %+v, %v", instances, err)
			}
			if calls.Load() != 3 {
				t.Errorf("%d calls, want 3", calls.Load())
			}
		})
	}
}

func TestClientWaitsAsAskedAndEndsWithItsContext(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	c := cloudBehind(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		w.Header().Set("Retry-After", "20")
		refuse(w, http.StatusTooManyRequests, "throttled", "slow down")
	})
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := c.Groups(ctx)
	if fairway.ErrorCode(err) != fairway.CodeUnavailable || !strings.Contains(err.Error(), "slow down") || fairway.ErrorHint(err) == "" {
		t.Errorf("error = %v (%s)", err, fairway.ErrorCode(err))
	}
	if took := time.Since(begin); took > 5*time.Second || ctx.Err() == nil {
		t.Errorf("returned after %s", took)
	}
	if calls.Load() != 1 {
		t.Errorf("%d calls within 0.7 s, although the service asked for 20 s", calls.Load())
	}
}

func TestClientUnreachable(t *testing.T) {
	t.Parallel()
	c := cloudBehind(t, func(http.ResponseWriter, *http.Request) {})
	c.client.address = "https://127.0.0.1:1" // refuses connections
	begin := time.Now()
	_, err := c.Groups(t.Context())
	if fairway.ErrorCode(err) != fairway.CodeUnavailable || fairway.ErrorHint(err) == "" {
		t.Errorf("error = %v (%s)", err, fairway.ErrorCode(err))
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

// TestSetDesiredIsOneWrite: a manager that is killed between size and tag would
// leave a roll that nobody can undo.
func TestSetDesiredIsOneWrite(t *testing.T) {
	t.Parallel()
	var writes []string
	c := cloudBehind(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			var body map[string]any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			text, _ := json.Marshal(body)
			writes = append(writes, r.URL.Path+" "+string(text))
		}
		fmt.Fprint(w, `{"name": "p", "min": 1, "max": 9, "desired": 3, "tags": {"team": "infra"}}`)
	})
	if err := c.SetDesired(t.Context(), "p", 5, 3); err != nil {
		t.Fatal(err)
	}
	want := `/v1/groups/p {"desired":5,"tags":{"fairway.dev/roll-base":"3","fairway.dev/roll-size":"5","team":"infra"}}`
	if len(writes) != 1 || writes[0] != want {
		t.Errorf("writes = %q, want only %q", writes, want)
	}
	if err := c.SetDesired(t.Context(), "p", 3, 0); err != nil || len(writes) != 1 {
		t.Errorf("a size that is right already was written: %q, %v", writes, err)
	}
	if err := c.SetDesired(t.Context(), "p", -1, 0); fairway.ErrorCode(err) != fairway.CodeInvalid {
		t.Errorf("a negative size: %v", err)
	}
}
