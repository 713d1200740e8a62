package transfer

import (
	"fmt"

	"ferry/framing"
	"ferry/transfer/tree"
)

// doomed is an item of a dry run that a delivery could not send. The receiver,
// which gets no content in a dry run, does not know: where it says that the item
// would be delivered, this side counts it as failed. What would stay as it is, or
// be skipped, is not read in a delivery either.
type doomed struct {
	err  *Error
	of   *doomed // of a hard link: what it is a further name of
	came bool    // it was counted as failed
}

// turned is what the receiver counts otherwise and this side as failed.
type turned struct {
	items   int64 // of a dry run: delivered there
	bytes   int64
	skipped int64 // see leftOut
}

// rehearse opens and closes a file as a delivery would, in a dry run. Streams are
// not tried: to open one may wait, and may take what another reader is to get.
func (b *entryBatchWriter) rehearse(it *tree.Item) {
	if !b.s.opt.DryRun {
		return
	}
	switch it.Kind {
	case tree.File:
		f, _, err := it.Open()
		if err == nil {
			_ = f.Close() // nothing was read or written
			return
		}
		d := &doomed{err: sourceError("opening", it.Display, err)}
		if it.Linked {
			if b.unread == nil {
				b.unread = make(map[uint64]*doomed)
			}
			b.unread[it.ID] = d
		}
		b.s.track.doom(d)
	case tree.HardLink:
		if first := b.unread[it.LinkTo]; first != nil {
			b.s.track.doom(&doomed{of: first, err: &Error{Op: "linking", Path: it.Display, Code: first.err.Code, Err: errTarget}})
		}
	}
}

// doom notes an item before it is announced.
func (t *tracker) doom(d *doomed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.doomed == nil {
		t.doomed = make(map[string]*doomed)
	}
	t.doomed[d.err.Path] = d
}

// turn returns why an item fails that the receiver says would be delivered, or nil.
// Callers hold mu.
func (t *tracker) turn(done ItemDone, isFile bool) *Error {
	d := t.doomed[done.Path]
	if d == nil {
		return nil
	}
	delete(t.doomed, done.Path)
	switch done.Status {
	case StatusDelivered, StatusReplaced, StatusRenamed:
	default:
		return nil
	}
	// The verdict on a link comes after that on what it is a name of.
	if d.of != nil && !d.of.came {
		return nil
	}
	d.came = true
	t.turned.items++
	if isFile {
		grow(&t.turned.bytes, max(done.Size, 0))
	}
	return d.err
}

// leftOut counts as failed here an item that the receiver skipped: its user chose
// that, and this side's user did not.
func (t *tracker) leftOut(path string, cause framing.Code) {
	t.mu.Lock()
	t.turned.skipped++
	t.mu.Unlock()
	t.failed(&Error{Op: "delivering", Path: path, Code: cause, Remote: true, Err: SkippedError{cause}})
}

// SkippedError is why an item failed at the sender that the receiver skipped at
// the word of its own user.
type SkippedError struct{ Cause framing.Code }

func (e SkippedError) Error() string { return fmt.Sprintf("skipped: %v", e.Cause) }

func (t *tracker) turnedSoFar() turned {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.turned
}
