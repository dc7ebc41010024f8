package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/fairwayhq/fairway"
)

// mark begins the lines that an edit adds on top of the text.
const mark = "##"

// editing is a text that somebody edits until it can be stored.
type editing struct {
	name  string // of the file
	again string // the command, to go on later
	intro []string
	text  []byte
	// fresh says that the text is to be stored even as it is.
	fresh bool
	// preview says what the text would change; it is shown for one that was kept.
	preview func(text []byte) []string
	// save stores the text. Problems that the author can mend come back as
	// problems: the editor opens again.
	save func(ctx context.Context, text []byte) error
}

// edit opens the editor with a text, checks what was written, opens it again
// with all problems on top, and stores it. What was written is never lost: on
// any failure it is kept in a file, and the error says where.
func (e *env) edit(ctx context.Context, ed editing) error {
	file, err := os.CreateTemp("", "fairway-"+ed.name+"-*.yaml")
	if err != nil {
		return fmt.Errorf("make a file for the editor: %w", err)
	}
	path := file.Name()
	if err := file.Close(); err != nil {
		return err
	}
	// A Ctrl-C in the editor is the editor's own; in front of it, it comes here
	// too, and must not end this process before the text is safe.
	interrupts := make(chan os.Signal, 4)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(interrupts)
	ctx = context.WithoutCancel(ctx)

	text, found := ed.text, problems(nil)
	for {
		if err := os.WriteFile(path, withHeader(ed.intro, found, text), 0o600); err != nil {
			return fmt.Errorf("write the file for the editor: %w", err)
		}
		ended := e.runEditor(path, interrupts)
		written, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read what the editor wrote: %w", err)
		}
		edited := withoutHeader(written)
		untouched := bytes.Equal(edited, ed.text) && !ed.fresh
		switch {
		case untouched && ended == nil, len(bytes.TrimSpace(edited)) == 0 && ended == nil:
			e.say("nothing was changed")
			return os.Remove(path)
		case untouched:
			os.Remove(path)
			return ended
		case ended != nil:
			return e.kept(ed, ended, path)
		case len(found) > 0 && bytes.Equal(edited, text):
			return e.kept(ed, fairway.Errorf(fairway.CodeInvalid, "given up with %s: %w", plural(len(found), "problem"), found), path)
		}
		text = edited
		interrupted, err := saving(ctx, interrupts, func(ctx context.Context) error { return ed.save(ctx, edited) })
		again, mendable := errors.AsType[problems](err)
		if !mendable && fairway.ErrorCode(err) == fairway.CodeInvalid {
			again, mendable = problems{{message: err.Error(), hint: fairway.ErrorHint(err)}}, true
		}
		switch {
		case err == nil:
			return os.Remove(path)
		case interrupted || !mendable:
			return e.kept(ed, err, path)
		}
		found = again
		e.say("%s; the editor opens again", plural(len(found), "problem"))
	}
}

// kept is an error after which the text of an edit is found in a file.
func (e *env) kept(ed editing, err error, path string) error {
	if errors.Is(err, context.Canceled) {
		e.say("the text is kept in %s; `%s --from %s` goes on with it", path, ed.again, path)
		return err
	}
	return fairway.Errorf(fairway.ErrorCode(err), "%w; the text is kept in %s", err, path).WithHint("`%s --from %s` goes on with it", ed.again, path)
}

// saving stores a text; from here on Ctrl-C ends the sending.
func saving(ctx context.Context, interrupts <-chan os.Signal, save func(ctx context.Context) error) (interrupted bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- save(ctx) }()
	select {
	case err = <-done:
	case <-interrupts:
		cancel()
		interrupted, err = true, <-done
	}
	return interrupted && err != nil, err
}

// withHeader puts what the author should know on top of a text. Lines of
// problems count from the top of the file as it is opened.
func withHeader(intro []string, found problems, text []byte) []byte {
	var out bytes.Buffer
	for _, line := range intro {
		fmt.Fprintf(&out, "%s %s\n", mark, line)
	}
	if len(found) > 0 {
		fmt.Fprintf(&out, "%s\n%s %s:\n", mark, mark, plural(len(found), "problem"))
		above := len(intro) + 2 + len(found)
		for _, p := range found {
			if p.line > 0 {
				p.line += above
			}
			fmt.Fprintf(&out, "%s   %s\n", mark, oneLine(p.String()))
		}
	}
	out.Write(text)
	return out.Bytes()
}

// withoutHeader takes the lines on top off again.
func withoutHeader(text []byte) []byte {
	for bytes.HasPrefix(text, []byte(mark)) {
		_, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
	}
	return text
}

// runEditor runs the editor on a file until it ends. Its exit code is an error.
func (e *env) runEditor(path string, interrupts <-chan os.Signal) error {
	editor := editorOf(os.Getenv)
	// As git does: the variable may hold arguments, so a shell reads it.
	c := exec.Command("sh", "-c", editor+` "$1"`, editor, path)
	c.Stdin, c.Stdout, c.Stderr = e.Stdin, e.Stdout, e.Stderr
	if err := c.Start(); err != nil {
		return fairway.Errorf(fairway.CodeInvalid, "start the editor %q: %w", editor, err).WithHint("set VISUAL or EDITOR to an editor")
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for {
		select {
		case err := <-ended:
			return editorEnd(editor, err)
		case s := <-interrupts:
			if s != os.Interrupt { // the terminal has told the editor of that one itself
				c.Process.Signal(s)
			}
		}
	}
}

// editorEnd says how the editor ended.
func editorEnd(editor string, err error) error {
	if err == nil {
		return nil
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if w, ok := exit.Sys().(syscall.WaitStatus); ok && (w.Signaled() || w.ExitStatus() == ExitInterrupted) {
			return context.Canceled
		}
		if exit.ExitCode() == 127 {
			return fairway.Errorf(fairway.CodeInvalid, "the editor %q is not found", editor).WithHint("set VISUAL or EDITOR to an editor")
		}
	}
	return fairway.Errorf(fairway.CodeInvalid, "the editor %q ended without success: %w", editor, err).WithHint("nothing was sent; run it again")
}

func editorOf(env func(string) string) string {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if editor := strings.TrimSpace(env(name)); editor != "" {
			return editor
		}
	}
	return "vi"
}
