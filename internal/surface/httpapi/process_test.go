package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/postgrestest"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// childDatabase is the environment variable that makes this test program serve
// a database until its standard input ends.
const childDatabase = "FAIRWAY_TEST_SERVE"

func TestMain(m *testing.M) {
	if database := os.Getenv(childDatabase); database != "" {
		if path := os.Getenv("FAIRWAY_TEST_PROFILE"); path != "" {
			if to, err := os.Create(path); err == nil && pprof.StartCPUProfile(to) == nil {
				defer pprof.StopCPUProfile()
			}
		}
		if err := serveUntilTheEnd(database); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(postgrestest.Run(m.Run))
}

// serveUntilTheEnd is a registry as a process: what `fairway server` serves,
// without a manager. It prints its address.
func serveUntilTheEnd(database string) error {
	store, err := sqlstore.Open(context.Background(), database, time.Now)
	if err != nil {
		return err
	}
	defer store.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	closing := make(chan struct{})
	s := &http.Server{Handler: httpapi.New(httpapi.Options{Store: store, Rate: -1, Closing: closing, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Authenticator: auth.Static(auth.Token{Name: "admin", Role: fairway.RoleAdmin, Secret: adminToken})})}
	s.RegisterOnShutdown(sync.OnceFunc(func() { close(closing) }))
	go func() {
		io.Copy(io.Discard, os.Stdin)
		s.Shutdown(context.Background())
	}()
	fmt.Println("http://" + listener.Addr().String())
	if err := s.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// startProcess runs a registry as a process of its own until the test ends.
func startProcess(t testing.TB, database string) (url string, process *exec.Cmd) {
	t.Helper()
	process = exec.Command(os.Args[0])
	process.Env = append(os.Environ(), childDatabase+"="+database)
	process.Stderr = os.Stderr
	in, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		end := time.AfterFunc(10*time.Second, func() { process.Process.Kill() })
		process.Wait()
		end.Stop()
	})
	said := bufio.NewScanner(out)
	if !said.Scan() {
		t.Fatal("the server does not start")
	}
	return said.Text(), process
}
