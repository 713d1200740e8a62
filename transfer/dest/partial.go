package dest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"sync"
	"sync/atomic"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// partial is the content of one file on its way in: storage.Partial. Content of at most one
// chunk, and streams, is written to a file without a name where the system has
// those, else to "<random>.tmp", and is gone with the process or Discard.
// Larger files have "<key>.part" and "<key>.tree", which the next run finds.
//
// Lock order: body.mu, then the lock of the state folder. Writing is held for one write
// and no other lock is taken under it.
type partial struct {
	f      *files
	parent *node
	item   string // its name
	size   int64  // bytes, -1 unknown
	sparse bool   // blocks of zeros become holes
	body   body

	key    string // of part and tree, "" unless they are kept
	hint   *hint  // nil without key, and when the file system refused it
	reused bool   // bytes of an earlier run may be in it

	// writing lets one write of a chunk in at a time. The kernel does so too, by
	// a lock of the file on which the others spin: that burns a processor.
	writing sync.Mutex

	failed atomic.Pointer[storage.Error] // first error of a write or sync, never cleared
	wrote  atomic.Bool                   // this run wrote to it
	dirty  atomic.Int64                  // bytes written since startWriteBack, about
	whole  bool                          // all of it came in one chunk
	sealed bool
	ended  bool // published, discarded or poisoned
	digest checksum.Digest
	lost   []tree.Loss // at Seal
}

// open returns the file to write to, made if this is the first byte.
func (p *partial) open() (*os.File, error) {
	if err := p.failed.Load(); err != nil {
		return nil, err
	}
	p.body.mu.Lock()
	defer p.body.mu.Unlock()
	if p.sealed || p.ended {
		return nil, errors.New("the content is complete already")
	}
	return p.body.open()
}

// fail wraps err as an error of this file; nil stays nil.
func (p *partial) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return fail(op, p.parent.path(p.item), err)
}

// broke is fail for errors that spoil what was written: the first one sticks.
func (p *partial) broke(op string, err error) error {
	err = p.fail(op, err)
	var e *storage.Error
	if errors.As(err, &e) {
		p.failed.CompareAndSwap(nil, e)
	}
	return err
}

// Present is storage.Partial's. Nothing is yielded for a part that was not there before.
func (p *partial) Present(ctx context.Context) iter.Seq2[uint64, checksum.CV] {
	return func(yield func(uint64, checksum.CV) bool) {
		if p.hint != nil && p.reused {
			p.hint.claims(ctx, checksum.Chunks(p.size), yield)
		}
	}
}

// Allocated is storage.Partial's: 0 where the system does not tell.
func (p *partial) Allocated() int64 {
	if p.body.file == nil {
		return 0
	}
	info, err := tree.Fstat(p.body.file)
	if err != nil {
		return 0
	}
	return max(info.Allocated, 0)
}

// Seal is storage.Partial's.
func (p *partial) Seal(e *tree.Entry, size int64, root checksum.Digest) error {
	file, err := p.open() // an empty file has no write before
	if err != nil {
		return p.broke("completing", err)
	}
	if p.whole {
		if size != p.size {
			return p.broke("completing", fmt.Errorf("%d bytes instead of %d", p.size, size))
		}
	} else if err := setSize(file, size); err != nil {
		return p.broke("completing", err)
	}
	a := p.f.dress.applyNew(p.parent, e)
	a.NoACL = p.body.name == ""
	var before []tree.Loss
	if p.reused {
		before, err = p.f.dress.strip(file, e)
	}
	if err == nil {
		p.lost, err = a.ToFile(file)
	}
	if err != nil {
		return p.broke("completing", err)
	}
	p.lost = addLosses(p.lost, before)
	p.digest, p.sealed = root, true
	if p.body.spilled {
		return p.broke("completing", p.spill())
	}
	return nil
}

func setSize(file *os.File, size int64) error {
	info, err := tree.Fstat(file)
	if err == nil && info.Size != size {
		err = file.Truncate(size)
	}
	return err
}

// spill makes the content durable at once and gives its handle back.
func (p *partial) spill() error {
	if err := p.sync(); err != nil {
		return err
	}
	if p.f.opts.VerifyDisk {
		if err := p.readBack(nil); err != nil {
			return err
		}
	}
	return p.body.close()
}

// sync makes content and metadata durable, unless Options.NoSync.
func (p *partial) sync() error {
	file := p.body.file
	if p.f.opts.NoSync {
		return flush(file)
	}
	err := tree.Sync(file)
	if err == nil && p.parent.vol.doubtful {
		// A server's close can tell what its sync did not, and to close the file once it
		// has its name is too late: the next run would find it unchanged.
		return flush(file)
	}
	if err == nil || !tree.Unsyncable(err) {
		return err
	}
	return errors.Join(p.parent.vol.sync.cover(err), flush(file))
}

// Discard is storage.Partial's. After a failed write or sync the page cache lies, and a
// part is removed like all else.
func (p *partial) Discard(keep bool) error {
	if p.ended {
		return nil
	}
	if err := p.failed.Load(); err != nil && err.Kind != storage.NoSpace {
		keep = false
	}
	if p.key == "" || !keep || !p.reused && !p.wrote.Load() {
		return p.fail("discarding", p.remove())
	}
	p.ended = true
	// The sender may say next that the file is another one now.
	p.parent.vol.state.leaveOld(p.body.name)
	err := p.release()
	if err != nil {
		// A close that fails has lost data, as a sync that fails has.
		err = errors.Join(err, p.remove())
	}
	return p.fail("keeping", err)
}

// remove unlinks all that has a name, then lets go.
func (p *partial) remove() error {
	p.ended = true
	err := p.body.unlink()
	if p.key != "" && p.body.name != "" {
		err = errors.Join(err, p.removeHint())
	}
	_ = p.release() // nobody misses what a close that fails has lost of it
	return err
}

func (p *partial) removeHint() error {
	return ignoreAbsent(p.body.dir.Remove(p.key+treeSuffix, false))
}

// release closes the files, and with that unlocks the part.
func (p *partial) release() error {
	p.f.work.remove(p)
	if p.hint != nil {
		// What the tree file lost is only hashed or sent again.
		_ = p.hint.file.Close()
		p.hint = nil
	}
	return p.body.close()
}
