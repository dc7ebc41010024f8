package local

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/fairwayhq/fairway"
)

// refusal is an answer of the node-group API that is not a success.
type refusal struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
}

// refusalOf reads the error body of an answer; one that is not JSON keeps its
// text.
func refusalOf(status int, body []byte) *refusal {
	r := &refusal{status: status}
	if err := json.Unmarshal(body, r); err != nil || r.Message == "" {
		r.Message = strings.TrimSpace(string(body[:min(len(body), 500)]))
	}
	return r
}

// Error returns the service's words.
func (r *refusal) Error() string {
	if r.Message == "" {
		return fmt.Sprintf("the node groups answer %d %s", r.status, http.StatusText(r.status))
	}
	return r.Message
}

// passes reports whether the same call can succeed a moment later.
func (r *refusal) passes() bool {
	return r.status == http.StatusTooManyRequests || r.status >= http.StatusInternalServerError
}

// meaning returns the code for callers.
func (r *refusal) meaning() fairway.Code {
	switch {
	case r.passes():
		return fairway.CodeUnavailable
	case r.status == http.StatusUnauthorized:
		return fairway.CodeUnauthorized
	case r.status == http.StatusForbidden:
		return fairway.CodeForbidden
	case r.status == http.StatusNotFound:
		return fairway.CodeNotFound
	case r.status == http.StatusConflict:
		return fairway.CodeConflict
	case r.status >= http.StatusBadRequest && r.status < http.StatusInternalServerError:
		return fairway.CodeInvalid
	}
	return fairway.CodeInternal
}

// hint says what to do about it, where that is known.
func (r *refusal) hint() string {
	switch {
	case r.status == http.StatusTooManyRequests:
		return "the cloud asks to slow down; the call is repeated later"
	case r.status == http.StatusUnauthorized:
		return "the token of the cluster's ready.json is not that of the running localkube; start it again"
	case r.Code == "capacity":
		return "the cloud has no room; wait, or allow other zones or instance types"
	case r.status >= http.StatusInternalServerError:
		return "look at the log of the cluster's localkube"
	}
	return ""
}
