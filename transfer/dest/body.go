package dest

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"ferry/transfer/tree"
)

// inWork are the partials that were begun and have not ended, and the handles that those
// hold that are not kept for the next delivery.
type inWork struct {
	budget  int64        // most handles; what is begun beyond is closed at Seal
	handles atomic.Int64 // held

	mu       sync.Mutex // guards what follows
	closed   bool
	partials map[*partial]struct{}
}

// add reports false if the destination is closed.
func (w *inWork) add(p *partial) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.partials[p] = struct{}{}
	return true
}

func (w *inWork) remove(p *partial) {
	w.mu.Lock()
	delete(w.partials, p)
	w.mu.Unlock()
}

func (w *inWork) all() []*partial {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]*partial, 0, len(w.partials))
	for p := range w.partials {
		list = append(list, p)
	}
	return list
}

// close lets nothing more begin. It reports whether it is the first call.
func (w *inWork) close() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := !w.closed
	w.closed = true
	return first
}

// body is the file that the content of a partial is in. It is made with the first byte,
// without a name where the system has such files, else in the state folder; or it is
// the part that claim got hold of.
type body struct {
	work   *inWork
	parent *node  // what the content goes into
	mode   uint32 // at birth, of a file without a name

	mu      sync.Mutex // held while file is made; guards name too
	file    *os.File   // nil until the first byte, and after spill
	dir     *tree.Dir  // where name is
	name    string     // "": none yet
	counted bool       // among inWork.handles
	spilled bool       // it is synced and closed at Seal, for want of handles
}

// open returns the file, made if there is none. Callers hold mu.
func (b *body) open() (*os.File, error) {
	if b.file != nil {
		return b.file, nil
	}
	b.counted = true
	crowded := b.work.handles.Add(1) > b.work.budget
	if vol := b.parent.vol; !crowded && !vol.noUnnamed.Load() {
		file, err := b.parent.dir.CreateUnnamed(b.mode)
		if err == nil {
			b.file = file
			return file, nil
		}
		if !errors.Is(err, errors.ErrUnsupported) {
			return nil, err
		}
		vol.noUnnamed.Store(true)
	}
	if err := b.create(); err != nil {
		return nil, err
	}
	b.spilled = crowded
	return b.file, nil
}

// create makes the file under a temporary name in the state folder.
func (b *body) create() error {
	err := b.parent.vol.state.in(func(dir *tree.Dir) (err error) {
		b.dir, b.name = dir, tempName()
		b.file, err = dir.Create(b.name, 0o600)
		return err
	})
	if err != nil {
		b.name = ""
	}
	return err
}

// nameNow is the name that the file has in the state folder at this moment.
func (b *body) nameNow() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.name
}

// close closes the file, if it is open.
func (b *body) close() error {
	b.uncount()
	if b.file == nil {
		return nil
	}
	file := b.file
	b.file = nil
	return file.Close()
}

func (b *body) uncount() {
	if b.counted {
		b.counted = false
		b.work.handles.Add(-1)
	}
}

// unlink takes the name in the state folder away, if there is one.
func (b *body) unlink() error {
	if b.name == "" {
		return nil
	}
	return ignoreAbsent(b.dir.Remove(b.name, false))
}

// link gives the file its name if that is free, else it fails with fs.ErrExist.
func (b *body) link(name string) error {
	if b.name == "" {
		return b.parent.dir.LinkUnnamed(b.file, name)
	}
	return b.dir.Rename(b.name, b.parent.dir, name, false)
}

// put gives the file its name by put, which moves a name in the state folder there. A file
// without a name gets one for it: no system links over a name.
func (b *body) put(put func(dir *tree.Dir, temp string) error) error {
	if b.name != "" {
		return put(b.dir, b.name)
	}
	temp := tempName()
	return b.parent.vol.state.in(func(dir *tree.Dir) error {
		if err := dir.LinkUnnamed(b.file, temp); err != nil {
			return err
		}
		err := put(dir, temp)
		if err != nil {
			err = errors.Join(err, ignoreAbsent(dir.Remove(temp, false)))
		}
		return err
	})
}

// gone reports whether the name in the state folder is not there any more.
func (b *body) gone() bool {
	if b.name == "" {
		return false
	}
	_, err := b.dir.Lstat(b.name)
	return err != nil
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
