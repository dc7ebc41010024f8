package sqlstore

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/postgrestest"
)

// TestPostgresCrash: a server that crashes under writes, five times, loses
// nothing that was acknowledged; the store says meanwhile that it is
// unavailable, and goes on by itself when the server is back.
func TestPostgresCrash(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	moments := rand.New(rand.NewPCG(seed, 0))
	server, err := postgrestest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Remove)
	url, err := server.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := openTest(t, url)
	acknowledged := map[int64]bool{}
	for round := range 5 {
		n := 1 + moments.IntN(60)
		var killed atomic.Bool
		done := make(chan struct{})
		for i := 0; ; i++ {
			if i == n {
				go func() { defer close(done); server.Kill(); killed.Store(true) }()
			}
			e := fairway.Event{Kind: "written"}
			err := s.AppendEvent(t.Context(), &e)
			if err == nil {
				acknowledged[e.Seq] = true
				continue
			}
			if i < n {
				t.Fatalf("round %d: %v", round, err)
			}
			if fairway.ErrorCode(err) != fairway.CodeUnavailable || fairway.ErrorHint(err) == "" {
				t.Fatalf("round %d: a crash of the server is told as %q, code %s", round, err, fairway.ErrorCode(err))
			}
			break
		}
		<-done
		if !killed.Load() {
			t.Fatal("the server was not killed")
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		stored := map[int64]bool{}
		all, err := s.Events(t.Context(), "", 0, 1<<30)
		for try := 0; err != nil && try < 100; try++ { // connections of before are found broken one by one
			all, err = s.Events(t.Context(), "", 0, 1<<30)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			stored[e.Seq] = true
		}
		for seq := range acknowledged {
			if !stored[seq] {
				t.Fatalf("round %d: event %d was acknowledged and is lost", round, seq)
			}
		}
	}
}

// TestPostgresOutOfReach: what is wrong with a database URL is said in words,
// without its password.
func TestPostgresOutOfReach(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url  string
		code fairway.Code
	}{
		"nobody listens": {"postgres://u:secret-word@127.0.0.1:1/db", fairway.CodeUnavailable},
		"not a URL":      {"postgres://u:secret-word@[::1/db", fairway.CodeInvalid},
		"no database":    {postgrestest.Database(t) + "&database=missing", fairway.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(t.Context(), c.url, time.Now)
			if fairway.ErrorCode(err) != c.code || fairway.ErrorHint(err) == "" {
				t.Errorf("got %v of code %s with hint %q", err, fairway.ErrorCode(err), fairway.ErrorHint(err))
			}
			if err != nil && strings.Contains(err.Error(), "secret-word") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

// TestPostgresLosers: a transaction that loses against another is run again.
func TestPostgresLosers(t *testing.T) {
	t.Parallel()
	s := openTest(t, postgrestest.Database(t))
	runs := 0
	err := s.write(t.Context(), func(tx *transaction) error {
		if runs++; runs < 3 {
			return &pgconn.PgError{Code: stateDeadlock}
		}
		return nil
	})
	if err != nil || runs != 3 {
		t.Errorf("%d runs, error %v", runs, err)
	}
}
