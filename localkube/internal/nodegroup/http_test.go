package nodegroup

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// call sends a request with the token "secret".
func call(t *testing.T, url, method, path, body string) (status int, answer map[string]any, header http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 0 && data[0] == '{' {
		if err := json.Unmarshal(data, &answer); err != nil {
			t.Fatalf("%s %s answered %s: %v", method, path, data, err)
		}
	}
	return resp.StatusCode, answer, resp.Header
}

func TestAPI(t *testing.T) {
	t.Parallel()
	s, err := Open(filepath.Join(t.TempDir(), "state.json"), testSettings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler("secret"))
	t.Cleanup(server.Close)

	// In order: later requests build on earlier ones.
	for _, tc := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"GET", "/healthz", "", 200, ""},
		{"GET", "/v1/groups/g", "", 404, "not_found"},
		{"GET", "/v1/nothing", "", 404, "not_found"},
		{"PUT", "/v1/groups/g", `{"min":0}`, 400, "invalid"},
		{"POST", "/v1/launch-templates/w/versions", `{"image":"one"}`, 201, ""},
		{"POST", "/v1/launch-templates/w/versions", `{"image":"one"}`, 200, ""},
		{"POST", "/v1/launch-templates/w/versions", `{"imag":"one"}`, 400, "invalid"},
		{"POST", "/v1/launch-templates/w/versions", `{"capacity":{"cpu":"lots"}}`, 400, "invalid"},
		{"PUT", "/v1/groups/g", `{"min":0,"max":3,"desired":1,"launch_template":{"name":"w","version":1},"labels":{"a":"b"}}`, 200, ""},
		{"PUT", "/v1/groups/g", `{"desired":2}`, 200, ""},
		{"PUT", "/v1/groups/g", `{"desired":4}`, 400, "invalid"},
		{"DELETE", "/v1/groups/g", "", 409, "conflict"},
		{"GET", "/v1/instances?group=g&state=Pending", "", 200, ""},
		{"GET", "/v1/instances?state=Asleep", "", 400, "invalid"},
		{"POST", "/v1/instances/i-none/terminate", `{}`, 404, "not_found"},
		{"PUT", "/v1/faults", `{"error_rate":2}`, 400, "invalid"},
		{"PUT", "/v1/faults", `{"slow_boot_next":1,"slow_boot_extra":"60s"}`, 200, ""},
		{"PUT", "/v1/faults", `{}`, 200, ""},
		{"PUT", "/v1/groups/g", `{"desired":0}`, 200, ""},
	} {
		status, answer, _ := call(t, server.URL, tc.method, tc.path, tc.body)
		if status != tc.status || tc.code != "" && (answer["code"] != tc.code || answer["message"] == "") {
			t.Errorf("%s %s %s = %d %v, want %d %s", tc.method, tc.path, tc.body, status, answer, tc.status, tc.code)
		}
	}
}

func TestAPIRefusesStrangersAndThrottles(t *testing.T) {
	t.Parallel()
	s, err := Open(filepath.Join(t.TempDir(), "state.json"), testSettings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler("secret"))
	t.Cleanup(server.Close)

	for _, path := range []string{"/v1/groups", "/v1/faults"} {
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("GET %s without a token = %d, want 401", path, resp.StatusCode)
		}
	}
	call(t, server.URL, "PUT", "/v1/faults", `{"error_rate":1}`)
	if status, answer, _ := call(t, server.URL, "GET", "/v1/groups", ""); status != 500 || answer["code"] != "internal" {
		t.Errorf("with error_rate 1: %d %v", status, answer)
	}
	call(t, server.URL, "PUT", "/v1/faults", `{"throttle_per_second":1}`)
	status, header := 200, http.Header{}
	for range 20 { // the second may turn in between, twenty times it does not
		if status, _, header = call(t, server.URL, "GET", "/v1/groups", ""); status == 429 {
			break
		}
	}
	if status != 429 || header.Get("Retry-After") == "" {
		t.Errorf("20 requests at once were never throttled: last %d, Retry-After %q", status, header.Get("Retry-After"))
	}
}
