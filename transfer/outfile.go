package transfer

import (
	"os"
	"sync"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/tree"
)

// outFile is the open content of an entry larger than a pack, for one attempt
// after another. Several workers read it at once.
type outFile struct {
	entry *outEntry

	mu      sync.Mutex
	f       *os.File // nil when closed; replaced by a new attempt
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
	return info.Size == e.Size && info.MTime == e.MTime && info.Mode&0o777 == e.Mode
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
	if o.f != nil {
		// Read only: nothing is lost if it does not close.
		_ = o.f.Close()
	}
	o.f, o.info, o.size, o.attempt = f, info, info.Size, attempt
	o.rewind()
	return nil
}

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
	for age := time.Since(info.CTime.Std()); age >= 0 && age < clockTick; age = time.Since(info.CTime.Std()) {
		time.Sleep(clockTick - age)
		if info, err = tree.Fstat(f); err != nil {
			_ = f.Close()
			return nil, info, err
		}
	}
	return f, info, nil
}

// read reads a chunk of the attempt. stale says that the attempt is over.
func (o *outFile) read(attempt uint8, index uint64, buf []byte) (stale bool, err error) {
	o.mu.Lock()
	f := o.f
	stale = o.closed || o.attempt != attempt
	o.mu.Unlock()
	if stale {
		return true, nil
	}
	// A close meanwhile, by a new attempt or the end, shows as an error.
	if _, err = f.ReadAt(buf, int64(index)*checksum.ChunkSize); err == nil {
		return false, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed || o.attempt != attempt, err
}

// close releases the handle; reads under way fail.
func (o *outFile) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.f != nil {
		// Read only: nothing is lost if it does not close.
		_ = o.f.Close()
		o.f = nil
	}
}

// changed tells whether the file is another one than when the attempt began.
func (o *outFile) changed() (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.f == nil {
		return false, os.ErrClosed
	}
	now, err := tree.Fstat(o.f)
	return !now.SameVersion(o.info), err
}

// longer tells whether there is content behind the size that the file system
// gives, as in /proc, where files have the size 0.
func (o *outFile) longer() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	var b [1]byte
	n := 0
	if o.f != nil {
		n, _ = o.f.ReadAt(b[:], o.size)
	}
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
