package local

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairwayhq/fairway"
)

const (
	requestTimeout = 15 * time.Second
	// A throttled call is repeated for at most retryTotal within the caller's
	// context, after pauses that double from retryFirst to retryLongest.
	retryFirst   = 200 * time.Millisecond
	retryLongest = 4 * time.Second
	retryTotal   = 30 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 16 << 20
)

// client speaks to the node-group API of one localkube.
type client struct {
	address string
	token   string
	http    *http.Client
}

// newClient makes a client from the files of a cluster: address and token of
// the ready file, the certificate authority of the kubeconfig.
func newClient(kubeconfigPath, readyPath string) (*client, error) {
	ready, err := readReady(readyPath)
	if err != nil {
		return nil, err
	}
	ca, err := authority(kubeconfigPath)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("read %s: it holds no certificate authority", kubeconfigPath)
	}
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     90 * time.Second,
	}
	return &client{
		address: ready.NodeGroupsURL,
		token:   ready.Token,
		http:    &http.Client{Transport: transport, Timeout: requestTimeout},
	}, nil
}

// authority returns the certificate authority of the current context's cluster.
func authority(kubeconfigPath string) ([]byte, error) {
	config, err := clientcmd.LoadFromFile(kubeconfigPath)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", kubeconfigPath, err)
	}
	current := config.Contexts[config.CurrentContext]
	if current == nil || config.Clusters[current.Cluster] == nil {
		return nil, fmt.Errorf("read %s: it has no current context", kubeconfigPath)
	}
	cluster := config.Clusters[current.Cluster]
	if len(cluster.CertificateAuthorityData) > 0 || cluster.CertificateAuthority == "" {
		return cluster.CertificateAuthorityData, nil
	}
	path := cluster.CertificateAuthority
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(kubeconfigPath), path)
	}
	return os.ReadFile(path)
}

func (c *client) close() { c.http.CloseIdleConnections() }

// healthy returns nil when the API answers.
func (c *client) healthy(ctx context.Context) error {
	_, err := c.once(ctx, http.MethodGet, "/healthz", nil, nil)
	return describe(err, "ask the node groups whether they are there")
}

// do sends a request, reads the answer into out unless that is nil, and
// repeats what was throttled or failed inside the service: every call of this
// API can be repeated. what says what is attempted, for errors.
func (c *client) do(ctx context.Context, what, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	deadline := time.Now().Add(retryTotal)
	for pause := retryFirst; ; pause = min(2*pause, retryLongest) {
		asked, err := c.once(ctx, method, path, body, out)
		var refused *refusal
		if err == nil || !errors.As(err, &refused) || !refused.passes() {
			return describe(err, what)
		}
		wait := max(asked, pause/2+rand.N(pause))
		if time.Now().Add(wait).After(deadline) {
			return describe(err, what)
		}
		select {
		case <-ctx.Done():
			return describe(errors.Join(err, ctx.Err()), what)
		case <-time.After(wait):
		}
	}
}

// once sends one request. The duration is how long the service asks to wait.
func (c *client) once(ctx context.Context, method, path string, body []byte, out any) (time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.address+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("User-Agent", "fairway")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return time.Duration(seconds) * time.Second, refusalOf(response.StatusCode, answer)
	}
	if out == nil {
		return 0, nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return 0, fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}
	return 0, nil
}

// describe gives an error its meaning; what says what was attempted.
func describe(err error, what string) error {
	if err == nil {
		return nil
	}
	var refused *refusal
	if !errors.As(err, &refused) {
		return fairway.Errorf(fairway.CodeUnavailable, "%s: %w", what, err).
			WithHint("check that the cluster's localkube runs")
	}
	e := fairway.Errorf(refused.meaning(), "%s: %w", what, err)
	if hint := refused.hint(); hint != "" {
		e.Hint = hint
	}
	return e
}
