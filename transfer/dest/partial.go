package dest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"sync"
	"sync/atomic"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// Partial is the content of one file on its way in. Content of at most one
// chunk, and streams, is written to a file without a name where the system has
// those, else to "<random>.tmp", and is gone with the process or Discard.
// Larger files have "<key>.part" and "<key>.tree", which the next run finds.
//
// WriteChunk, WriteHole, CopyChunk, ReadChunk and Mark may be called at the
// same time for different chunks. Begin's caller calls the rest, one at a time,
// and ends with a Publish that succeeds or with Discard.
type Partial struct {
	f      *Folder
	vol    *volume
	parent *node
	item   string // its name
	mode   uint32 // at birth, of a file without a name
	size   int64  // bytes, -1 unknown

	key  string // of part and tree, "" unless they are kept
	hint *hint  // nil without key, and when the file system refused it

	mu      sync.Mutex // guards the making of file
	file    *os.File   // nil until the first byte, and after spill
	dir     *tree.Dir  // where name is
	name    string     // "": none yet
	counted bool       // against Folder.fileBudget

	// writing lets one write of a chunk in at a time. The kernel does so too, by
	// a lock of the file on which the others spin: that burns a processor.
	writing sync.Mutex

	failed  atomic.Pointer[Error] // first error of a write or sync, never cleared
	reused  bool                  // bytes of an earlier run may be in it
	wrote   atomic.Bool           // this run wrote to it
	dirty   atomic.Int64          // bytes written since startWriteBack, about
	whole   bool                  // written by Write
	sparse  bool                  // see KeepHoles
	spilled bool                  // synced and closed at Seal, for want of handles
	sealed  bool
	ended   bool // published, discarded or poisoned
	digest  *checksum.Digest
	lost    []tree.Loss // at Seal
}

// Begin returns the partial for e's content. For a file of more than one chunk
// it takes what an earlier run left of this version of it, or else of another
// version, and fails with ErrLocked while another delivery has it. Smaller ones
// cost no system call yet.
func (f *Folder) Begin(e *tree.Entry) (*Partial, error) {
	parent, err := f.parent(e)
	if err != nil {
		return nil, fail("starting", e.Name, err)
	}
	p := &Partial{f: f, vol: parent.vol, parent: parent, item: e.Name, mode: f.birthMode(e), size: e.Size}
	if e.Kind == tree.Stream || e.Size < 0 {
		p.size = -1
	}
	if p.size > checksum.ChunkSize && !p.vol.noLocks.Load() {
		if err := p.claim(e); err != nil {
			return nil, p.fail("starting", err)
		}
	}
	f.mu.Lock()
	closed := f.closed
	if !closed {
		f.partials[p] = struct{}{}
	}
	f.mu.Unlock()
	if closed {
		return nil, p.fail("starting", errors.Join(os.ErrClosed, p.release()))
	}
	return p, nil
}

// open returns the file to write to, made if this is the first byte.
func (p *Partial) open() (*os.File, error) {
	if err := p.failed.Load(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.sealed || p.ended:
		return nil, errors.New("the content is complete already")
	case p.file != nil:
		return p.file, nil
	}
	p.counted = true
	crowded := p.f.fileHandles.Add(1) > p.f.fileBudget
	if !crowded && !p.vol.noUnnamed.Load() {
		file, err := p.parent.dir.CreateUnnamed(p.mode)
		if err == nil {
			p.file = file
			return file, nil
		}
		if !errors.Is(err, errors.ErrUnsupported) {
			return nil, err
		}
		p.vol.noUnnamed.Store(true)
	}
	err := p.vol.inState(func(dir *tree.Dir) (err error) {
		p.dir, p.name = dir, tempName()
		p.file, err = dir.Create(p.name, 0o600)
		return err
	})
	if err != nil {
		p.name = ""
		return nil, err
	}
	p.spilled = crowded
	return p.file, nil
}

// fail wraps err as an error of this file; nil stays nil.
func (p *Partial) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return fail(op, p.parent.path(p.item), err)
}

// broke is fail for errors that spoil what was written: the first one sticks.
func (p *Partial) broke(op string, err error) error {
	err = p.fail(op, err)
	var e *Error
	if errors.As(err, &e) {
		p.failed.CompareAndSwap(nil, e)
	}
	return err
}

