package kube

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fairwayhq/fairway"
)

// What the API server says is named, so that an ill etcd is not searched for
// elsewhere; and the real one counts its etcd among its checks.
func TestHealthyNamesWhatFails(t *testing.T) {
	t.Parallel()
	c := connectThrough(t, func(http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			return respond(r, http.StatusInternalServerError, "[+]ping ok\n[-]etcd failed: reason withheld\n[-]etcd-readiness failed: reason withheld\nreadyz check failed\n"), nil
		})
	})
	err := c.Healthy(t.Context())
	if fairway.ErrorCode(err) != fairway.CodeUnavailable || !strings.Contains(err.Error(), "etcd, etcd-readiness") || fairway.ErrorHint(err) == "" {
		t.Errorf("error = %v (%s)", err, fairway.ErrorCode(err))
	}
	body, err := connect(t).typed.Get().AbsPath("/readyz").Param("verbose", "").Do(t.Context()).Raw()
	if err != nil || !strings.Contains(string(body), "[+]etcd ok") {
		t.Errorf("the real API server says %q, %v", body, err)
	}
}
