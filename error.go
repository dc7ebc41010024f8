package fairway

import (
	"errors"
	"fmt"
)

// Code says what kind of failure an Error is, and with it whether trying again
// can help and which HTTP status it becomes.
type Code string

// The codes of an Error.
const (
	// CodeInvalid is wrong input; the same call fails again.
	CodeInvalid Code = "invalid"
	// CodeNotFound is a thing that does not exist.
	CodeNotFound Code = "not_found"
	// CodeConflict is a write that lost against another; read again and retry.
	CodeConflict Code = "conflict"
	// CodeUnauthorized is a caller that is not known.
	CodeUnauthorized Code = "unauthorized"
	// CodeForbidden is a known caller without the right.
	CodeForbidden Code = "forbidden"
	// CodeUnavailable is a service that cannot answer now; retry later.
	CodeUnavailable Code = "unavailable"
	// CodePrecondition is a condition of the call (If-Match, a lease) that does not hold.
	CodePrecondition Code = "precondition"
	// CodeInternal is everything else; only the log knows more.
	CodeInternal Code = "internal"
)

// Error is an error with a meaning for callers. It is made at the edge where
// the meaning is known; the zero Code counts as CodeInternal.
type Error struct {
	Code    Code
	Message string // what was attempted, on what, and what happened
	Hint    string // what to do next; "" when unknown
	Err     error  // the cause; may be nil
}

// Error returns the message followed by the cause.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Message
	case e.Message == "":
		return e.Err.Error()
	}
	if _, said := e.Err.(cause); said {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error of a code with a formatted message; %w keeps a cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	e := &Error{Code: code, Message: err.Error()}
	if under := errors.Unwrap(err); under != nil {
		e.Err = cause{under}
	}
	return e
}

// cause is a wrapped error whose text the message already contains.
type cause struct{ error }

func (c cause) Unwrap() error { return c.error }

// WithHint returns the error with a hint.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// ErrorCode returns the code of the first Error in the chain, CodeInternal
// when there is none, and "" for nil.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Code != "" {
		return e.Code
	}
	return CodeInternal
}

// ErrorHint returns the first hint in the tree of errors, or "".
func ErrorHint(err error) string {
	if e, ok := err.(*Error); ok && e.Hint != "" {
		return e.Hint
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return ErrorHint(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, under := range e.Unwrap() {
			if hint := ErrorHint(under); hint != "" {
				return hint
			}
		}
	}
	return ""
}

// Retryable reports whether doing the same again later can succeed: true for
// unavailable and conflict, and for errors without a code, which are mostly of
// the network.
func Retryable(err error) bool {
	switch ErrorCode(err) {
	case CodeUnavailable, CodeConflict, CodeInternal:
		return true
	}
	return false
}
