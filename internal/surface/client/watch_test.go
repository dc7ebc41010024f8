package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/surface/client"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// A watch whose connections break all the time sees every change once, in order.
func TestWatch(t *testing.T) {
	t.Parallel()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	must(t, err)
	t.Cleanup(func() { store.Close() })
	api := httpapi.New(httpapi.Options{Store: store, Authenticator: auth.Static(auth.Token{Name: "ada", Role: fairway.RoleAdmin, Secret: token})})
	var mu sync.Mutex
	connections, cut := 0, func() {}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/watch" {
			api.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		mu.Lock()
		connections++
		n := connections
		cut = cancel
		mu.Unlock()
		if n%3 == 2 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		api.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(s.Close)
	c := client.New(s.URL, token)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // what is lost is waited for in vain
	defer cancel()
	_, err = c.CreateCluster(ctx, example("one"))
	must(t, err)

	const changes = 30
	ready, ended := make(chan struct{}), make(chan error, 1)
	var got []string
	var seqs []int64
	done := errors.New("seen enough")
	seen := make(chan struct{}, changes)
	go func() {
		ended <- c.Watch(ctx, client.WatchFilter{Kinds: []string{fairway.KindCluster}, After: -1}, func() { close(ready) }, func(n client.Notice) error {
			var one fairway.Cluster
			if err := json.Unmarshal(n.Object, &one); err != nil {
				return err
			}
			got, seqs = append(got, string(n.Event)+" "+n.ID+" "+one.ConfigItems["key_a"]), append(seqs, n.Seq)
			seen <- struct{}{}
			if len(got)%7 == 0 {
				mu.Lock()
				cut()
				mu.Unlock()
			}
			if len(got) == changes {
				return done
			}
			return nil
		})
	}()
	<-ready
	var want []string
	for i := range changes {
		_, err := c.PutItem(ctx, one, "", "key_a", fmt.Sprint("v", i))
		must(t, err)
		want = append(want, fmt.Sprint("updated ", one, " v", i))
		if i%2 == 1 { // so that it does not see all of them on one connection
			for range 2 {
				select {
				case <-seen:
				case <-ctx.Done():
					t.Fatalf("change %d was not seen", i)
				}
			}
		}
	}
	if err := <-ended; err != done {
		t.Fatalf("ended with %v, want the function's own error", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
	mu.Lock()
	if connections < 4 {
		t.Errorf("only %d connections: nothing was cut", connections)
	}
	mu.Unlock()

	// It goes on after the change that the caller has seen last.
	var next []int64
	err = c.Watch(ctx, client.WatchFilter{After: seqs[changes-3]}, nil, func(n client.Notice) error {
		if next = append(next, n.Seq); len(next) == 2 {
			return done
		}
		return nil
	})
	if diff := cmp.Diff(seqs[changes-2:], next); diff != "" || err != done {
		t.Errorf("%v; gone on with (-want +got):\n%s", err, diff)
	}
}

// A watch ends with what does not pass, and with its context.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	s, _ := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	nothing := func(client.Notice) error { return nil }
	if err := client.New(s.URL, token).Watch(ctx, client.WatchFilter{After: 1000}, nil, nothing); fairway.ErrorCode(err) != fairway.CodeNotFound || fairway.ErrorHint(err) == "" {
		t.Errorf("a place that is not kept: %v", err)
	}
	if err := client.New(s.URL, token).Watch(ctx, client.WatchFilter{Kinds: []string{"nodes"}}, nil, nothing); fairway.ErrorCode(err) != fairway.CodeInvalid {
		t.Errorf("an unknown kind: %v", err)
	}
	if err := client.New(s.URL, "wrong").Watch(ctx, client.WatchFilter{}, nil, nothing); fairway.ErrorCode(err) != fairway.CodeUnauthorized {
		t.Errorf("a wrong token: %v", err)
	}
	err := client.New(s.URL, token).Watch(ctx, client.WatchFilter{After: -1}, cancel, nothing)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a watch that is ended: %v", err)
	}
}
