package send

import (
	"io"
	"os"
	"sync"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// outFile is the content of an entry that does not go in a pack, for one attempt
// after another. Several workers read it at once. Of a file of more than one
// chunk the handle is kept while content is asked for, and counted in a slot of
// sender.open; smaller ones are opened for each read.
type outFile struct {
	entry *outEntry
	told  bool // that its content moves; feed's

	mu      sync.Mutex
	extents *tree.Extents // of f
	f       *os.File      // nil when closed, parked or small; replaced by a new attempt
	slot    bool          // counted in sender.open
	attempt uint8
	info    tree.Info // when this attempt began
	size    int64
	tree    *checksum.Tree
	left    uint64 // chunks neither sent nor found equal in this attempt
	sent    uint64 // chunks sent as DATA in this attempt
	ended   bool   // FILEEND was sent for this attempt
	closed  bool
}

// announced tells whether a file is still what its ENTRY said.
func announced(info tree.Info, e *tree.Entry) bool {
	return info.Size == e.Size && info.MTime == e.MTime && (info.Mode^e.Mode)&wire.ModeBits(e) == 0
}

// begin opens the entry's content for an attempt.
func (o *outFile) begin(attempt uint8) error {
	f, info, err := openSettled(o.entry.item)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return f.Close()
	}
	o.shut()
	if info.Size > checksum.ChunkSize {
		o.f, o.extents = f, tree.NewExtents(f, info)
	} else if err := f.Close(); err != nil {
		return err
	}
	o.info, o.size, o.attempt = info, info.Size, attempt
	o.rewind()
	return nil
}

// shut closes the handle, if there is one. Callers hold mu.
func (o *outFile) shut() {
	if o.f != nil {
		// Read only: nothing is lost if it does not close.
		_ = o.f.Close()
		o.f = nil
	}
}

// small tells whether the file is opened for each read. Callers hold mu.
func (o *outFile) small() bool { return o.size <= checksum.ChunkSize }

// rewind forgets what was settled in this attempt. Callers hold mu.
func (o *outFile) rewind() {
	o.tree, o.left, o.sent, o.ended = checksum.NewTree(o.size), checksum.Chunks(o.size), 0, false
}

// openSettled opens an item and makes sure that a change from now on shows in
// its times: a file changed within the file system's clock tick is waited for.
func openSettled(it *tree.Item) (*os.File, tree.Info, error) {
	f, info, err := it.Open()
	if err != nil {
		return nil, info, err
	}
	// Once is enough: what changes after that changes its times again.
	if age := time.Since(info.CTime.Std()); age >= 0 && age < clockTick {
		time.Sleep(clockTick - age)
		if info, err = tree.Fstat(f); err != nil {
			_ = f.Close()
			return nil, info, err
		}
	}
	return f, info, nil
}

// read reads a chunk of the attempt. stale says that the attempt is over, and
// io.EOF that the file is seen to be another one by now. Other changes show at the end.
func (o *outFile) read(attempt uint8, index uint64, buf []byte) (stale bool, err error) {
	o.mu.Lock()
	f, info, small := o.f, o.info, o.small()
	stale = o.closed || o.attempt != attempt
	o.mu.Unlock()
	if stale {
		return true, nil
	}
	if f != nil {
		if _, err = f.ReadAt(buf, int64(index)*checksum.ChunkSize); err == nil {
			return false, nil
		}
		// A close meanwhile, by a new attempt or the end, shows as an error.
		o.mu.Lock()
		stale = o.closed || o.attempt != attempt
		parked := o.f != f
		o.mu.Unlock()
		if stale || !parked {
			return stale, err
		}
	}
	// Small, or parked since this chunk was asked for: all of it was sent by then.
	f, now, err := o.entry.item.Open()
	if err != nil {
		return false, err
	}
	defer f.Close() // read only
	if now.Size != info.Size || !small && !now.SameVersion(info) {
		return false, io.EOF
	}
	_, err = f.ReadAt(buf, int64(index)*checksum.ChunkSize)
	o.mu.Lock()
	defer o.mu.Unlock()
	return err != nil && (o.closed || o.attempt != attempt), err
}

// park closes the handle until content is asked for again. It returns whether
// a slot became free.
func (o *outFile) park() (freed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shut()
	freed, o.slot = o.slot, false
	return freed
}

// close ends the file; reads under way fail. It returns whether a slot became
// free.
func (o *outFile) close() (freed bool) {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	return o.park()
}

// changed tells whether the file is another one than when the attempt began.
func (o *outFile) changed() (bool, error) {
	o.mu.Lock()
	f, info, closed := o.f, o.info, o.closed
	o.mu.Unlock()
	if closed {
		return false, os.ErrClosed
	}
	now, err := o.entry.item.Stat()
	if f != nil && err == nil && now.SameVersion(info) {
		now, err = tree.Fstat(f) // the name may have been given to another and back
	}
	return err != nil || !now.SameVersion(info), nil
}

// longer tells whether there is content behind the size that the file system
// gives, as in /proc, where files have the size 0.
func (o *outFile) longer() bool {
	o.mu.Lock()
	f, size := o.f, o.size
	o.mu.Unlock()
	if f == nil {
		var err error
		if f, _, err = o.entry.item.Open(); err != nil {
			return false
		}
		defer f.Close() // read only
	}
	var b [1]byte
	n, _ := f.ReadAt(b[:], size)
	return n > 0
}

// settleChunk notes that a chunk was sent or found equal. done is returned to
// the one who settled the last.
func (o *outFile) settleChunk(attempt uint8, index uint64, check [32]byte, sent bool) (done bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.attempt != attempt || o.closed {
		return false, nil
	}
	if o.tree.Has(index) { // asked for again
		return false, nil
	}
	if err := o.tree.Set(index, check); err != nil {
		return false, err
	}
	if sent {
		o.sent++
	}
	o.left--
	return o.left == 0, nil
}

// end is the FILEEND of an attempt whose chunks are all settled; ok is false
// when that attempt is over.
func (o *outFile) end(attempt uint8) (end framing.FileEnd, ok bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.attempt != attempt {
		return end, false, nil
	}
	root, err := o.tree.Root()
	o.ended = err == nil
	return framing.FileEnd{ID: o.entry.item.ID, Attempt: attempt, Size: uint64(o.size), Root: root, Chunks: o.sent}, true, err
}
