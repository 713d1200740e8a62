package send

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/delta"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/wire"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// content is the content of a file that does not go in a pack. Several goroutines read it
// at once, in one attempt after another.
//
// The handle of a file of more than one chunk is kept while content is asked for, and
// counted in slots. A smaller file is opened for each read.
type content struct {
	entry  *entry
	source storage.Source
	slots  *flow.Gauge // large files that may be open
	lists  *lists
	told   bool // that it moves; feed's

	mu     sync.Mutex
	now    *attempt     // nil while none has begun, or the next one is about to
	file   storage.File // nil when closed, parked or small; replaced by a new attempt
	slot   bool         // counted in slots
	closed bool
}

// attempt is one try to send a file as it is at one moment. The next try is another
// attempt, which takes the place of this one as a whole. Jobs of this one are stale then.
type attempt struct {
	number uint8
	info   tree.Info   // when it began
	stored stored      // what the source says of its digest
	apart  atomic.Bool // the receiver cannot share what the file has

	// Guarded by content.mu.
	tree  *checksum.Tree
	left  uint64       // chunks neither sent nor found equal
	sent  uint64       // chunks sent as DATA
	ended bool         // FILEEND was sent
	old   *delta.Index // what the receiver lists of its old file; nil: nothing
}

func newAttempt(number uint8, info tree.Info) *attempt {
	a := &attempt{number: number, info: info}
	a.rewind()
	return a
}

// rewind forgets what was settled.
func (a *attempt) rewind() {
	a.tree, a.left, a.sent, a.ended = checksum.NewTree(a.size()), checksum.Chunks(a.size()), 0, false
}

func (a *attempt) size() int64 { return a.info.Size }

// small tells whether the file is opened for each read.
func (a *attempt) small() bool { return a.size() <= checksum.ChunkSize }

// announced tells whether a file is still what its ENTRY said.
func announced(info tree.Info, e *tree.Entry) bool {
	return info.Size == e.Size && info.MTime == e.MTime && (info.Mode^e.Mode)&wire.ModeBits(e) == 0
}

// takeSlot waits until one more large file may be open. It cannot wait for ever: the
// receiver works on half as many at most, and its verdicts, which free slots, need nothing
// of feed.
func (c *content) takeSlot(size int64) error {
	if size <= checksum.ChunkSize {
		return nil
	}
	if err := c.slots.Take(1); err != nil {
		return err
	}
	c.mu.Lock()
	c.slot = !c.closed
	closed := c.closed
	c.mu.Unlock()
	if closed {
		c.slots.Give(1)
	}
	return nil
}

// begin opens the file for an attempt. It returns nil if the entry is settled.
func (c *content) begin(number uint8) (*attempt, error) {
	f, info, err := openSettled(c.source)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, f.Close()
	}
	a := newAttempt(number, info)
	a.stored = storedAs(f)
	if a.small() {
		if err := f.Close(); err != nil {
			return nil, err
		}
		f = nil
	}
	c.replace(f)
	c.over()
	c.now = a
	return a, nil
}

// reopen opens a parked file again for its attempt. It returns false if the file is
// another one by now.
func (c *content) reopen(a *attempt) (same bool, err error) {
	f, info, err := openSettled(c.source)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != a || !info.SameVersion(a.info) {
		return false, f.Close()
	}
	c.replace(f)
	return true, nil
}

// replace has f take the place of the handle, if there is one; nil is none. It needs mu.
func (c *content) replace(f storage.File) {
	if c.file != nil {
		_ = c.file.Close() // read only: nothing is lost if it does not close
	}
	c.file = f
}

// openSettled opens a file and makes sure that a change from now on shows in
// its times: a file changed within the file system's clock tick is waited for.
func openSettled(src storage.Source) (storage.File, tree.Info, error) {
	f, err := src.Open()
	if err != nil {
		return nil, tree.Info{}, err
	}
	info := f.Info()
	// Once is enough: what changes after that changes its times again.
	if age := time.Since(info.CTime.Std()); age >= 0 && age < clockTick {
		time.Sleep(clockTick - age)
		if info, err = f.Stat(); err != nil {
			_ = f.Close()
			return nil, info, err
		}
	}
	return f, info, nil
}

// current returns the attempt with that number, and whether its file is parked: it must
// be opened again before more is read. It returns nil if that attempt is not the one
// under way.
func (c *content) current(number uint8) (a *attempt, parked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.now == nil || c.now.number != number {
		return nil, false
	}
	return c.now, c.file == nil && !c.now.small()
}

// resume prepares to send more of an attempt, and returns false if it is stale. With afresh
// an attempt that has ended begins anew: the file was only compared, or the receiver lost
// what it had.
func (c *content) resume(a *attempt, afresh bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != a {
		return false
	}
	if a.ended && afresh {
		a.rewind()
	}
	return true
}

// supersede makes an attempt stale, so that another one can begin. It returns false if it
// is already.
func (c *content) supersede(a *attempt) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != a {
		return false
	}
	c.over()
	return true
}

