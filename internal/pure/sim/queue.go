package sim

import "time"

// event is something that happens at a time.
type event struct {
	at     time.Duration
	serial int
	do     func()
}

// queue holds the events to come, the next one first: a binary heap.
type queue []event

func (e event) before(o event) bool {
	return e.at < o.at || e.at == o.at && e.serial < o.serial
}

func (q *queue) push(e event) {
	h := append(*q, e)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !e.before(h[up]) {
			break
		}
		h[i], i = h[up], up
	}
	h[i] = e
	*q = h
}

func (q *queue) pop() event {
	h := *q
	next, last := h[0], h[len(h)-1]
	h[len(h)-1] = event{}
	h = h[:len(h)-1]
	*q = h
	if len(h) == 0 {
		return next
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1].before(h[down]) {
			down++
		}
		if !h[down].before(last) {
			break
		}
		h[i], i = h[down], down
	}
	h[i] = last
	return next
}
