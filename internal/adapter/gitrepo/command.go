package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/fairwayhq/fairway"
)

// git runs the git binary for one repository, with nothing of the machine's
// or the user's configuration and without ever asking a question.
type git struct {
	source string // for errors
	dir    string // the repository
}

// flags are given to every command.
var flags = []string{
	"-c", "core.hooksPath=/dev/null",
	"-c", "gc.auto=0", // collecting garbage is off the hot path
	"-c", "maintenance.auto=false",
	"-c", "fetch.fsckObjects=true",
	"-c", "protocol.ext.allow=never",
	"-c", "core.quotePath=false",
	// Without these, git maps a pack into memory as a whole.
	"-c", "core.packedGitWindowSize=16m",
	"-c", "core.packedGitLimit=128m",
	// A remote that says nothing at all for so long is given up.
	"-c", "http.lowSpeedLimit=1",
	"-c", "http.lowSpeedTime=300",
}

// repositoryVars are the variables that would point git to another repository;
// they are set when a process is started from a git hook.
var repositoryVars = map[string]bool{
	"GIT_ALTERNATE_OBJECT_DIRECTORIES": true, "GIT_CONFIG": true, "GIT_CONFIG_PARAMETERS": true, "GIT_OBJECT_DIRECTORY": true,
	"GIT_DIR": true, "GIT_WORK_TREE": true, "GIT_IMPLICIT_WORK_TREE": true, "GIT_GRAFT_FILE": true, "GIT_INDEX_FILE": true,
	"GIT_NO_REPLACE_OBJECTS": true, "GIT_REPLACE_REF_BASE": true, "GIT_PREFIX": true, "GIT_SHALLOW_FILE": true, "GIT_COMMON_DIR": true,
	"GIT_NAMESPACE": true, "GIT_QUARANTINE_PATH": true, "GIT_EXTERNAL_DIFF": true,
}

// defaultSSH never asks, and notices a remote that is gone.
const defaultSSH = "ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=30 -o ServerAliveCountMax=4"

// environment is the process's own without what would change git's behaviour.
func environment() []string {
	env := []string{"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C"}
	ssh := false
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case repositoryVars[name], name == "LC_ALL", name == "LANGUAGE":
			continue
		case strings.HasPrefix(name, "GIT_TRACE"), name == "GIT_CURL_VERBOSE": // these show credentials
			continue
		case name == "GIT_TERMINAL_PROMPT", name == "GIT_CONFIG_NOSYSTEM", name == "GIT_CONFIG_GLOBAL":
			continue
		case name == "GIT_SSH_COMMAND", name == "GIT_SSH":
			ssh = true
		}
		env = append(env, kv)
	}
	if !ssh {
		env = append(env, "GIT_SSH_COMMAND="+defaultSSH)
	}
	return env
}

// command prepares a command that dies with its children when ctx ends.
func (g git) command(ctx context.Context, args ...string) *exec.Cmd {
	all := append(append([]string{}, flags...), "--git-dir", g.dir)
	cmd := exec.CommandContext(ctx, "git", append(all, args...)...)
	cmd.Env = environment()
	// A group of its own, because git starts ssh and helpers; and a Ctrl-C in
	// the terminal must not end a half-done fetch behind our back.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// gitError is a git command that ended badly.
type gitError struct {
	command string
	stderr  string
	exit    int
}

func (e *gitError) Error() string {
	if e.stderr == "" {
		return "git " + e.command + " ended without a word"
	}
	return "git " + e.command + ": " + e.stderr
}

// run returns what a command prints. The error is a *gitError, the context's,
// or CodeUnavailable when git is not there.
func (g git) run(ctx context.Context, args ...string) (string, error) {
	return g.runWith(ctx, nil, args...)
}

// runWith adds variables to the environment, which win.
func (g git) runWith(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := g.command(ctx, args...)
	cmd.Env = append(cmd.Env, env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if err == nil {
		return out.String(), nil
	}
	return out.String(), g.failure(ctx, args[0], errOut.String(), err)
}

func (g git) failure(ctx context.Context, command, stderr string, err error) error {
	if ctx.Err() != nil {
		return fairway.Errorf(fairway.CodeUnavailable, "git %s for config source %s: %w", command, g.source, context.Cause(ctx))
	}
	if errors.Is(err, exec.ErrNotFound) {
		return fairway.Errorf(fairway.CodeUnavailable, "config source %s: git is not installed", g.source).
			WithHint("install git 2.30 or newer and put it into PATH")
	}
	exit := -1
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		exit = e.ExitCode()
	} else if stderr == "" {
		stderr = err.Error()
	}
	return &gitError{command: command, stderr: lastLines(stderr), exit: exit}
}

// lastLines keeps the end of what git says on one line, where the reason is.
func lastLines(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "hint:") || strings.HasPrefix(line, "Please make sure") || strings.HasPrefix(line, "and the repository exists") {
			continue
		}
		lines = append(lines, line)
	}
	if len(lines) > 3 {
		lines = lines[len(lines)-3:]
	}
	return strings.Join(lines, "; ")
}

// exitCode returns the exit code of a git command that ran, and -1 for other errors.
func exitCode(err error) int {
	if e, ok := errors.AsType[*gitError](err); ok {
		return e.exit
	}
	return -1
}
