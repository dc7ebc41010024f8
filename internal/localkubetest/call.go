package localkubetest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// Call sends a request to the cluster's node-group API and reads the answer
// into out unless that is nil; the test fails unless it is a success. in nil
// sends no body.
func (c *Cluster) Call(t testing.TB, method, path string, in, out any) {
	t.Helper()
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			t.Fatal(err)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), method, c.NodeGroupsURL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	client, err := c.client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(answer, out); err != nil {
		t.Fatal(err)
	}
}

// client trusts the cluster's certificate authority.
func (c *Cluster) client() (*http.Client, error) {
	config, err := clientcmd.LoadFromFile(c.Kubeconfig)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	for _, cluster := range config.Clusters {
		if !roots.AppendCertsFromPEM(cluster.CertificateAuthorityData) {
			return nil, fmt.Errorf("%s holds no certificate authority", c.Kubeconfig)
		}
	}
	return &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
	}, nil
}

// AddGroup makes a group of equal machines over all zones with a launch
// template of its name. It returns without waiting for them.
func (c *Cluster) AddGroup(t testing.TB, name string, size int) {
	t.Helper()
	c.Call(t, http.MethodPost, "/v1/launch-templates/"+name+"/versions", map[string]any{
		"image": "image-1", "instance_type": "m5.xlarge", "labels": map[string]string{"node.kubernetes.io/node-pool": name},
	}, nil)
	c.Call(t, http.MethodPut, "/v1/groups/"+name, map[string]any{
		"min": 0, "max": size + 20, "desired": size, "launch_template": map[string]any{"name": name},
	}, nil)
}

// Eventually asks until the answer is nil, and fails the test with the last
// answer when the time is up.
func Eventually(t testing.TB, within time.Duration, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", within, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
