package send

import (
	"errors"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/progress"
	"ferry/transfer/internal/wire"
)

// attempts says to the receiver how an attempt at content ended: with FILEEND; with
// CHANGED, and the next attempt; or with FAULT, and no other one. It has no state of its
// own, and every goroutine that reads content calls it.
type attempts struct {
	out     framing.Stream // stream 0
	book    *book
	terms   *terms
	promise *promise
	track   *progress.Tracker
	asRead  bool // a file that changed while it was read may be published as read
}

// errNotAsAnnounced: the file changed since it was listed, or while it was read.
var errNotAsAnnounced = errors.New("changed since it was listed")

// errSizeLies: the content has not the length that the file system says.
var errSizeLies = errors.New("its content is longer or shorter than its size says, as in /proc; ferry send - takes it as a stream")

// errRestless: it changed in every attempt.
var errRestless = errors.New("it changed each time while it was read; send it when it rests, or with --allow-changed")

// giveUp tells the receiver that an entry will not be sent (any more). The
// receiver answers with FAULT, which settles it on both sides.
func (t *attempts) giveUp(e *entry, cause *transfer.Error) error {
	if !t.book.giveUp(e, cause) {
		return nil
	}
	f := framing.Fault{ID: e.item.ID, Code: cause.Code, Message: failure.Message(cause)}
	return failure.Link("reporting a failed item", t.out.Send(true, framing.TypeFault, f.Append(nil)))
}

// crowded is the end of a delivery at whose item no more files may be opened, or nothing
// more be read.
func crowded(op, path string, err error) error {
	return &transfer.Error{Op: op, Path: path, Code: framing.CodeIO, Err: failure.Plain(err)}
}

// unread is giveUp of an item that cannot be read, or opened.
func (t *attempts) unread(e *entry, op string, err error) error {
	if endsAll(err) {
		return crowded(op, e.item.Display, err)
	}
	return t.giveUp(e, failure.Source(op, e.item.Display, err))
}

// lying is giveUp of a file whose size is not to be believed.
func (t *attempts) lying(e *entry) error {
	return t.giveUp(e, &transfer.Error{Op: "reading", Path: e.item.Display, Code: framing.CodeUnsupported, Err: errSizeLies})
}

// onlyOnce tells whether a file that changed is sent as it is read, because content goes in
// order and cannot be sent again.
func (t *attempts) onlyOnce() bool { return t.asRead && t.terms.ordered() }

// asItIs tells whether a file that changed during an attempt is sent as it was read.
func (t *attempts) asItIs(a *attempt) bool {
	return t.onlyOnce() || t.asRead && a.number+1 >= readAttempts
}

// sound looks, when all of an attempt was read, whether it is one version of the file. If
// not, it ends the attempt.
func (t *attempts) sound(c *content, a *attempt) (ok bool, err error) {
	changed, err := c.changed(a)
	lies := err == nil && !changed && c.longer(a)
	if lies { // or it grew between the two looks
		changed, err = c.changed(a)
	}
	switch {
	case err != nil:
		return false, nil // the entry was settled, or the attempt is over
	case changed && !t.asItIs(a):
		return false, t.again(c, a)
	case lies && !changed:
		return false, t.lying(c.entry)
	}
	return true, nil
}

// finish ends an attempt whose chunks are all settled, with FILEEND if it is sound.
func (t *attempts) finish(c *content, a *attempt) error {
	if ok, err := t.sound(c, a); !ok {
		return err
	}
	end, ok, err := c.seal(a)
	if err != nil || !ok {
		return err
	}
	if a.stored.differs(end.Root) {
		return t.spoiled(c.entry)
	}
	t.book.hashed(c.entry, end.Root, int64(end.Size))
	c.park() // most often nothing more is asked of it
	return failure.Link("ending a file", t.out.Send(true, framing.TypeFileEnd, end.Append(nil)))
}

// again ends an attempt at a file that changed and begins the next one. After the last
// attempt it gives the file up. Only the first call for an attempt has an effect.
func (t *attempts) again(c *content, a *attempt) error {
	e := c.entry
	if !c.supersede(a) {
		return nil
	}
	if a.number+1 >= readAttempts || t.terms.ordered() {
		return t.giveUp(e, &transfer.Error{Op: "reading", Path: e.item.Display, Code: framing.CodeChanged, Err: errRestless})
	}
	next, err := c.begin(a.number + 1)
	if err != nil {
		return t.unread(e, "opening again", err)
	}
	if next == nil {
		return nil // the entry was settled
	}
	info := next.info
	if err := t.promise.grown(e.most, info.Size); err != nil {
		return t.unread(e, "reading", err)
	}
	t.track.Resized(t.book.resize(e, info.Size))
	mode := info.Mode & 0o777
	if t.terms.granted().Owner {
		mode = info.Mode & wire.ModeBits(&e.item.Entry)
	}
	m := framing.Changed{ID: e.item.ID, Attempt: next.number, Mode: mode, Sec: info.MTime.Sec, Nsec: info.MTime.Nsec, Size: uint64(info.Size)}
	return failure.Link("announcing a change", t.out.Send(true, framing.TypeChanged, m.Append(nil)))
}

// finishStream ends a source of unknown length that was sent to its end.
func (t *attempts) finishStream(e *entry, content *checksum.Tree, size int64) error {
	if err := content.Finish(size); err != nil {
		return err
	}
	root, err := content.Root()
	if err != nil {
		return err
	}
	t.book.hashed(e, root, size)
	end := framing.FileEnd{ID: e.item.ID, Size: uint64(size), Root: root, Chunks: checksum.Chunks(size)}
	return failure.Link("ending a stream", t.out.Send(true, framing.TypeFileEnd, end.Append(nil)))
}
