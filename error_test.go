package fairway_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/fairwayhq/fairway"
)

func TestError(t *testing.T) {
	t.Parallel()
	inner := fairway.Errorf(fairway.CodeUnavailable, "read %s: %w", "groups", io.ErrUnexpectedEOF).WithHint("try again")
	outer := fmt.Errorf("update dev-1: %w", inner)
	if got, want := outer.Error(), "update dev-1: read groups: unexpected EOF"; got != want {
		t.Errorf("reads %q, want %q", got, want)
	}
	if !errors.Is(outer, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
	if got := fairway.ErrorCode(outer); got != fairway.CodeUnavailable {
		t.Errorf("code is %q", got)
	}
	if got := fairway.ErrorHint(outer); got != "try again" {
		t.Errorf("hint is %q", got)
	}
	if got := fairway.ErrorHint(errors.Join(outer, io.EOF)); got != "try again" {
		t.Errorf("hint of joined errors is %q", got)
	}
	if got := fairway.ErrorCode(io.EOF); got != fairway.CodeInternal {
		t.Errorf("code of a plain error is %q", got)
	}
	if fairway.ErrorCode(nil) != "" || fairway.ErrorHint(nil) != "" {
		t.Error("nil has a code or a hint")
	}
}

func TestRetryable(t *testing.T) {
	t.Parallel()
	for code, want := range map[fairway.Code]bool{
		fairway.CodeUnavailable: true, fairway.CodeConflict: true, fairway.CodeInternal: true,
		fairway.CodeInvalid: false, fairway.CodeForbidden: false, fairway.CodeNotFound: false,
		fairway.CodeUnauthorized: false, fairway.CodePrecondition: false,
	} {
		if got := fairway.Retryable(fairway.Errorf(code, "x")); got != want {
			t.Errorf("Retryable(%s) = %v, want %v", code, got, want)
		}
	}
}