// Present yields, in order, the chunks that an earlier run claims to have
// written, and the chaining values it noted. They prove nothing: the caller
// reads and hashes the chunk before it relies on it. Nothing is yielded for a
// partial that was not there before. Call it before the first WriteChunk.
func (p *Partial) Present(ctx context.Context) iter.Seq2[uint64, checksum.CV] {
	return func(yield func(uint64, checksum.CV) bool) {
		if p.hint != nil && p.reused {
			p.hint.claims(ctx, checksum.Chunks(p.size), yield)
		}
	}
}

// SetDigest tells what Options.VerifyDisk compares with. Call it before Seal.
func (p *Partial) SetDigest(d checksum.Digest) { p.digest = &d }

// Seal ends the writing: the content is exactly size bytes from now on, with
// the metadata of e. Content that Write gave must have that size already.
func (p *Partial) Seal(e *tree.Entry, size int64) error {
	file, err := p.open() // an empty file has no write before
	if err != nil {
		return p.broke("completing", err)
	}
	if p.whole {
		if p.size >= 0 && size != p.size {
			return p.broke("completing", fmt.Errorf("%d bytes instead of %d", p.size, size))
		}
	} else if err := setSize(file, size); err != nil {
		return p.broke("completing", err)
	}
	a := p.f.applyNew(p.parent, e)
	a.NoACL = p.name == ""
	var before []tree.Loss
	if p.reused {
		before, err = p.strip(file, e)
	}
	if err == nil {
		p.lost, err = a.ToFile(file)
	}
	if err != nil {
		return p.broke("completing", err)
	}
	for _, l := range before {
		if !hasLost(p.lost, l.What) {
			p.lost = append(p.lost, l)
		}
	}
	p.sealed = true
	if p.spilled {
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
func (p *Partial) spill() error {
	if err := p.sync(); err != nil {
		return err
	}
	if p.f.opts.VerifyDisk {
		if err := p.readBack(nil); err != nil {
			return err
		}
	}
	file := p.file
	p.file = nil
	p.uncount()
	return file.Close()
}

// sync makes content and metadata durable, unless Options.NoSync.
func (p *Partial) sync() error {
	if p.f.opts.NoSync {
		return flush(p.file)
	}
	err := p.file.Sync()
	if err == nil && p.vol.doubtful {
		// A server's close can tell what its sync did not, and to close the file once it
		// has its name is too late: the next run would find it unchanged.
		return flush(p.file)
	}
	if err == nil || !tree.Unsyncable(err) {
		return err
	}
	return errors.Join(p.vol.cover(err), flush(p.file))
}

func (p *Partial) uncount() {
	if p.counted {
		p.counted = false
		p.f.fileHandles.Add(-1)
	}
}

// Discard ends a partial that is not published. With keep, the part and tree of
// a large file stay for the next run, unless a write or sync failed for another
// reason than space: then the page cache lies, and they are removed like all
// else. After a Publish that succeeded or removed it, it does nothing.
func (p *Partial) Discard(keep bool) error {
	if p.ended {
		return nil
	}
	if err := p.failed.Load(); err != nil && err.Kind != NoSpace {
		keep = false
	}
	if p.key == "" || !keep || !p.reused && !p.wrote.Load() {
		return p.fail("discarding", p.remove())
	}
	p.ended = true
	// The sender may say next that the file is another one now.
	p.vol.leaveOld(p.name)
	err := p.release()
	if err != nil {
		// A close that fails has lost data, as a sync that fails has.
		err = errors.Join(err, p.remove())
	}
	return p.fail("keeping", err)
}

// remove unlinks all that has a name, then lets go.
func (p *Partial) remove() error {
	p.ended = true
	var err error
	if p.name != "" {
		if err = p.dir.Remove(p.name, false); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if p.key != "" {
			err = errors.Join(err, p.removeHint())
		}
	}
	_ = p.release() // nobody misses what a close that fails has lost of it
	return err
}

func (p *Partial) removeHint() error {
	err := p.dir.Remove(p.key+treeSuffix, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// release closes the files, and with that unlocks the part.
func (p *Partial) release() error {
	p.f.mu.Lock()
	delete(p.f.partials, p)
	p.f.mu.Unlock()
	p.uncount()
	var err error
	if p.hint != nil {
		// What the tree file lost is only hashed or sent again.
		_ = p.hint.file.Close()
		p.hint = nil
	}
	if p.file != nil {
		err = p.file.Close()
		p.file = nil
	}
	return err
}