// hole tells whether a chunk takes no space, so that it need not be read. It holds mu
// meanwhile: a handle that was closed in between could be another file's by then.
func (c *content) hole(a *attempt, index uint64, n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil || c.now != a {
		return false
	}
	return c.file.Cover(int64(index)*checksum.ChunkSize, int64(n)) == tree.AllHole
}

// read returns the bytes of a chunk: those of buf after reading it, or zeros of a hole,
// which are not read. stale says that the attempt is over. io.EOF says that the file is
// another one by now; other changes show at the end of the attempt.
func (c *content) read(a *attempt, index uint64, buf []byte) (data []byte, stale bool, err error) {
	if c.hole(a, index, len(buf)) {
		return flow.Zeros[:len(buf)], false, nil
	}
	stale, err = c.fill(a, int64(index)*checksum.ChunkSize, buf)
	return buf, stale, err
}

// fill is read of bytes from an offset on, which are read if they are a hole too.
func (c *content) fill(a *attempt, at int64, buf []byte) (stale bool, err error) {
	f, stale := c.reading(a)
	if stale {
		return true, nil
	}
	if f != nil {
		if _, err = f.ReadAt(buf, at); err == nil {
			return false, nil
		}
		// A close meanwhile, by a new attempt or the end, shows as an error.
		now, stale := c.reading(a)
		if stale || now == f {
			return stale, err
		}
	}
	// The file is small, or it was parked since this chunk was asked for: all chunks were
	// sent by then.
	f, err = c.source.Open()
	if err != nil {
		return false, err
	}
	defer f.Close() // read only
	if now := f.Info(); now.Size != a.size() || !a.small() && !now.SameVersion(a.info) {
		return false, io.EOF
	}
	_, err = f.ReadAt(buf, at)
	_, stale = c.reading(a)
	return err != nil && stale, err
}

// lend is fill where the file may have the bytes. Without data they are to be read.
func (c *content) lend(a *attempt, at int64, n int) (data []byte, done func()) {
	f, stale := c.reading(a)
	l, ok := f.(storage.Lender)
	if stale || !ok {
		return nil, nil
	}
	data, done, err := l.Lend(at, n)
	if err != nil {
		return nil, nil // reading tells it
	}
	return data, done
}

// reading returns the handle to read from; nil of a file that is small or parked.
func (c *content) reading(a *attempt) (f storage.File, stale bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.file, c.now != a
}

// park closes the handle until content is asked for again.
func (c *content) park() {
	c.mu.Lock()
	freed := c.shut()
	c.mu.Unlock()
	if freed {
		c.slots.Give(1)
	}
}

// version is what the file was when the last attempt at it began, or found if none did.
func (c *content) version(found tree.Info) tree.Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == nil {
		return found
	}
	return c.now.info
}

// end closes the file for good; reads under way fail.
func (c *content) end() {
	c.mu.Lock()
	c.closed = true
	c.over()
	freed := c.shut()
	c.mu.Unlock()
	if freed {
		c.slots.Give(1)
	}
}

// shut closes the handle and returns whether a slot became free. It needs mu.
func (c *content) shut() (freed bool) {
	c.replace(nil)
	freed, c.slot = c.slot, false
	return freed
}

// changed tells whether the file is another one than when the attempt began.
func (c *content) changed(a *attempt) (bool, error) {
	f, stale := c.reading(a)
	if stale {
		return false, os.ErrClosed
	}
	now, err := c.source.Stat()
	if f != nil && err == nil && now.SameVersion(a.info) {
		now, err = f.Stat() // the name may have been given to another and back
	}
	return err != nil || !now.SameVersion(a.info), nil
}

// longer tells whether there is content behind the size that the file system
// gives, as in /proc, where files have the size 0.
func (c *content) longer(a *attempt) bool {
	f, _ := c.reading(a)
	if f == nil {
		var err error
		if f, err = c.source.Open(); err != nil {
			return false
		}
		defer f.Close() // read only
	}
	var b [1]byte
	n, _ := f.ReadAt(b[:], a.size())
	return n > 0
}

// settle notes that a chunk was sent or found equal. done is returned to the goroutine
// that settled the last one.
func (c *content) settle(a *attempt, index uint64, check [32]byte, sent bool) (done bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != a || a.tree.Has(index) { // stale, or asked for again
		return false, nil
	}
	if err := a.tree.Set(index, check); err != nil {
		return false, err
	}
	if sent {
		a.sent++
	}
	a.left--
	return a.left == 0, nil
}

// seal is the FILEEND of an attempt whose chunks are all settled; ok is false if it is
// stale.
func (c *content) seal(a *attempt) (end framing.FileEnd, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != a {
		return end, false, nil
	}
	root, err := a.tree.Root()
	a.ended = err == nil
	return framing.FileEnd{ID: c.entry.item.ID, Attempt: a.number, Size: uint64(a.size()), Root: root, Chunks: a.sent}, true, err
}
