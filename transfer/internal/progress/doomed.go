package progress

import (
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/flow"
)

// Doomed is an item of a dry run that a delivery could not send. The receiver,
// which gets no content in a dry run, does not know: where it says that the item
// would be delivered, this side counts it as failed. What would stay as it is, or
// be skipped, is not read in a delivery either.
type Doomed struct {
	Err  *transfer.Error
	Of   *Doomed // of a hard link: what it is a further name of
	came bool    // it was counted as failed
}

// turned is what the receiver counts otherwise and this side as failed.
type turned struct {
	Items   int64 // of a dry run: delivered there
	Bytes   int64
	Skipped int64 // see leftOut
}

// Doom notes an item before it is announced.
func (t *Tracker) Doom(d *Doomed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.doomed == nil {
		t.doomed = make(map[string]*Doomed)
	}
	t.doomed[d.Err.Path] = d
}

// turn returns why an item fails that the receiver says would be delivered, or nil.
// Callers hold mu.
func (t *Tracker) turn(done transfer.ItemDone, isFile bool) *transfer.Error {
	d := t.doomed[done.Path]
	if d == nil {
		return nil
	}
	delete(t.doomed, done.Path)
	switch done.Status {
	case transfer.StatusDelivered, transfer.StatusReplaced, transfer.StatusRenamed:
	default:
		return nil
	}
	// The verdict on a link comes after that on what it is a name of.
	if d.Of != nil && !d.Of.came {
		return nil
	}
	d.came = true
	t.turned.Items++
	if isFile {
		flow.Grow(&t.turned.Bytes, max(done.Size, 0))
	}
	return d.Err
}

// LeftOut counts as failed here an item that the receiver skipped: its user chose
// that, and this side's user did not.
func (t *Tracker) LeftOut(path string, cause framing.Code) {
	t.mu.Lock()
	t.turned.Skipped++
	t.mu.Unlock()
	t.Failed(&transfer.Error{Op: "delivering", Path: path, Code: cause, Remote: true, Err: transfer.SkippedError{Cause: cause}})
}

// TurnedSoFar is what was counted as failed here and as something else at the receiver.
func (t *Tracker) TurnedSoFar() turned {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.turned
}
