package sources_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/engine/sources"
)

// shelf is a config source with channels and the revisions that they stand at.
type shelf struct {
	name     string
	channels map[string]string
	away     error
}

func (s shelf) Name() string                                  { return s.name }
func (s shelf) Refresh(context.Context) error                 { return s.away }
func (s shelf) Promote(context.Context, string, string) error { return nil }
func (s shelf) Resolve(_ context.Context, c string) (string, error) {
	if id, ok := s.channels[c]; ok {
		return id, nil
	}
	return "", fairway.Errorf(fairway.CodeNotFound, "%s has no channel %s", s.name, c)
}

func (s shelf) Open(_ context.Context, revision string) (fs.FS, error) {
	for _, id := range s.channels {
		if id == revision {
			return fstest.MapFS{s.name: {}}, nil
		}
	}
	return nil, fairway.Errorf(fairway.CodeNotFound, "%s has no revision %s", s.name, revision)
}

func combine(t *testing.T, some ...fairway.ConfigSource) *sources.Combined {
	t.Helper()
	c, err := sources.New(some...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var (
	main   = shelf{name: "main", channels: map[string]string{"dev": "m1", "beta": "m0"}}
	addons = shelf{name: "addons", channels: map[string]string{"dev": "a1", "next": "a2"}}
)

func TestResolve(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, channel, want, fails string
		sources                    []fairway.ConfigSource
	}{
		{"one source", "dev", "m1", "", []fairway.ConfigSource{main}},
		{"one source overrides nothing", "dev main=beta", "m1", "", []fairway.ConfigSource{main}},
		{"two sources", "dev", "main=m1;addons=a1", "", []fairway.ConfigSource{main, addons}},
		{"in their order", "dev", "addons=a1;main=m1", "", []fairway.ConfigSource{addons, main}},
		{"another channel for one", "beta addons=next", "main=m0;addons=a2", "", []fairway.ConfigSource{main, addons}},
		{"a channel that one lacks", "beta", "", "addons has no channel beta", []fairway.ConfigSource{main, addons}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := combine(t, tc.sources...).Resolve(t.Context(), tc.channel)
			if got != tc.want || (err == nil) != (tc.fails == "") || err != nil && !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("got %q, %v, want %q, %q", got, err, tc.want, tc.fails)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	both := combine(t, main, addons)
	for _, tc := range []struct {
		name, revision string
		from           *sources.Combined
		want           []string // name@revision
		fails          string
	}{
		{"one source", "m1", combine(t, main), []string{"main@m1"}, ""},
		{"two sources", "main=m1;addons=a2", both, []string{"main@m1", "addons@a2"}, ""},
		{"from when there was one", "a2", both, []string{"addons@a2"}, ""},
		{"of nobody", "z", both, nil, "main has no revision z"},
		{"a source less", "main=m1;addons=a2", combine(t, main), nil, `no config source "addons" any more`},
		{"a revision that is gone", "main=m1;addons=z", both, nil, "addons has no revision z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			files, err := tc.from.Open(t.Context(), tc.revision)
			if tc.fails != "" {
				if fairway.ErrorCode(err) != fairway.CodeNotFound || !strings.Contains(err.Error(), tc.fails) {
					t.Errorf("error %v, want %q", err, tc.fails)
				}
				return
			}
			var got []string
			for _, f := range files {
				got = append(got, f.Name+"@"+f.Revision)
				if _, err := fs.Stat(f.FS, f.Name); err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

// One source that cannot be reached is named, and the others are refreshed.
func TestRefresh(t *testing.T) {
	t.Parallel()
	gone := addons
	gone.away = fairway.Errorf(fairway.CodeUnavailable, "no answer")
	err := combine(t, main, gone).Refresh(t.Context())
	if fairway.ErrorCode(err) != fairway.CodeUnavailable || err.Error() != "refresh config source addons: no answer" {
		t.Errorf("error %v", err)
	}
}

func TestNew_Refused(t *testing.T) {
	t.Parallel()
	for want, some := range map[string][]fairway.ConfigSource{
		"no config source is given":          nil,
		"duplicate config source name: main": {main, main},
	} {
		if _, err := sources.New(some...); fairway.ErrorCode(err) != fairway.CodeInvalid || err.Error() != want || fairway.ErrorHint(err) == "" {
			t.Errorf("error %v, want %q with a hint", err, want)
		}
	}
}
