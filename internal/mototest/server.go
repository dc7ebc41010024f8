// Package mototest starts moto, an emulator of AWS, for a test: on loopback, in a
// process of its own that ends with the test.
//
//	url := mototest.Start(t)
package mototest

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// startTimeout is how long it may take until it answers: it is Python.
const startTimeout = 2 * time.Minute

// Account is the number of moto's account, Region one of its regions.
const (
	Account = "123456789012"
	Region  = "eu-central-1"
)

// Start returns the URL of an empty AWS. The program is FAIRWAY_MOTO, which
// `make test` installs, or else moto_server in the PATH.
func Start(t testing.TB) string {
	t.Helper()
	program := os.Getenv("FAIRWAY_MOTO")
	if _, err := os.Stat(program); err != nil {
		if program, err = exec.LookPath("moto_server"); err != nil {
			t.Fatal("moto is needed by this test and not found: make test installs it, or pip install 'moto[server]'")
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	var log bytes.Buffer
	cmd := exec.Command(program, "-H", host, "-p", port)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start moto: %v", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it holds nothing
		<-ended
	})
	url := "http://" + net.JoinHostPort(host, port)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/moto-api/data.json", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			answer.Body.Close()
			return url
		}
		select {
		case <-ended:
			t.Fatalf("moto ended: %s", log.String())
		case <-ctx.Done():
			t.Fatal("moto did not answer in time")
		case <-time.After(100 * time.Millisecond):
		}
	}
}
