package object

import (
	"container/heap"
	"iter"
	"strings"

	"ferry/transfer/object/bucket"
)

// cursor goes through the keys below a prefix in the order of a walk: what is in a folder
// together, and names in the order of their bytes. A store lists in the order of the keys'
// bytes, in which "a-b" is before "a/x", and "a0" behind it.
//
// So a key is held until the list is past each folder that would come before it: one whose
// name it begins with, before a byte that is less than a slash. Most often that is so with the
// next key. If maxHeld keys wait, the store is asked whether there is such a folder. If there
// is, it is listed by itself, and again, for nothing, when the list comes to it.
//
// One goroutine has it.
type cursor struct {
	s      *Source
	prefix string
	next   func() (bucket.Listed, error, bool)
	stop   func()
	err    error
	over   bool   // the list has ended
	last   string // the key that the list came to last
	held   byWalk
	passed map[string]bool // prefixes that nothing has, or that were listed by themselves
	inner  *cursor         // lists one by itself

	at *folder // that the first key is in, for whoever asks next for what is in it
}

// maxHeld is how many keys wait at most: about a megabyte.
const maxHeld = 4096

func newCursor(s *Source, prefix string) *cursor {
	c := &cursor{s: s, prefix: prefix, passed: make(map[string]bool)}
	c.next, c.stop = iter.Pull2(s.b.List(s.ctx, prefix, true))
	return c
}

func (c *cursor) close() {
	c.stop()
	if c.inner != nil {
		c.inner.close()
	}
}

// failure is why the keys ended before their end. It is told once.
func (c *cursor) failure() error {
	err := c.err
	c.err = nil
	if err != nil {
		err = c.s.failed(err)
	}
	return err
}

// more reports whether the next key has a prefix.
func (c *cursor) more(prefix string) bool {
	c.settle()
	if c.inner != nil {
		return strings.HasPrefix(c.inner.key().Key, prefix)
	}
	return len(c.held) > 0 && strings.HasPrefix(c.held[0].Key, prefix)
}

// key is the next one, of which more was true.
func (c *cursor) key() bucket.Object {
	if c.inner != nil {
		return c.inner.key()
	}
	return c.held[0]
}

// take goes on to the next key.
func (c *cursor) take() {
	if c.inner != nil {
		c.inner.take()
		return
	}
	heap.Pop(&c.held)
}

// settle finds out which key is the next.
func (c *cursor) settle() {
	for {
		if c.inner != nil {
			if c.inner.more("") {
				return
			}
			c.fail(c.inner.err)
			c.inner.close()
			c.inner = nil
		}
		if len(c.held) > 0 && (c.over || c.settled(c.held[0].Key)) {
			return
		}
		switch {
		case c.over:
			return
		case len(c.held) >= c.s.held:
			c.probe(c.held[0].Key)
		default:
			c.read()
		}
	}
}

// fail ends all.
func (c *cursor) fail(err error) {
	if err != nil {
		c.err, c.over, c.held = err, true, nil
	}
}

// read takes one more key off the list.
func (c *cursor) read() {
	l, err, ok := c.next()
	if !ok || err != nil {
		c.over = true
		c.fail(err)
		return
	}
	c.last = l.Key
	for prefix := range c.passed {
		if strings.HasPrefix(l.Key, prefix) {
			return
		}
		if c.isPast(prefix) {
			delete(c.passed, prefix)
		}
	}
	heap.Push(&c.held, l.Object)
}

// isPast reports whether the list is past all keys that have a prefix.
func (c *cursor) isPast(prefix string) bool {
	return c.last > prefix && !strings.HasPrefix(c.last, prefix)
}

// before yields the prefixes of the folders that would come before a key and behind it in the
// list, the first first.
func (c *cursor) before(key string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := len(c.prefix); i < len(key); i++ {
			if key[i] < '/' && !yield(key[:i]+"/") {
				return
			}
		}
	}
}

// settled reports whether nothing that is still to be listed comes before a key.
func (c *cursor) settled(key string) bool {
	for prefix := range c.before(key) {
		if !c.passed[prefix] && !c.isPast(prefix) {
			return false
		}
	}
	return true
}

// probe asks for the folders that may come before a key.
func (c *cursor) probe(key string) {
	for prefix := range c.before(key) {
		if c.passed[prefix] || c.isPast(prefix) {
			continue
		}
		there := false
		for _, err := range c.s.b.List(c.s.ctx, prefix, true) {
			if err != nil {
				c.fail(err)
				return
			}
			there = true
			break
		}
		c.passed[prefix] = true
		if there {
			c.inner = newCursor(c.s, prefix)
			return
		}
	}
}

// byWalk is a heap of objects, of which the first comes first in a walk.
type byWalk []bucket.Object

func (h byWalk) Len() int           { return len(h) }
func (h byWalk) Less(i, j int) bool { return walksBefore(h[i].Key, h[j].Key) }
func (h byWalk) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byWalk) Push(o any)        { *h = append(*h, o.(bucket.Object)) }

func (h *byWalk) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = bucket.Object{}
	*h = old[:len(old)-1]
	return last
}

// walksBefore reports whether a walk comes to the key a before b: a slash is less than any
// other byte.
func walksBefore(a, b string) bool {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == b[i]:
		case a[i] == '/':
			return true
		case b[i] == '/':
			return false
		default:
			return a[i] < b[i]
		}
	}
	return len(a) < len(b)
}
