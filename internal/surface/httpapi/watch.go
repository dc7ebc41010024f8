package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// watchAlive is how often an idle stream shows that it lives.
	watchAlive = 15 * time.Second
	// watchWrite is how long a watcher may take to accept one event.
	watchWrite = 30 * time.Second
)

// watch is GET /api/v1/watch: a stream of server-sent events, one for each
// change of the registry, in order. The header Last-Event-ID (or the query
// parameter last_event_id) goes on after that change; without it the stream
// begins now, and its first line says where that is.
func (a *api) watch(w http.ResponseWriter, r *http.Request) {
	q := queryOf(r)
	for _, known := range []string{"kinds", "last_event_id"} {
		q.text(known)
	}
	if err := q.done(); err != nil {
		a.fail(w, r, err)
		return
	}
	seq, kinds, err := a.watchFrom(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if seq < 0 {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusGone)
		fmt.Fprint(w, `{"title":"Gone","status":410,"code":"not_found","detail":"the changes after this Last-Event-ID are not kept","hint":"list the objects anew, then watch without Last-Event-ID"}`+"\n")
		return
	}
	rc := http.NewResponseController(w)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies must not hold events back
	w.WriteHeader(http.StatusOK)
	send := func(text []byte) bool {
		rc.SetWriteDeadline(time.Now().Add(watchWrite))
		_, err := w.Write(text)
		return err == nil
	}
	// An id without data moves the client's position and is no event.
	if !send([]byte("id: "+strconv.FormatInt(seq, 10)+"\n\n")) || rc.Flush() != nil {
		return
	}
	alive := time.NewTicker(watchAlive)
	defer alive.Stop()
	for {
		changed := a.Store.Changed() // before looking: a change in between must not be slept through
		frames, to, err := a.feed.after(r.Context(), seq)
		if err != nil {
			if r.Context().Err() == nil {
				a.Log.Warn("watch ends", "after", seq, "error", err)
			}
			return // the client comes back and goes on where it was
		}
		for _, f := range frames {
			if (len(kinds) == 0 || slices.Contains(kinds, f.kind)) && sees(r.Context(), f.place) && !send(f.text) {
				return
			}
		}
		if len(frames) > 0 && rc.Flush() != nil {
			return
		}
		if to > seq {
			seq = to
			continue // there may be more already
		}
		select {
		case <-changed:
		case <-alive.C:
			if !send([]byte(": alive\n\n")) || rc.Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-a.Closing:
			return
		}
	}
}

// watchFrom reads where a watch begins, -1 for a place that is not kept, and
// which kinds it is about.
func (a *api) watchFrom(r *http.Request) (seq int64, kinds []string, err error) {
	q := r.URL.Query()
	for _, k := range strings.Split(q.Get("kinds"), ",") {
		if k = strings.TrimSpace(k); k == "" {
			continue
		}
		if k != fairway.KindCluster && k != fairway.KindAccount {
			return 0, nil, fairway.Errorf(fairway.CodeInvalid, "kinds: %q is not known", k).WithHint("kinds are %s and %s", fairway.KindCluster, fairway.KindAccount)
		}
		kinds = append(kinds, k)
	}
	oldest, newest, err := a.Store.ChangeBounds(r.Context())
	if err != nil {
		return 0, nil, err
	}
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = q.Get("last_event_id")
	}
	if last == "" {
		return newest, kinds, nil
	}
	seq, err = strconv.ParseInt(last, 10, 64)
	if err != nil || seq < 0 {
		return 0, nil, fairway.Errorf(fairway.CodeInvalid, "Last-Event-ID: %q is not the id of an event", last).WithHint("leave it out to begin now")
	}
	// One from the future belongs to another database.
	if seq > newest || seq < oldest-1 {
		return -1, kinds, nil
	}
	return seq, kinds, nil
}
