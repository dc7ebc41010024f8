package nodegroup

import (
	"errors"
	"fmt"
	"net/http"
)

// Code is the kind of an error, the same word in Go and on the wire.
type Code string

// The codes of the API.
const (
	CodeNotFound     Code = "not_found"
	CodeInvalid      Code = "invalid"
	CodeConflict     Code = "conflict"
	CodeThrottled    Code = "throttled"
	CodeCapacity     Code = "capacity"
	CodeInternal     Code = "internal"
	CodeUnauthorized Code = "unauthorized"
)

var statusOf = map[Code]int{
	CodeNotFound:     http.StatusNotFound,
	CodeInvalid:      http.StatusBadRequest,
	CodeConflict:     http.StatusConflict,
	CodeThrottled:    http.StatusTooManyRequests,
	CodeCapacity:     http.StatusServiceUnavailable,
	CodeInternal:     http.StatusInternalServerError,
	CodeUnauthorized: http.StatusUnauthorized,
}

// Error is what the service answers when it cannot do what was asked.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

func errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// asError makes internal errors of all others.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeInternal, Message: err.Error()}
}
