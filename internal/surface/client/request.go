package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// attempts is how often a request is sent at most.
	attempts = 5
	// firstWait is the longest wait before the second attempt; it doubles with
	// every further one.
	firstWait = 100 * time.Millisecond
	// longestWait bounds what a server may ask for with Retry-After.
	longestWait = 30 * time.Second
)

// request is one call of the API.
type request struct {
	method, path string
	body         any    // nil for none
	etag         string // If-Match; "" for none
	key          string // Idempotency-Key; made by do for a POST
	once         bool   // never sent again
}

// repeatable reports whether sending the request again does nothing twice, also
// when the first one was carried out and only its answer got lost.
func (r request) repeatable() bool {
	switch r.method {
	case http.MethodGet, http.MethodPut, http.MethodDelete:
		return true
	case http.MethodPatch:
		return r.etag != "" // the second one does not match any more
	case http.MethodPost:
		return r.key != "" // the second one is answered as the first was
	}
	return false
}

// response is what came back.
type response struct {
	*http.Response
	body []byte
}

// do sends a request until it is answered, decodes the answer into out (nil
// ignores it) and returns its header. It is sent again after what may pass: a
// connection that breaks, 429, 502, 503, 504. A request that could be carried
// out twice is only sent again when it was surely not carried out.
func (c *Client) do(ctx context.Context, r request, out any) (http.Header, error) {
	var text []byte
	if r.body != nil {
		var err error
		if text, err = json.Marshal(r.body); err != nil {
			return nil, err
		}
	}
	if r.method == http.MethodPost {
		r.key = rand.Text()
	}
	unsure := false // whether an attempt may have been carried out
	for n := 1; ; n++ {
		got, err := c.attempt(ctx, r, text)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil && got.StatusCode/100 == 2 {
			return got.Header, c.decode(r, got, out)
		}
		if err == nil && unsure && r.method == http.MethodDelete && got.StatusCode == http.StatusNotFound {
			return got.Header, nil // an attempt before has deleted it
		}
		surely, again := verdict(got, err, r, unsure)
		unsure = unsure || !surely
		if again && !r.once && n < attempts && (surely || r.repeatable()) {
			if err := sleep(ctx, pause(n, got)); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			if fairway.ErrorCode(err) == fairway.CodeInvalid {
				return nil, err
			}
			return nil, c.unreachable(ctx, err)
		}
		return nil, c.refused(got.Response, got.body)
	}
}

// attempt sends a request once and reads the whole answer.
func (c *Client) attempt(ctx context.Context, r request, text []byte) (*response, error) {
	q, err := c.newRequest(ctx, r, text)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(q)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	return &response{answer, body}, nil
}

func (c *Client) decode(r request, got *response, out any) error {
	if out == nil || len(got.body) == 0 && got.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.Unmarshal(got.body, out); err != nil {
		return fairway.Errorf(fairway.CodeInternal, "read the answer of %s to %s %s: %w", c.address, r.method, r.path, err).
			WithHint("check that %s is a Fairway server of a fitting version", c.address)
	}
	return nil
}

// verdict says of an attempt that did not succeed whether it was surely not
// carried out, and whether another one may succeed.
func verdict(got *response, err error, r request, unsure bool) (surely, again bool) {
	if err != nil {
		if fairway.ErrorCode(err) == fairway.CodeInvalid {
			return true, false
		}
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
			return true, true
		}
		return false, !os.IsTimeout(err) // a server that hangs is not asked five times
	}
	switch got.StatusCode {
	case http.StatusTooManyRequests:
		return true, true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return false, true
	case http.StatusConflict:
		// Our own attempt before may be at work on it still.
		return true, unsure && r.key != "" && got.Header.Get("Idempotent-Replayed") == ""
	}
	return true, false
}

// pause is how long to wait after the n-th attempt: at random, so that many
// clients do not come back at once, and as long as the server asks for.
func pause(n int, got *response) time.Duration {
	most := firstWait << (n - 1)
	wait := most/2 + mathrand.N(most/2)
	if got != nil {
		if seconds, err := strconv.Atoi(got.Header.Get("Retry-After")); err == nil && seconds > 0 {
			wait = max(wait, min(time.Duration(seconds)*time.Second, longestWait)+mathrand.N(firstWait))
		}
	}
	return wait
}

// sleep waits, or ends with its context.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
