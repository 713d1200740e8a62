package object

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"ferry/transfer/object/bucket"
	"ferry/transfer/tree"
)

// What stands under a name. A key may be a file and the beginning of others at once.
const (
	isFile   uint8 = 1 << iota // a key has that name
	isFolder                   // keys begin with it and a slash
)

// maxListed bounds the names that are kept of what stands in the folders that are open, some
// 100 bytes each. In a folder of more, each name is asked for.
const maxListed = 1 << 16

// listing is what stood in a folder when it was first looked at. That something stands there is
// asked anew each time, since others may write there; that nothing did, the condition of
// each write makes sure of.
type listing struct {
	s    *store
	path string // of the folder, with a slash at the end; empty for the destination

	mu    sync.Mutex // guards what follows; load holds it for its requests
	asked bool
	many  bool             // more than are kept
	kinds map[string]uint8 // by name
	files []string         // the names of files, in the order of keys
	ahead lookahead
}

// kind tells what stands under a name. It may be out of date where it says that something does.
func (l *listing) kind(name string) (uint8, error) {
	l.mu.Lock()
	err := l.load()
	kind, many := l.kinds[name], l.many
	l.mu.Unlock()
	if err == nil && many {
		return l.ask(name)
	}
	return kind, err
}

// load lists the folder once. A failure is not kept. Callers hold mu.
func (l *listing) load() error {
	if l.asked {
		return nil
	}
	l.kinds, l.files = make(map[string]uint8), nil
	for o, err := range l.s.b.List(l.s.ctx, l.path, false) {
		if err != nil {
			return err
		}
		name, folder := strings.CutSuffix(strings.TrimPrefix(o.Key, l.path), "/")
		if name == "" || l.path == "" && tree.IsStateName(name) {
			continue // the mark of the folder itself, or ferry's own
		}
		if l.s.listed.Add(1) > maxListed {
			l.s.listed.Add(-int64(len(l.kinds) + 1))
			l.many, l.kinds, l.files = true, nil, nil
			break
		}
		if folder || o.Folder {
			l.kinds[name] |= isFolder
			continue
		}
		l.kinds[name] |= isFile
		l.files = append(l.files, name)
	}
	l.asked = true
	return nil
}

// ask asks the store for one name.
func (l *listing) ask(name string) (kind uint8, err error) {
	switch _, err := l.s.b.Head(l.s.ctx, l.path+name); {
	case err == nil:
		kind = isFile
	case !errors.Is(err, fs.ErrNotExist):
		return 0, err
	}
	for _, err := range l.s.b.List(l.s.ctx, l.path+name+"/", true) {
		if err != nil {
			return 0, err
		}
		return kind | isFolder, nil
	}
	return kind, nil
}

// note says that something stands under a name now.
func (l *listing) note(name string, kind uint8) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked && !l.many {
		l.kinds[name] |= kind
	}
}

// forget lets go of what is kept.
func (l *listing) forget() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.s.listed.Add(-int64(len(l.kinds)))
	l.asked, l.many, l.kinds, l.files, l.ahead = false, false, nil, nil, lookahead{}
}

// lookahead asks for files that are likely to be looked at next: a delivery comes in the order
// of a walk, which is nearly that of keys.
type lookahead struct {
	last  int              // the file that was looked at last, from 1 on
	next  int              // the first that was not asked for ahead
	depth int              // how many are asked for ahead; it grows while that is of use
	found map[string]*head // asked for, and not looked at yet
}

const (
	maxDepth = 64
	maxFound = 1024 // then they are forgotten: the order is another one
)

// head is a question under way.
type head struct {
	done   chan struct{}
	object bucket.Object
	err    error
}

// head asks for what is known to be there, and for what may be looked at next.
func (l *listing) head(name string) (bucket.Object, error) {
	h := l.lookAhead(name)
	if h == nil {
		return l.s.b.Head(l.s.ctx, l.path+name)
	}
	select {
	case <-h.done:
		return h.object, h.err
	case <-l.s.ctx.Done():
		return bucket.Object{}, context.Cause(l.s.ctx)
	}
}

// lookAhead begins what is of use, and returns what was asked for name before; nil is nothing.
func (l *listing) lookAhead(name string) *head {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, there := slices.BinarySearch(l.files, name)
	if !there {
		return nil
	}
	a := &l.ahead
	known := a.found[name]
	switch {
	case known != nil || at == a.last && a.last > 0:
		a.depth = min(max(2*a.depth, 2), maxDepth)
	default:
		a.depth = 0
	}
	delete(a.found, name)
	a.last, a.next = at+1, max(a.next, at+1)
	if len(a.found) > maxFound {
		clear(a.found)
	}
	for ; a.depth > 0 && a.next < min(at+1+a.depth, len(l.files)); a.next++ {
		h := &head{done: make(chan struct{})}
		if a.found == nil {
			a.found = make(map[string]*head)
		}
		a.found[l.files[a.next]] = h
		key := l.path + l.files[a.next]
		l.s.work.Go(func() { l.s.lookUp(key, h) })
	}
	return known
}

// lookUp answers a question.
func (s *store) lookUp(key string, h *head) {
	defer close(h.done)
	select {
	case s.heads <- struct{}{}:
		defer func() { <-s.heads }()
		h.object, h.err = s.b.Head(s.ctx, key)
	case <-s.ctx.Done():
		h.err = context.Cause(s.ctx)
	}
}
