package nodegroup

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxBody bounds a request; user data is the largest thing in one.
const maxBody = 1 << 20

// Handler serves the API to those who know token.
func (s *Service) Handler(token string) http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /v1/groups", answer(func(*http.Request) (any, error) { return items(s.Groups()), nil }))
	api.HandleFunc("GET /v1/groups/{name}", answer(func(r *http.Request) (any, error) { return s.Group(r.PathValue("name")) }))
	api.HandleFunc("PUT /v1/groups/{name}", answer(body(func(r *http.Request, u GroupUpdate) (any, error) { return s.PutGroup(r.PathValue("name"), u) })))
	api.HandleFunc("DELETE /v1/groups/{name}", answer(func(r *http.Request) (any, error) { return nil, s.DeleteGroup(r.PathValue("name")) }))
	api.HandleFunc("POST /v1/launch-templates/{name}/versions", answer(body(s.postTemplate)))
	api.HandleFunc("GET /v1/launch-templates/{name}", answer(s.getTemplate))
	api.HandleFunc("GET /v1/instances", answer(s.getInstances))
	api.HandleFunc("POST /v1/instances/{id}/terminate", answer(body(func(r *http.Request, b struct {
		DecrementDesired bool `json:"decrement_desired"`
	}) (any, error) {
		return s.Terminate(r.PathValue("id"), b.DecrementDesired)
	})))
	api.HandleFunc("PUT /v1/instances/{id}/protection", answer(body(func(r *http.Request, b struct {
		Protected bool `json:"protected"`
	}) (any, error) {
		return s.Protect(r.PathValue("id"), b.Protected)
	})))
	api.HandleFunc("/", answer(func(r *http.Request) (any, error) {
		return nil, errorf(CodeNotFound, "%s %s is not part of this API", r.Method, r.URL.Path)
	}))

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	// Faults are not disturbed by faults: they must be possible to end.
	mux.Handle("GET /v1/faults", authorize(token, answer(func(*http.Request) (any, error) { return s.Faults(), nil })))
	mux.Handle("PUT /v1/faults", authorize(token, answer(body(func(_ *http.Request, f Faults) (any, error) { return s.SetFaults(f) }))))
	mux.Handle("/", authorize(token, s.faulty(api)))
	return mux
}

func (s *Service) postTemplate(r *http.Request, c TemplateContent) (any, error) {
	t, made, err := s.AddTemplate(r.PathValue("name"), c)
	if made {
		return created{t}, err
	}
	return t, err
}

func (s *Service) getTemplate(r *http.Request) (any, error) {
	versions, err := s.Templates(r.PathValue("name"))
	return map[string]any{"name": r.PathValue("name"), "versions": versions}, err
}

func (s *Service) getInstances(r *http.Request) (any, error) {
	f := InstanceFilter{Group: r.URL.Query().Get("group"), State: State(r.URL.Query().Get("state"))}
	switch f.State {
	case "", StatePending, StateInService, StateTerminating, StateTerminated:
		return items(s.Instances(f)), nil
	}
	return nil, errorf(CodeInvalid, "state %q does not exist; the states are Pending, InService, Terminating, Terminated", f.State)
}

// created marks an answer whose status is 201.
type created struct{ value any }

func items[T any](list []T) any { return map[string]any{"items": list} }

func authorize(token string, next http.Handler) http.Handler {
	want := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			refuse(w, &Error{Code: CodeUnauthorized, Message: "the bearer token is missing or wrong; it stands in the ready file"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// faulty lets injected faults fail requests before they do anything.
func (s *Service) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.interfere(); err != nil {
			refuse(w, asError(err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// body decodes a JSON body strictly; an empty one is like {}.
func body[B any](f func(*http.Request, B) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		var b B
		d := json.NewDecoder(io.LimitReader(r.Body, maxBody))
		d.DisallowUnknownFields()
		if err := d.Decode(&b); err != nil && !errors.Is(err, io.EOF) {
			return nil, errorf(CodeInvalid, "read body of %s %s: %v", r.Method, r.URL.Path, err)
		}
		return f(r, b)
	}
}

func answer(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r)
		if err != nil {
			refuse(w, asError(err))
			return
		}
		switch v := v.(type) {
		case nil:
			w.WriteHeader(http.StatusNoContent)
		case created:
			write(w, http.StatusCreated, v.value)
		default:
			write(w, http.StatusOK, v)
		}
	}
}

func refuse(w http.ResponseWriter, e *Error) {
	if e.Code == CodeThrottled {
		w.Header().Set("Retry-After", "1")
	}
	write(w, statusOf[e.Code], e)
}

func write(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		status, data = http.StatusInternalServerError, fmt.Appendf(nil, `{"code":"internal","message":%q}`, err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(data, '\n')) // the client is gone if this fails
}
