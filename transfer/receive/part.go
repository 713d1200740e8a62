package receive

import (
	"sync"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// part is the Partial of an attempt, from its beginning until it is published or put
// aside. Goroutines hold it while they use the Partial, many at a time; whoever seals or
// ends it waits for them, and then nobody gets hold of it any more. The zero part has none.
//
// Its mutex is a leaf: it is not held while the Partial is called.
type part struct {
	mu      sync.Mutex
	idle    sync.Cond       // of mu, which is its L once there is a Partial: users are 0
	partial storage.Partial // nil: not begun, or ended
	users   int             // calls to the Partial that may be under way
	closed  bool            // it is sealed, or somebody waits to seal or end it
}

// begin gives the part its Partial.
func (t *part) begin(p storage.Partial) {
	t.mu.Lock()
	t.idle.L = &t.mu
	t.partial = p
	t.mu.Unlock()
}

// hold returns the Partial, which lasts until let is called. It returns nil, and let is
// not to be called, if there is none, or nothing more may be done to it.
func (t *part) hold() storage.Partial {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.partial == nil {
		return nil
	}
	t.users++
	return t.partial
}

func (t *part) let() {
	t.mu.Lock()
	if t.users--; t.users == 0 {
		t.idle.Broadcast()
	}
	t.mu.Unlock()
}

// close keeps others from getting hold of the Partial, and waits for those that have it.
// Callers hold mu, which is given up meanwhile.
func (t *part) close() {
	t.closed = true
	for t.users > 0 {
		t.idle.Wait()
	}
}

// seal seals the Partial, which is then item with the content s, when nobody else uses it.
// ok is false if there is none any more.
func (t *part) seal(item *tree.Entry, s sum) (ok bool, err error) {
	t.mu.Lock()
	t.close()
	p := t.partial
	if p == nil {
		t.mu.Unlock()
		return false, nil
	}
	t.users++
	t.mu.Unlock()
	defer t.let()
	return true, p.Seal(item, s.size, s.root)
}

// peek returns the Partial of a file that is ready. It is the publisher's: nobody else ends
// the part then.
func (t *part) peek() storage.Partial {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.partial
}

// published says that the Partial has its final name.
func (t *part) published() {
	t.mu.Lock()
	t.partial = nil
	t.mu.Unlock()
}

// end discards the Partial, if there is one, once nobody uses it any more. With keep, it
// stays for the next delivery.
func (t *part) end(keep bool) error {
	t.mu.Lock()
	p := t.partial
	t.partial = nil // before it waits: no seal begins then
	t.close()
	t.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.Discard(keep)
}
