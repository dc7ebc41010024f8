package sqlstore

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/postgrestest"
)

func openPool(path string) (*sql.DB, error) { return sql.Open("sqlite", dsn(path, false)) }

// childPath is the environment variable that makes this test program write to a
// store, acknowledging each write on its standard output, until it is killed.
const childPath = "FAIRWAY_TEST_STORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		fmt.Fprintln(os.Stderr, "child:", write(path))
		os.Exit(1)
	}
	os.Exit(postgrestest.Run(m.Run))
}

// write appends events and replaces the config item "count" for ever.
func write(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, path, time.Now)
	if err != nil {
		return err
	}
	c := &fairway.Cluster{ID: "c", Alias: "c", LocalID: "c"}
	if err := s.CreateCluster(ctx, c); err != nil && fairway.ErrorCode(err) != fairway.CodeConflict {
		return err
	}
	for {
		e := fairway.Event{Kind: "written"}
		if err := s.AppendEvent(ctx, &e); err != nil {
			return err
		}
		if _, err := s.ChangeCluster(ctx, "c", func(c *fairway.Cluster) error {
			c.ConfigItems = map[string]string{"count": strconv.FormatInt(e.Seq, 10)}
			return nil
		}); err != nil {
			return err
		}
		if _, err := fmt.Println(e.Seq); err != nil {
			return err
		}
	}
}

// A process that writes is killed at seeded moments, ten times on one database.
// Everything that it acknowledged is there afterwards.
func TestKill(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	moments := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "fairway.db")
	last := int64(0)
	for round := range 10 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childPath+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := bufio.NewScanner(out)
		n := 1 + moments.IntN(40)
		for range n {
			if !acknowledged.Scan() {
				t.Fatalf("round %d: the child ended by itself", round)
			}
			last = number(t, acknowledged.Text())
		}
		time.AfterFunc(time.Duration(moments.IntN(3000))*time.Microsecond, func() { child.Process.Kill() })
		for acknowledged.Scan() { // what it wrote until the kill
			last = number(t, acknowledged.Text())
		}
		child.Wait()

		s, err := Open(t.Context(), path, time.Now)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		all, err := s.Events(t.Context(), "", 0, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range all {
			if e.Seq != int64(i+1) {
				t.Fatalf("round %d: event %d has number %d; one in between is lost", round, i+1, e.Seq)
			}
		}
		c, err := s.Cluster(t.Context(), "c")
		if err != nil {
			t.Fatal(err)
		}
		if stored := number(t, c.ConfigItems["count"]); int64(len(all)) < last || stored < last {
			t.Errorf("round %d: %d events and count %d are stored, %d were acknowledged", round, len(all), stored, last)
		}
		var check string
		if err := s.reader.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&check); err != nil || check != "ok" {
			t.Errorf("round %d: integrity check says %q, error %v", round, check, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if last == 0 {
		t.Error("nothing was ever acknowledged")
	}
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
