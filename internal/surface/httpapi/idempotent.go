package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"

	"github.com/fairwayhq/fairway"
)

const (
	// headerKey is the header by which a caller says that a POST is the same one
	// as before, sent again because no answer came.
	headerKey = "Idempotency-Key"
	// longestKey is the most characters of a key.
	longestKey = 200
	// largestKept is the largest answer that is kept; a larger one is sent, and
	// the request is worked on again when it comes again.
	largestKept = 4 << 20
)

// idempotent answers a POST with a key that was answered before in the same
// words, without doing it again. Keys belong to their caller, for a day.
func (a *api) idempotent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get(headerKey)
		if r.Method != http.MethodPost || key == "" {
			next.ServeHTTP(w, r)
			return
		}
		if len(key) > longestKey {
			a.fail(w, r, fairway.Errorf(fairway.CodeInvalid, "%s has more than %d characters", headerKey, longestKey))
			return
		}
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); err != nil && !tooLarge {
			a.fail(w, r, unread(err))
			return
		} else if tooLarge {
			a.fail(w, r, fairway.Errorf(fairway.CodeInvalid, "%w", &httpError{http.StatusRequestEntityTooLarge, "the body is too large"}))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
		sum := sha256.Sum256(append([]byte(r.URL.RequestURI()+"\n"), text...))
		mine := fairway.KeptAnswer{Key: principalOf(r.Context()).Name + " " + key, Request: hex.EncodeToString(sum[:])}
		kept, err := a.Store.BeginAnswer(r.Context(), mine)
		switch {
		case err != nil:
			a.fail(w, r, err)
		case kept == nil:
			a.answerOnce(w, r, next, mine)
		case kept.Request != mine.Request:
			a.fail(w, r, fairway.Errorf(fairway.CodeInvalid, "%s was used for another request", headerKey).WithHint("take a new key for each request"))
		case kept.Status == 0:
			a.fail(w, r, fairway.Errorf(fairway.CodeConflict, "the same request is being worked on").WithHint("send it again in a moment"))
		default:
			w.Header().Set("Content-Type", kept.ContentType)
			w.Header().Set("Idempotent-Replayed", "true")
			w.WriteHeader(kept.Status)
			w.Write(kept.Body)
		}
	})
}

// answerOnce works on the request and keeps the answer. What failed on our side
// is not kept: it shall be tried again.
func (a *api) answerOnce(w http.ResponseWriter, r *http.Request, next http.Handler, mine fairway.KeptAnswer) {
	copied := &copying{ResponseWriter: w, status: http.StatusOK}
	done := false
	defer func() {
		if !done || copied.status >= 500 || copied.status == http.StatusTooManyRequests || copied.body.Len() > largestKept {
			mine.Status = 0
		} else {
			mine.Status, mine.ContentType, mine.Body = copied.status, w.Header().Get("Content-Type"), copied.body.Bytes()
		}
		// Also when the caller has gone meanwhile: it will ask again.
		if err := a.Store.KeepAnswer(context.WithoutCancel(r.Context()), mine); err != nil {
			a.Log.Error("an answer could not be kept", "error", err)
		}
	}()
	next.ServeHTTP(copied, r)
	done = true
}

// copying keeps a copy of an answer.
type copying struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (c *copying) WriteHeader(status int) { c.status = status; c.ResponseWriter.WriteHeader(status) }

func (c *copying) Write(b []byte) (int, error) {
	if c.body.Len() <= largestKept {
		c.body.Write(b)
	}
	return c.ResponseWriter.Write(b)
}

// Unwrap gives http.ResponseController what it controls.
func (c *copying) Unwrap() http.ResponseWriter { return c.ResponseWriter }
