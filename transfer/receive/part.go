package receive

import (
	"sync"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// part is the Partial of an attempt, from its beginning until it is published or put
// aside. Goroutines hold it while they use the Partial, many at a time; whoever ends it
// waits for them. The zero part has none.
type part struct {
	mu      sync.RWMutex
	partial storage.Partial // nil: not begun, or ended
}

// begin gives the part its Partial.
func (t *part) begin(p storage.Partial) {
	t.mu.Lock()
	t.partial = p
	t.mu.Unlock()
}

// hold returns the Partial, which lasts until let is called. It returns nil, and let is
// not to be called, if there is none.
func (t *part) hold() storage.Partial {
	t.mu.RLock()
	p := t.partial
	if p == nil {
		t.mu.RUnlock()
	}
	return p
}

func (t *part) let() { t.mu.RUnlock() }

// seal seals the Partial, which is then item with the content s, when nobody else uses it.
// ok is false if there is none any more.
func (t *part) seal(item *tree.Entry, s sum) (ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.partial == nil {
		return false, nil
	}
	return true, t.partial.Seal(item, s.size, s.root)
}

// peek returns the Partial of a file that is ready. It is the publisher's: nobody else ends
// the part then.
func (t *part) peek() storage.Partial {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.partial
}

// published says that the Partial has its final name.
func (t *part) published() { t.begin(nil) }

// end discards the Partial, if there is one, once nobody uses it any more. With keep, it
// stays for the next delivery.
func (t *part) end(keep bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.partial
	if t.partial = nil; p == nil {
		return nil
	}
	return p.Discard(keep)
}
