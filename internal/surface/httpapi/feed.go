package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/fairwayhq/fairway"
)

const (
	// feedKept is how many of the newest changes are kept ready for watchers;
	// one that is further behind reads the store.
	feedKept = 1000
	// feedPage is how many changes are read at once.
	feedPage = 200
)

// frame is one change as watchers get it.
type frame struct {
	seq   int64
	kind  string
	place fairway.Place
	text  []byte // as it is sent
}

// feed turns the record of changes into frames, once for all watchers. It is
// safe for concurrent use.
type feed struct {
	store fairway.Store

	mu     sync.Mutex // guards all below
	begun  bool
	frames []frame // those of all changes after from, up to newest
	from   int64
	newest int64
}

// watched are the events that watchers hear of.
var watched = []fairway.ChangeEvent{fairway.ChangeCreated, fairway.ChangeUpdated, fairway.ChangeDeleted}

// after returns the frames after a number, some at a time, and the number up to
// which all have been seen then.
func (f *feed) after(ctx context.Context, seq int64) ([]frame, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.advance(ctx); err != nil {
		return nil, seq, err
	}
	if seq >= f.from {
		i, _ := slices.BinarySearchFunc(f.frames, seq+1, func(one frame, seq int64) int { return int(one.seq - seq) })
		return slices.Clone(f.frames[i:]), f.newest, nil
	}
	from := f.from
	f.mu.Unlock() // a watcher that catches up must not hold up the others
	frames, to, err := f.read(ctx, seq, from+1)
	f.mu.Lock()
	return frames, to, err
}

// advance reads what is new.
func (f *feed) advance(ctx context.Context) error {
	if !f.begun {
		_, newest, err := f.store.ChangeBounds(ctx)
		if err != nil {
			return err
		}
		f.from, f.newest, f.begun = newest, newest, true
	}
	for {
		frames, to, err := f.read(ctx, f.newest, 0)
		if err != nil || to == f.newest {
			return err
		}
		f.frames, f.newest = append(f.frames, frames...), to
		if over := len(f.frames) - feedKept; over > 0 {
			f.from = f.frames[over-1].seq
			f.frames = slices.Clone(f.frames[over:])
		}
	}
}

// read returns frames after a number, and below another when that is not 0, and
// the number up to which all have been read.
func (f *feed) read(ctx context.Context, after, before int64) ([]frame, int64, error) {
	changes, err := f.store.Changes(ctx, fairway.ChangeFilter{After: after, Before: before, Limit: feedPage})
	if err != nil {
		return nil, after, err
	}
	if len(changes) == 0 && before > 0 {
		return nil, before - 1, nil
	}
	var frames []frame
	for _, c := range changes {
		after = c.Seq
		if !slices.Contains(watched, c.Event) {
			continue
		}
		one, err := f.frame(ctx, c)
		if err != nil {
			return nil, after, err
		}
		frames = append(frames, one)
	}
	return frames, after, nil
}

// notice is the data of one event of a watch.
type notice struct {
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	ETag   string `json:"etag"`
	Object any    `json:"object"`
}

// frame makes the frame of a change, with the object as it was then; of a
// deleted one as it was last.
func (f *feed) frame(ctx context.Context, c fairway.Change) (frame, error) {
	out := frame{seq: c.Seq, kind: c.Kind}
	n := notice{Kind: c.Kind, ID: c.ID, ETag: quoted(c.ETag)}
	seq := c.Seq
	if c.Event == fairway.ChangeDeleted {
		seq-- // the version before
	}
	switch c.Kind {
	case fairway.KindCluster:
		cluster, err := f.store.ClusterAt(ctx, c.ID, seq)
		if err != nil {
			return frame{}, err
		}
		out.place = fairway.PlaceOf(cluster)
		n.Object = wire(*cluster, true)
	case fairway.KindAccount:
		account, err := f.store.AccountAt(ctx, c.ID, seq)
		if err != nil {
			return frame{}, err
		}
		out.place = fairway.Place{Account: account.ID, Environment: account.Environment}
		n.Object = account
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "id: %d\nevent: %s\ndata: ", c.Seq, c.Event)
	e := json.NewEncoder(&text) // one line, with a line feed at its end
	e.SetEscapeHTML(false)
	if err := e.Encode(n); err != nil {
		return frame{}, err
	}
	text.WriteByte('\n')
	out.text = text.Bytes()
	return out, nil
}
