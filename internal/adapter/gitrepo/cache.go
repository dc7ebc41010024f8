package gitrepo

import (
	"container/list"
	"sync"
)

// cache keeps the objects that were used last, up to a number of bytes. Safe
// for concurrent use.
type cache struct {
	mu    sync.Mutex
	left  int // bytes that are free
	byID  map[string]*list.Element
	order *list.List // of *object, last used first
}

func newCache(bytes int) *cache {
	return &cache{left: bytes, byID: map[string]*list.Element{}, order: list.New()}
}

// cost is about what an object takes in memory.
func (o *object) cost() int { return 256 + len(o.content) + 128*len(o.entries) }

func (c *cache) get(id string) *object {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byID[id]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*object)
}

// put keeps an object; what was not used for longest has to go for it.
func (c *cache) put(o *object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID[o.id] != nil {
		return
	}
	c.byID[o.id] = c.order.PushFront(o)
	c.left -= o.cost()
	for c.left < 0 {
		last := c.order.Remove(c.order.Back()).(*object)
		delete(c.byID, last.id)
		c.left += last.cost()
	}
}
