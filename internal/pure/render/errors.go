package render

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fairwayhq/fairway"
)

// Errors are the errors of all files of a render, in order of the files.
type Errors []*fairway.Error

// maxShown is how many errors the text of Errors holds; one missing item can
// make hundreds.
const maxShown = 20

// Error returns one error per line, each with its hint.
func (e Errors) Error() string {
	var b strings.Builder
	for i, err := range e {
		if i == maxShown {
			fmt.Fprintf(&b, "\nand %d more", len(e)-maxShown)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(err.Error())
		if err.Hint != "" && len(e) > 1 {
			fmt.Fprintf(&b, " (%s)", err.Hint)
		}
	}
	return b.String()
}

// Unwrap returns the single errors.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, err := range e {
		all[i] = err
	}
	return all
}

// add appends an error, or each part of a joined one; nil is ignored.
func (e *Errors) add(err error) {
	if err == nil {
		return
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			e.add(one)
		}
		return
	}
	known, ok := errors.AsType[*fairway.Error](err)
	if !ok || known.Error() != err.Error() {
		known = &fairway.Error{Code: codeOf(err), Message: err.Error(), Hint: fairway.ErrorHint(err)}
	}
	*e = append(*e, known)
}

// join makes one error of all. The hint of a single one becomes that of the
// whole; of several, each has its own in the text.
func (e Errors) join(format string, args ...any) *fairway.Error {
	all := &fairway.Error{Code: fairway.CodeInvalid, Message: fmt.Sprintf(format, args...), Err: e}
	if len(e) > 1 {
		all.Message = fmt.Sprintf("%s: %d errors", all.Message, len(e))
	}
	for _, err := range e {
		if fairway.ErrorCode(err) == fairway.CodeUnavailable {
			all.Code = fairway.CodeUnavailable
		}
		if len(e) == 1 {
			all.Hint = err.Hint
		}
	}
	return all
}

// codeOf is the code of an error; one without a code is the configuration's
// fault, because nothing else is at work here.
func codeOf(err error) fairway.Code {
	if known, ok := errors.AsType[*fairway.Error](err); ok {
		return known.Code
	}
	return fairway.CodeInvalid
}
