package kube

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/fairwayhq/fairway"
)

// Objects of one kind and namespace are read by one list, unless that would bring
// much more than is wanted, or is not allowed; what is said is the same.
func TestRead(t *testing.T) {
	t.Parallel()
	plain := connect(t)
	ns := namespace(t, plain)
	var refs []fairway.ObjectRef
	for i := range 12 {
		o := configMap(ns, fmt.Sprintf("wanted-%02d", i), "1", nil)
		apply(t, plain, o)
		refs = append(refs, o.Ref())
	}
	refs = append(refs, fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: ns, Name: "missing"},
		fairway.ObjectRef{APIVersion: "v1", Kind: "Namespace", Namespace: "of no meaning", Name: ns},
		fairway.ObjectRef{APIVersion: "tests.fairway.dev/v3", Kind: "No", Name: "no"})
	var lists, gets atomic.Int32
	forbid := false
	c := connectThrough(t, func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			switch {
			case !strings.Contains(r.URL.Path, "/configmaps"):
			case strings.HasSuffix(r.URL.Path, "/configmaps"):
				lists.Add(1)
				if forbid {
					return respond(r, http.StatusForbidden, "no lists"), nil
				}
			default:
				gets.Add(1)
			}
			return next.RoundTrip(r)
		})
	})
	read := func(when string, wantLists, wantGets int32) {
		t.Helper()
		lists.Store(0)
		gets.Store(0)
		live, err := c.Read(t.Context(), refs)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		for i, ref := range refs {
			exists := ref.Name != "missing" && ref.Name != "no"
			state := fairway.HealthNotFound
			if exists {
				state = fairway.HealthCurrent
			}
			if (live[i].Object != nil) != exists || live[i].Health.State != state || exists && live[i].Object.Ref().Name != ref.Name ||
				(live[i].Owned != "") != strings.HasPrefix(ref.Name, "wanted") {
				t.Errorf("%s: %s is %+v", when, ref, live[i])
			}
		}
		if lists.Load() != wantLists || gets.Load() != wantGets {
			t.Errorf("%s: %d lists and %d gets, want %d and %d", when, lists.Load(), gets.Load(), wantLists, wantGets)
		}
	}
	read("few others", 1, 0)
	forbid = true
	read("lists are forbidden", 1, 13)
	forbid = false
	for i := range 160 { // named before what is wanted
		apply(t, plain, configMap(ns, fmt.Sprintf("other-%03d", i), "1", nil))
	}
	read("many others", 1, 13)
}

// API servers that do not answer as they should make reads and applies fail in
// bounded time, as a passing failure that says what was attempted.
func TestBadServers(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, by its queue, and never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	serve := func(handler http.HandlerFunc) string {
		s := httptest.NewServer(handler)
		t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
		return s.URL
	}
	for name, host := range map[string]string{
		"half open": "http://" + silent.Addr().String(),
		"never done with its answer": serve(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"kind": "APIVersions", `)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}),
		"asks to slow down": serve(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "slow down", http.StatusTooManyRequests)
		}),
		"no API server": serve(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := New(Options{Config: &rest.Config{Host: host, Timeout: 300 * time.Millisecond}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			o := configMap("n", "m", "1", nil)
			_, err = c.Read(ctx, []fairway.ObjectRef{o.Ref()})
			if fairway.ErrorCode(err) != fairway.CodeUnavailable || !strings.HasPrefix(fmt.Sprint(err), "read ConfigMap/n/m") {
				t.Errorf("read: %v (%s)", err, fairway.ErrorCode(err))
			}
			_, err = c.Apply(ctx, o, nil)
			if fairway.ErrorCode(err) != fairway.CodeUnavailable || !strings.HasPrefix(fmt.Sprint(err), "apply ConfigMap/n/m") {
				t.Errorf("apply: %v (%s)", err, fairway.ErrorCode(err))
			}
		})
	}
}
