package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// interactive reports whether somebody can answer a question.
func (e *env) interactive() bool {
	f, ok := e.Stdin.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// ask asks for a line; where nobody can answer it is a usage error that says
// which flag answers. It ends with its context.
func (e *env) ask(ctx context.Context, question, instead string) (string, error) {
	if !e.interactive() {
		return "", usagef(instead, "this has to be confirmed, and standard input is no terminal")
	}
	fmt.Fprint(e.Stderr, question)
	type answer struct {
		line string
		err  error
	}
	got := make(chan answer, 1)
	go func() { // a read of a terminal cannot be ended; the process ends soon after
		line, err := bufio.NewReader(e.Stdin).ReadString('\n')
		got <- answer{line, err}
	}()
	select {
	case a := <-got:
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return "", fmt.Errorf("read the answer: %w", a.err)
		}
		return strings.TrimSpace(a.line), nil
	case <-ctx.Done():
		fmt.Fprintln(e.Stderr)
		return "", ctx.Err()
	}
}

// confirmed asks whether to go on; yes answers beforehand.
func (e *env) confirmed(ctx context.Context, yes bool, question string) (bool, error) {
	if yes {
		return true, nil
	}
	answer, err := e.ask(ctx, question+" [y/N] ", "give --yes, or look first with --dry-run")
	if err != nil {
		return false, err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}
