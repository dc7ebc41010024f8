package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// patience is how long an orderly end may take before it is cut short.
const patience = 15 * time.Second

// watchSignals ends the run on the first signal, and the process on the
// second, or when stopping takes too long.
func watchSignals(cancel context.CancelCauseFunc, log *slog.Logger) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	go func() {
		cause, code := errTold, exitFailed
		if s := <-signals; s == syscall.SIGINT {
			cause, code = errInterrupted, exitInterrupted
		}
		cancel(cause)
		select {
		case <-signals:
		case <-time.After(patience):
			log.Error("stopping took too long; ended at once, the data is kept", "seconds", patience.Seconds())
		}
		os.Exit(code)
	}()
}

// watchParent ends the run when the parent process does. The parent is told
// by its process id; where standard input is a pipe, its end says the same
// sooner, and /dev/null or a terminal there says nothing.
func watchParent(cancel context.CancelCauseFunc, log *slog.Logger) {
	parent := os.Getppid()
	dead := make(chan struct{}, 2)
	go func() {
		for os.Getppid() == parent {
			time.Sleep(250 * time.Millisecond)
		}
		dead <- struct{}{}
	}()
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			dead <- struct{}{}
		}()
	}
	go func() {
		<-dead
		cancel(errParentDied)
		time.Sleep(patience)
		log.Error("stopping took too long; ended at once, the data is kept", "seconds", patience.Seconds())
		os.Exit(exitFailed)
	}()
}
