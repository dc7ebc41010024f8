package render

import (
	queue "container/list"
	"crypto/sha256"
	"hash"
	"sync"

	"github.com/fairwayhq/fairway"
)

// Cache remembers what renders have in common: parsed templates, and the
// objects of rendered manifests. Both are found by the text that they were made
// of, so that a render with a cache gives the same bytes as one without, in any
// order and whatever the cache holds; nothing has to be thrown away when a
// configuration changes. What was not used for longest goes when it is full.
//
// A cache is safe for concurrent use and lasts as long as its owner. Objects
// that come from it are shared by bundles: nobody may change the objects of a
// bundle.
type Cache struct {
	mu    sync.Mutex
	left  int // bytes that are free; guarded by mu, as what follows
	byKey map[cacheKey]*queue.Element
	order *queue.List // of *cached, last used first
}

// DefaultCacheBytes is room for the configuration of a fleet at several
// revisions: what its clusters have in common, some 10 MiB for a repository of
// the usual size, and what the last of them have for themselves, 1 MiB each.
const DefaultCacheBytes = 48 << 20

// NewCache returns a cache that takes about so many bytes of memory.
func NewCache(bytes int) *Cache {
	return &Cache{left: bytes, byKey: map[cacheKey]*queue.Element{}, order: queue.New()}
}

// cacheKey is a kind of value and the digest of all that it was made of.
type cacheKey struct {
	kind byte
	sum  [sha256.Size]byte
}

// The kinds of values.
const (
	keyTemplate  = 't'
	keyObjects   = 'o'
	keyDocuments = 'd'
	keyStack     = 's'
)

// keyOf returns the key of a value that is made of a text, and of a name that
// has no zero byte.
func keyOf(kind byte, name, text string) cacheKey {
	d := digesters.Get().(*digester)
	defer digesters.Put(d)
	d.Reset()
	d.add(name)
	d.add("\x00")
	d.add(text)
	k := cacheKey{kind: kind}
	d.Sum(k.sum[:0])
	return k
}

// digester digests texts of any length without copies of them.
type digester struct {
	hash.Hash
	part [8 << 10]byte
}

var digesters = sync.Pool{New: func() any { return &digester{Hash: sha256.New()} }}

func (d *digester) add(text string) {
	for len(text) > 0 {
		n := copy(d.part[:], text)
		d.Write(d.part[:n])
		text = text[n:]
	}
}

// cached is one value of the cache.
type cached struct {
	key   cacheKey
	value any
	bytes int
}

// cachedOverhead is what an entry takes beside its value.
const cachedOverhead = 256

// remembered returns the value of a key, made and kept if it is not there;
// bytes is what a value takes in memory. Errors are not kept. Without a cache
// it is made at every call. Two that ask at once may both make it.
func remembered[T any](c *Cache, key func() cacheKey, bytes func(T) int, make func() (T, error)) (T, error) {
	if c == nil {
		return make()
	}
	k := key()
	if v, found := c.get(k); found {
		return v.(T), nil
	}
	v, err := make()
	if err == nil {
		c.put(&cached{key: k, value: v, bytes: bytes(v) + cachedOverhead})
	}
	return v, err
}

func (c *Cache) get(k cacheKey) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[k]
	if e == nil {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).value, true
}

func (c *Cache) put(one *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[one.key] != nil {
		return // another render was quicker
	}
	c.byKey[one.key] = c.order.PushFront(one)
	c.left -= one.bytes
	for c.left < 0 {
		last := c.order.Remove(c.order.Back()).(*cached)
		delete(c.byKey, last.key)
		c.left += last.bytes
	}
}

// size is about what a value of JSON or YAML takes in memory.
func size(v any) int {
	switch v := v.(type) {
	case string:
		return 16 + len(v)
	case []any:
		n := 24
		for _, one := range v {
			n += 16 + size(one)
		}
		return n
	case map[string]any:
		n := mapSize(len(v))
		for k, one := range v {
			n += len(k) + size(one)
		}
		return n
	case map[any]any:
		n := mapSize(len(v))
		for k, one := range v {
			n += size(k) + size(one)
		}
		return n
	}
	return 8
}

// mapSize is what a map of n entries takes without what they point at: groups of
// eight, of 32 bytes each, filled to seven eighths at most.
func mapSize(n int) int { return 48 + (n/7+1)*(8+8*32) }

// sizeOf is about what objects take in memory.
func sizeOf(objects []fairway.Object) int {
	n := 0
	for _, o := range objects {
		n += 8 + size(map[string]any(o))
	}
	return n
}
