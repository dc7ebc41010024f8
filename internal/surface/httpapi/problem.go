package httpapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairwayhq/fairway"
)

// status is the HTTP status of each code.
var status = map[fairway.Code]int{
	fairway.CodeInvalid:      http.StatusBadRequest,
	fairway.CodeNotFound:     http.StatusNotFound,
	fairway.CodeConflict:     http.StatusConflict,
	fairway.CodeUnauthorized: http.StatusUnauthorized,
	fairway.CodeForbidden:    http.StatusForbidden,
	fairway.CodeUnavailable:  http.StatusServiceUnavailable,
	fairway.CodePrecondition: http.StatusPreconditionFailed,
	fairway.CodeInternal:     http.StatusInternalServerError,
}

// code is the code of a status that no error of the domain stands behind.
func code(of int) fairway.Code {
	switch of {
	case http.StatusNotFound:
		return fairway.CodeNotFound
	case http.StatusUnauthorized:
		return fairway.CodeUnauthorized
	case http.StatusForbidden:
		return fairway.CodeForbidden
	case http.StatusConflict:
		return fairway.CodeConflict
	case http.StatusPreconditionFailed:
		return fairway.CodePrecondition
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return fairway.CodeUnavailable
	}
	if of >= 400 && of < 500 {
		return fairway.CodeInvalid
	}
	return fairway.CodeInternal
}

// ErrorModel is the body of an error of the fleet API (RFC 9457).
type ErrorModel struct {
	Title  string `json:"title" doc:"The HTTP status in words"`
	Status int    `json:"status" doc:"The HTTP status"`
	Detail string `json:"detail" doc:"What was attempted, on what, and what happened"`
	// Code is one of the codes of fairway.Error.
	Code   fairway.Code        `json:"code" enum:"invalid,not_found,conflict,unauthorized,forbidden,unavailable,precondition,internal" doc:"What kind of failure it is"`
	Hint   string              `json:"hint,omitempty" doc:"What to do next"`
	Errors []*huma.ErrorDetail `json:"errors,omitempty" doc:"Each value that is wrong"`
}

// Error returns the detail.
func (p *ErrorModel) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *ErrorModel) GetStatus() int { return p.Status }

// ContentType returns the content type of problems.
func (p *ErrorModel) ContentType(string) string { return "application/problem+json" }

// problemOf turns an error into what the caller is told of it: everything that
// has a meaning, and nothing of what is internal.
func problemOf(err error) *ErrorModel {
	of := fairway.ErrorCode(err)
	p := &ErrorModel{Code: of, Status: cmp.Or(status[of], http.StatusInternalServerError), Detail: err.Error(), Hint: fairway.ErrorHint(err)}
	if own, ok := errors.AsType[*httpError](err); ok {
		p.Status = own.status
	}
	p.Title = http.StatusText(p.Status)
	if wrong, ok := errors.AsType[*invalid](err); ok {
		for _, f := range wrong.findings {
			p.Errors = append(p.Errors, &huma.ErrorDetail{Message: f.Message, Location: f.Pointer})
		}
	}
	if of == fairway.CodeInternal {
		p.Detail, p.Hint = "internal error", "the server's log says more"
	}
	return p
}

// useProblems makes the OpenAPI library answer with our problems, also where it
// refuses a request itself. It is a variable of that library, set once.
var useProblems = sync.OnceFunc(func() {
	huma.NewError = func(of int, message string, errs ...error) huma.StatusError {
		if of == http.StatusUnprocessableEntity {
			of = http.StatusBadRequest
		}
		p := &ErrorModel{Status: of, Title: http.StatusText(of), Detail: message, Code: code(of)}
		for _, err := range errs {
			if d, ok := errors.AsType[*huma.ErrorDetail](err); ok {
				// Not the value that was sent: it may be large, and a secret.
				p.Errors = append(p.Errors, &huma.ErrorDetail{Message: d.Message, Location: d.Location})
			} else if err != nil && of < 500 {
				p.Errors = append(p.Errors, &huma.ErrorDetail{Message: err.Error()})
			}
		}
		return p
	}
})

// writeJSON answers with a value as JSON.
func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.Encode(v) // fails only when the caller is gone
}
