package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/fairwayhq/fairway"
)

// The exit codes of every command.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitIncomplete  = 3 // ended without full success by design: halted, partial, blocked
	ExitChanges     = 4 // the plan has changes, with --exit-code only
	ExitInterrupted = 130
)

// usageError is a command line that cannot be understood.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// usagef returns a usage error with a hint.
func usagef(hint, format string, args ...any) error {
	return usageError{fairway.Errorf(fairway.CodeInvalid, format, args...).WithHint("%s", hint)}
}

// incomplete is an end without full success, by design.
type incomplete struct{ err error }

func (e incomplete) Error() string { return e.err.Error() }
func (e incomplete) Unwrap() error { return e.err }

// Incomplete marks an error as an end without full success by design: a rollout
// halted, an update ended partial or blocked. The exit code becomes 3. Nil stays nil.
func Incomplete(err error) error {
	if err == nil {
		return nil
	}
	return incomplete{err}
}

// errChanges ends a command whose plan has changes, with --exit-code.
var errChanges = errors.New("there are changes")

// changed ends a command whose plan has changes: with 4 when that is wished.
func changed(exitCode bool) error {
	if exitCode {
		return errChanges
	}
	return nil
}

// ExitCode returns the exit code that an error of a command becomes.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return ExitUsage
	}
	if _, ok := errors.AsType[incomplete](err); ok {
		return ExitIncomplete
	}
	if errors.Is(err, errChanges) {
		return ExitChanges
	}
	if errors.Is(err, context.Canceled) {
		return ExitInterrupted
	}
	return ExitFailed
}

// Report prints an error for a person, what happened and then what to do next,
// and returns the exit code. It prints nothing for nil.
func Report(w io.Writer, err error) int {
	code := ExitCode(err)
	switch code {
	case ExitOK, ExitChanges:
	case ExitInterrupted:
		fmt.Fprintln(w, "interrupted")
	default:
		fmt.Fprintf(w, "error: %s\n", err)
		if hint := fairway.ErrorHint(err); hint != "" {
			fmt.Fprintf(w, "hint: %s\n", hint)
		}
	}
	return code
}
