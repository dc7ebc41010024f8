package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// noticed is one event of a watch.
type noticed struct {
	ID    int64
	Event string
	Data  struct {
		Kind, ID, ETag string
		Object         map[string]any
	}
}

// follow reads a watch until stop returns true or the context ends, and returns
// the last id.
func (s *server) follow(ctx context.Context, query, last string, each func(n noticed) (stop bool)) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/watch"+query, nil)
	if err != nil {
		return last, err
	}
	r.Header.Set("Authorization", "Bearer "+adminToken)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return last, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return last, fmt.Errorf("status %d", response.StatusCode)
	}
	var n noticed
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			last = value
			n.ID, _ = strconv.ParseInt(value, 10, 64)
		case "event":
			n.Event = value
		case "data":
			if err := json.Unmarshal([]byte(value), &n.Data); err != nil {
				return last, err
			}
		}
		if lines.Text() == "" && n.Event != "" {
			if each(n) {
				return last, nil
			}
			n = noticed{}
		}
	}
	return last, lines.Err()
}

// TestWatch_NothingLostNothingTwice: watchers that are cut off at seeded moments
// and come back with Last-Event-ID see every change exactly once, in order, each
// with the object as it was.
func TestWatch_NothingLostNothingTwice(t *testing.T) {
	t.Parallel()
	const clusters, writes, watchers = 3, 120, 4
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := newServer(t)
	for i := range clusters {
		s.do("POST", "/kubernetes-clusters", one(fmt.Sprint("kube-", i), nil), http.StatusCreated)
	}
	_, begin, err := s.store.ChangeBounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for i := range watchers {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() {
			last, seen := strconv.FormatInt(begin, 10), 0
			counts := map[string]int{}
			for seen < writes && ctx.Err() == nil {
				cut := 1 + r.IntN(20)
				var err error
				last, err = s.follow(ctx, "", last, func(n noticed) bool {
					if n.ID != begin+int64(seen)+1 || n.Event != "updated" || n.Data.Kind != fairway.KindCluster {
						t.Errorf("watcher %d: event %d (%s %s) after %d events", i, n.ID, n.Data.Kind, n.Event, seen)
						cancel()
						return true
					}
					want := strconv.Itoa(counts[n.Data.ID])
					if items := n.Data.Object["config_items"].(map[string]any); items["count"] != want {
						t.Errorf("watcher %d: event %d shows count %v, want %s", i, n.ID, items["count"], want)
					}
					counts[n.Data.ID]++
					seen++
					cut--
					return cut == 0 || seen == writes
				})
				if err != nil && ctx.Err() == nil {
					t.Errorf("watcher %d: %v", i, err)
					return
				}
			}
			if seen != writes {
				t.Errorf("watcher %d: saw %d of %d changes", i, seen, writes)
			}
		})
	}
	for n := range writes {
		id := fmt.Sprint("aws:123456789012:eu-central-1:kube-", n%clusters)
		s.do("PUT", "/kubernetes-clusters/"+id+"/config-items/count", fmt.Sprintf(`{"value":"%d"}`, n/clusters), http.StatusOK)
	}
	all.Wait()
}

func TestWatch_KindsAndEvents(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.do("POST", "/kubernetes-clusters", one("kube-1", nil), http.StatusCreated)
	if err := s.store.PutAccount(t.Context(), fairway.InfrastructureAccount{ID: "aws:1", Owner: "team"}); err != nil {
		t.Fatal(err)
	}
	gone := fairway.StatusDecommissioned
	id := s.stored("kube-1").ID
	if _, err := s.store.UpdateCluster(t.Context(), id, fairway.ClusterUpdate{LifecycleStatus: &gone}); err != nil {
		t.Fatal(err)
	}
	tag := s.stored("kube-1").ETag
	s.do("DELETE", kube1, "", http.StatusNoContent)
	for query, want := range map[string][]string{
		"":                       {"created cluster", "created account", "updated cluster", "deleted cluster"},
		"?kinds=account":         {"created account"},
		"?kinds=cluster,account": {"created cluster", "created account", "updated cluster", "deleted cluster"},
		"?kinds=cluster":         {"created cluster", "updated cluster", "deleted cluster"},
	} {
		var got []string
		_, err := s.follow(t.Context(), query, "0", func(n noticed) bool {
			got = append(got, n.Event+" "+n.Data.Kind)
			if n.Event == "updated" && n.Data.ETag != `"`+tag+`"` {
				t.Errorf("the tag is %s, want %q", n.Data.ETag, tag)
			}
			if n.Event == "deleted" && (n.Data.ID != id || n.Data.Object["alias"] != "kube-1") {
				t.Errorf("the deleted cluster is shown as %v", n.Data)
			}
			return len(got) == len(want)
		})
		if err != nil || strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("%q: got %v, want %v (error %v)", query, got, want, err)
		}
	}
}

func TestWatch_WrongPlaces(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for last, want := range map[string]int{"99": http.StatusGone, "x": http.StatusBadRequest, "-1": http.StatusBadRequest} {
		if a := s.as(adminToken, "GET", "/api/v1/watch", "", "Last-Event-ID", last); a.status != want {
			t.Errorf("Last-Event-ID %s: got %d, want %d: %s", last, a.status, want, a.body)
		}
	}
	if a := s.as(adminToken, "GET", "/api/v1/watch?kinds=pods", ""); a.status != http.StatusBadRequest || !strings.Contains(a.body, "kinds are") {
		t.Errorf("an unknown kind: %d %s", a.status, a.body)
	}
	if a := s.as("", "GET", "/api/v1/watch", ""); a.status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", a.status)
	}
}
