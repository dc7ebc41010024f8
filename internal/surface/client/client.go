package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// maxAnswer is the largest answer that is read, in bytes.
const maxAnswer = 1 << 30

// Client calls one server. It is safe for concurrent use.
type Client struct {
	address string
	token   string
	reason  string
	http    *http.Client
}

// New returns a client of the server at an address ("http://127.0.0.1:8080"; http
// when no scheme is given) that shows a token with every call; "" shows none.
func New(address, token string) *Client {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	return &Client{address: strings.TrimRight(address, "/"), token: token, http: &http.Client{Timeout: time.Minute}}
}

// Address returns the address that the client was made with.
func (c *Client) Address() string { return c.address }

// WithReason returns a client whose writes are recorded with a reason; "" gives
// none.
func (c *Client) WithReason(reason string) *Client {
	out := *c
	out.reason = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' ' // a header is one line
		}
		return r
	}, reason)
	return &out
}

// get asks for a path and decodes the answer into out; nil ignores it.
func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	_, err := c.do(ctx, request{method: http.MethodGet, path: withQuery(path, query)}, out)
	return err
}

// post sends a body to a path and decodes the answer into out.
func (c *Client) post(ctx context.Context, path string, body, out any) error {
	_, err := c.do(ctx, request{method: http.MethodPost, path: path, body: body}, out)
	return err
}

func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// newRequest makes one attempt of a request.
func (c *Client) newRequest(ctx context.Context, r request, text []byte) (*http.Request, error) {
	out, err := http.NewRequestWithContext(ctx, r.method, c.address+r.path, bytes.NewReader(text))
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "the address of the server: %w", err).
			WithHint("write it like http://127.0.0.1:8080")
	}
	for name, value := range map[string]string{
		"Accept": "application/json, application/problem+json", "If-Match": r.etag, "Idempotency-Key": r.key, "X-Fairway-Reason": c.reason,
	} {
		if value != "" {
			out.Header.Set(name, value)
		}
	}
	if text != nil {
		out.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		out.Header.Set("Authorization", "Bearer "+c.token)
	}
	return out, nil
}

// unreachable says that the server did not answer; a canceled call stays what it is.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the URL, which the message names already
	}
	return fairway.Errorf(fairway.CodeUnavailable, "reach the server at %s: %w", c.address, err).
		WithHint("start it with `fairway server`, or name another one by --server or --data")
}

// problem is the body of an error, of either API.
type problem struct {
	Code    json.RawMessage `json:"code"`
	Detail  string          `json:"detail"`
	Message string          `json:"message"`
	Title   string          `json:"title"`
	Hint    string          `json:"hint"`
	Errors  []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

// refused turns the server's answer into the error that it had.
func (c *Client) refused(response *http.Response, body []byte) error {
	var p problem
	if json.Unmarshal(bytes.TrimSpace(body), &p) != nil {
		p = problem{}
	}
	e := &fairway.Error{Code: codes[response.StatusCode], Hint: p.Hint}
	var code fairway.Code
	if json.Unmarshal(p.Code, &code) == nil && code != "" {
		e.Code = code
	}
	switch {
	case p.Detail != "":
		e.Message = p.Detail
	case p.Message != "":
		e.Message = p.Message
	default:
		e.Message = fmt.Sprintf("the server at %s answered %s", c.address, response.Status)
	}
	for _, one := range p.Errors {
		e.Message += fmt.Sprintf("; %s: %s", one.Location, one.Message)
	}
	if e.Code == "" {
		e.Code = fairway.CodeInternal
	}
	if e.Code == fairway.CodeUnauthorized && e.Hint == "" {
		e.Hint = "give a valid token by --token or FAIRWAY_TOKEN, or the server's data folder by --data"
	}
	return e
}

// codes are the codes that a status means when the body does not say.
var codes = map[int]fairway.Code{
	http.StatusBadRequest:          fairway.CodeInvalid,
	http.StatusUnprocessableEntity: fairway.CodeInvalid,
	http.StatusUnauthorized:        fairway.CodeUnauthorized,
	http.StatusForbidden:           fairway.CodeForbidden,
	http.StatusGone:                fairway.CodeNotFound,
	// The server says these of input, too.
	http.StatusMethodNotAllowed:      fairway.CodeInvalid,
	http.StatusRequestEntityTooLarge: fairway.CodeInvalid,
	http.StatusUnsupportedMediaType:  fairway.CodeInvalid,
	http.StatusNotFound:              fairway.CodeNotFound,
	http.StatusConflict:              fairway.CodeConflict,
	http.StatusPreconditionFailed:    fairway.CodePrecondition,
	http.StatusTooManyRequests:       fairway.CodeUnavailable,
	http.StatusBadGateway:            fairway.CodeUnavailable,
	http.StatusServiceUnavailable:    fairway.CodeUnavailable,
	http.StatusGatewayTimeout:        fairway.CodeUnavailable,
}
