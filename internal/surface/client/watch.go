package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// watchSilence is how long a stream may be silent until it counts as broken;
	// the server shows every 15 s that it lives.
	watchSilence = 45 * time.Second
	// longestRetry is the longest wait before a watch connects again.
	longestRetry = 10 * time.Second
)

// WatchFilter says which changes a watch is about, and from where on.
type WatchFilter struct {
	// Kinds are those of fairway.Change; empty means all.
	Kinds []string
	// After is the seq of the last change that the caller has seen; less than 0
	// means that only what comes from now on counts.
	After int64
}

// Notice is one change of the registry.
type Notice struct {
	Seq   int64               `json:"-"`
	Event fairway.ChangeEvent `json:"-"`
	Kind  string              `json:"kind"`
	ID    string              `json:"id"`
	ETag  string              `json:"etag"`
	// Object is the cluster or account as it was after the change; a deleted one
	// as it was last.
	Object json.RawMessage `json:"object"`
}

// Watch calls the function with every change, in order, each one once, across
// connections that break and servers that restart. It ends with its context,
// with the function's error, or with an error that does not pass: CodeNotFound
// when changes after the given one are not kept any more, and the caller has to
// list anew. ready, unless nil, is called once the stream has begun.
func (c *Client) Watch(ctx context.Context, f WatchFilter, ready func(), do func(Notice) error) error {
	w := &watch{client: c, kinds: strings.Join(f.Kinds, ","), last: f.After, ready: ready, do: do}
	for failed := 0; ; {
		begun, err := w.stream(ctx)
		switch stop := (*stopError)(nil); {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &stop):
			return stop.error
		}
		if failed++; begun {
			failed = 1
		}
		if err := sleep(ctx, min(pause(min(failed, 8), nil), longestRetry)); err != nil {
			return err
		}
	}
}

// watch is where a Watch stands.
type watch struct {
	client *Client
	kinds  string
	last   int64 // seq of the last change; less than 0 before the first connection
	ready  func()
	do     func(Notice) error
}

// stopError is an error that a new connection does not mend.
type stopError struct{ error }

// stream reads one connection until it breaks; begun says that it was answered.
func (w *watch) stream(ctx context.Context) (begun bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	query := url.Values{}
	set(query, "kinds", w.kinds)
	q, err := w.client.newRequest(ctx, request{method: http.MethodGet, path: withQuery("/api/v1/watch", query)}, nil)
	if err != nil {
		return false, &stopError{err}
	}
	q.Header.Set("Accept", "text/event-stream")
	if w.last >= 0 {
		q.Header.Set("Last-Event-ID", strconv.FormatInt(w.last, 10))
	}
	// A server that goes silent is left; everything that is read winds this up.
	silence := time.AfterFunc(watchSilence, cancel)
	defer silence.Stop()
	endless := *w.client.http
	endless.Timeout = 0
	answer, err := endless.Do(q)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
		refused := w.client.refused(answer, body)
		if code := fairway.ErrorCode(refused); code == fairway.CodeUnavailable || code == fairway.CodeInternal {
			return false, refused
		}
		return false, &stopError{refused}
	}
	return true, w.read(answer.Body, func() { silence.Reset(watchSilence) })
}

// read reads the events of a stream: lines of "name: value", each event ended by
// an empty line.
func (w *watch) read(body io.Reader, alive func()) error {
	in := bufio.NewReaderSize(body, 64<<10)
	var id, event, data string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err // what was read of an event that is not whole comes again
		}
		alive()
		line = strings.TrimRight(line, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line != "":
			switch name {
			case "id":
				id = value
			case "event":
				event = value
			case "data":
				data = value
			}
			continue
		case id == "":
			continue
		}
		if err := w.take(id, event, data); err != nil {
			return err
		}
		id, event, data = "", "", ""
	}
}

// take handles one event. One without data only says where the stream is.
func (w *watch) take(id, event, data string) error {
	seq, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return &stopError{fmt.Errorf("watch %s: event id %q is no number", w.client.address, id)}
	}
	if w.ready != nil {
		w.ready()
		w.ready = nil
	}
	if data == "" {
		w.last = max(w.last, seq)
		return nil
	}
	if seq <= w.last {
		return nil
	}
	n := Notice{Seq: seq, Event: fairway.ChangeEvent(event)}
	if err := json.Unmarshal([]byte(data), &n); err != nil {
		return &stopError{fmt.Errorf("watch %s: event %d: %w", w.client.address, seq, err)}
	}
	if err := w.do(n); err != nil {
		return &stopError{err}
	}
	w.last = seq
	return nil
}
