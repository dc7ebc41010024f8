package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// command is a child process as it is to be started.
type command struct {
	// name is what messages call the child.
	name string
	path string
	args []string
	// log is the file that takes stdout and stderr, appended.
	log string
	// pidFile takes the process id; "" for none.
	pidFile string
}

// process is a running child. It lives no longer than this process: the kernel
// kills it when we die, and the end of its standard input tells it so too.
type process struct {
	command
	cmd   *exec.Cmd
	stdin io.WriteCloser
	began time.Time
	done  chan struct{} // closed when the process is gone
	err   error         // why it ended; read after done
}

// starter is one thread that lives as long as the process. Pdeathsig speaks of
// the thread that started the child, not of the process: a child that was
// started on any thread is killed when Go's runtime ends that thread.
var starter = sync.OnceValue(func() chan<- func() {
	calls := make(chan func())
	go func() {
		runtime.LockOSThread()
		for call := range calls {
			call()
		}
	}()
	return calls
})

// start starts the child in a process group of its own, so that Ctrl-C in the
// terminal reaches only the supervisor, which ends its children in order.
func start(c command) (*process, error) {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", c.name, err)
	}
	defer log.Close()
	p := &process{command: c, cmd: exec.Command(c.path, c.args...), began: time.Now(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	started := make(chan error)
	starter() <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	if c.pidFile != "" {
		if err := writeFile(c.pidFile, []byte(strconv.Itoa(p.cmd.Process.Pid)+"\n")); err != nil {
			p.kill()
			p.cmd.Wait()
			return nil, err
		}
	}
	go func() {
		// Whatever the child leaves behind in its group goes with it, and before
		// it is reaped, while its process id can belong to nobody else.
		unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		p.kill()
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// kill ends the process and what it started, at once. It must not be called
// once done is closed.
func (p *process) kill() { syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }

// stop asks the process to end and kills it when it has not within grace.
func (p *process) stop(grace time.Duration) {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.stdin.Close()
	select {
	case <-p.done:
	case <-time.After(grace):
		p.kill()
		<-p.done
	}
}

// wasKilled reports whether a signal that cannot be caught ended the process.
func (p *process) wasKilled() bool {
	exit, ok := errors.AsType[*exec.ExitError](p.err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// ended says how the process ended, with the last lines of its log.
func (p *process) ended() error {
	how := "ended with exit code 0"
	if p.err != nil {
		how = "ended: " + p.err.Error()
	}
	if last := tail(p.log, 5); last != "" {
		return fmt.Errorf("%s %s; the last lines of %s:\n%s", p.name, how, p.log, last)
	}
	return fmt.Errorf("%s %s; its log %s is empty", p.name, how, p.log)
}

// tail returns the last n lines of a file, indented; "" when there are none.
func tail(path string, n int) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	const enough = 8 << 10
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		f.Seek(max(0, size-enough), io.SeekStart)
	}
	data, _ := io.ReadAll(f)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	last := lines[max(0, len(lines)-n):]
	// What a panic says stands above its stack.
	for i, line := range lines[:len(lines)-len(last)] {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			last = lines[i : i+1]
		}
	}
	lines = last
	return "  " + strings.Join(lines, "\n  ")
}
