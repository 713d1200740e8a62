package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"ferry/checksum"
	"ferry/transfer/object/bucket"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// maxRaces is how often a write is tried whose condition others break meanwhile, where any
// condition would do.
const maxRaces = 4

// Publish is storage.Files'. Up to 32 files of the batch are written at a time.
//
//  1. ready   is it sealed, and has all of it gone to the store?
//  2. look    what stands under the name, where that may be replaced
//  3. write   one PUT, or the end of the upload, on the condition that this still stands there
//  4. dress   an upload gets its digest, which nobody knew when it began
//  5. verify  read back, if Options.VerifyDisk
func (f *files) Publish(batch []*storage.Publication) error {
	todo := make(chan *storage.Publication)
	var done sync.WaitGroup
	for range min(maxPuts, len(batch)) {
		done.Go(func() {
			for pub := range todo {
				pub.Err = f.publish(pub)
			}
		})
	}
	for _, pub := range batch {
		pub.Name, pub.Lost, pub.Err = "", nil, nil
		todo <- pub
	}
	close(todo)
	done.Wait()
	for _, pub := range batch {
		if stops(pub.Err) {
			return pub.Err
		}
	}
	return nil
}

func (f *files) publish(pub *storage.Publication) error {
	p, ok := pub.Partial.(*partial)
	if !ok {
		return fail("publishing", f.nodes.path(pub.Entry), errOver)
	}
	if err := p.ready(pub.Entry); err != nil {
		return p.fail("publishing", err)
	}
	w := writing{p: p, pub: pub, ctx: f.s.ctx}
	if err := w.run(); err != nil {
		return p.fail("publishing", err)
	}
	return nil
}

// ready waits for parts that are under way, and tells why a partial cannot be published.
func (p *partial) ready(e *tree.Entry) error {
	p.mu.Lock()
	sealed, ended := p.sealed, p.ended
	p.mu.Unlock()
	if ended || !sealed {
		return errors.New("the content is not complete, or has its name already")
	}
	if e.Name != p.at.name {
		return fmt.Errorf("%w: it was begun as %q", tree.ErrName, p.at.name)
	}
	p.moving.Wait()
	if err := p.failed.Load(); err != nil {
		return err
	}
	return nil
}

// writing gives one sealed file its name.
type writing struct {
	p   *partial
	pub *storage.Publication
	ctx context.Context
}

func (w *writing) run() error {
	p, name := w.p, w.p.at.name
	if p.as != "" {
		if !w.pub.Rename || w.pub.Replace {
			return fmt.Errorf("%w: it was begun to be called %q", tree.ErrName, p.as)
		}
		name = p.as
	}
	for i := 0; ; i++ {
		o, err := w.under(name)
		switch {
		case err == nil:
			return w.written(name, o)
		case !w.pub.Rename || w.pub.Replace || p.up != nil || i == storage.MaxAlternatives || !isTaken(err):
			return err
		}
		name = storage.Alternative(p.at.name, i+1)
		if err := checkKey(p.f.s.prefix, p.at.in.path+name); err != nil {
			return err
		}
	}
}

// isTaken reports that a name is not free.
func isTaken(err error) bool {
	return errors.Is(err, errTaken) || kindOf(err) == bucket.Precondition
}

// under writes the file under a name, if what stands there may be replaced.
func (w *writing) under(name string) (o bucket.Object, err error) {
	for try := range maxRaces {
		var c bucket.Condition
		if c, err = w.condition(name, try > 0); err != nil {
			return o, err
		}
		if w.p.up == nil {
			o, err = w.put(name, c)
		} else {
			o, err = w.complete(c)
		}
		if bucket.IsWritten(err) {
			return o, w.remove(name, err)
		}
		if kindOf(err) != bucket.Precondition {
			return o, err
		}
		w.p.at.in.list.note(name, isFile) // or it is gone, which the next look tells
	}
	return o, err
}

// condition says on which condition the file may be written under a name: what stands there
// now, and is what was to be replaced, still does. Nobody is asked about a name that nothing
// had when its folder was listed, unless look says so.
func (w *writing) condition(name string, look bool) (c bucket.Condition, err error) {
	at := w.p.at
	at.name, at.path = name, at.in.path+name
	var kind uint8
	if !at.in.fresh() {
		if kind, err = at.in.list.kind(name); err != nil {
			return c, err
		}
	}
	if kind&isFolder != 0 {
		if !w.pub.Replace {
			return c, errTaken
		}
		return c, tree.ErrNotRegular
	}
	if kind == 0 && w.p.up == nil && !look {
		return bucket.Condition{Absent: true}, nil
	}
	// Of an upload nothing shows that a store heeds the condition at its end.
	o, err := w.p.f.s.b.Head(w.ctx, at.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return bucket.Condition{Absent: true}, nil
	case err != nil:
		return c, err
	case w.mine(o):
		return bucket.Condition{ETag: o.ETag}, nil
	case !w.pub.Replace:
		return c, errTaken
	}
	if x := w.pub.Expect; x != nil && !w.p.f.find.info(w.pub.Entry, o).SameVersion(*x) {
		return c, storage.ErrChanged
	}
	return bucket.Condition{ETag: o.ETag}, nil
}

// mine reports that what stands there is what is to be written: an earlier attempt succeeded
// whose answer was lost, or another delivery brought the same. One that died right behind the
// end of its upload left it without a digest; what is written at once has one always.
func (w *writing) mine(o bucket.Object) bool {
	m := decodeMeta(o.Meta)
	if !m.HasDigest && w.p.up != nil {
		m.Digest, m.HasDigest = w.p.meta.Digest, w.p.meta.HasDigest
	}
	return m == w.p.meta && o.Size == w.p.lay.size
}

// put writes a file at once.
func (w *writing) put(name string, c bucket.Condition) (bucket.Object, error) {
	var body []byte
	w.p.mu.Lock()
	if pc := w.p.pieces[1]; pc != nil {
		body = pc.buf
	}
	w.p.mu.Unlock()
	return w.p.f.s.b.Put(w.ctx, w.p.at.in.path+name, body, w.p.meta.encode(), c)
}

// complete ends the upload, and then gives the object its digest. It is whole before that.
func (w *writing) complete(c bucket.Condition) (o bucket.Object, err error) {
	u := w.p.up
	parts, ok := u.whole(w.p.lay)
	if !ok {
		return o, errMissing
	}
	if u.lease != nil && (u.lease.age() > renewal || u.dirty()) {
		// Whoever took it for dead meanwhile has it now. And who comes after a death between
		// here and dressed needs to know all parts.
		if err := u.save(w.ctx); err != nil {
			return o, err
		}
	}
	if o, err = u.s.b.Complete(w.ctx, u.key, u.begun(), parts, c); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = errEnded
		}
		return o, err
	}
	return w.dressed(o), nil
}

// dressed has the store give a completed object all its metadata. That it may not: the object
// has its times from the beginning, and the next delivery finds it by them. Without them it is
// told.
func (w *writing) dressed(o bucket.Object) bucket.Object {
	if decodeMeta(o.Meta) == w.p.meta {
		return o
	}
	again, err := w.p.f.s.b.Copy(w.ctx, o, o.Key, w.p.meta.encode(), bucket.Condition{})
	if err == nil {
		return again
	}
	if m := decodeMeta(o.Meta); m.MTime != w.p.meta.MTime || m.Mode != w.p.meta.Mode {
		w.pub.Lost = append(w.pub.Lost, tree.Loss{What: tree.AttrTime, Err: err})
	}
	return o
}

// written ends the partial of a file that has its name.
func (w *writing) written(name string, o bucket.Object) error {
	p := w.p
	if p.f.verify {
		if err := w.verify(name, o); err != nil {
			return err
		}
	}
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.f.work.remove(p)
	p.free()
	p.at.in.items.Add(1)
	p.at.in.list.note(name, isFile)
	if name != p.at.name {
		w.pub.Name = name
	}
	if p.up != nil && p.up.lease != nil {
		ctx, cancel := p.f.s.last()
		defer cancel()
		// A state whose upload is no more is cleared away by who meets it.
		_ = p.up.lease.drop(ctx)
	}
	return nil
}

// verify reads back what was written. What is something else is removed, so that nobody takes
// it for the file.
func (w *writing) verify(name string, o bucket.Object) error {
	key := w.p.at.in.path + name
	err := func() error {
		body, err := w.p.f.s.b.Get(w.ctx, key, 0, -1, o.ETag)
		if err != nil {
			return err
		}
		defer body.Close() // read only
		h := checksum.NewHasher()
		if _, err := io.CopyBuffer(h, body, make([]byte, 256<<10)); err != nil {
			return err
		}
		if h.Sum() != w.p.meta.Digest {
			return fmt.Errorf("%w: the store gave back other bytes than were sent", storage.ErrMismatch)
		}
		return nil
	}()
	if errors.Is(err, storage.ErrMismatch) {
		w.p.failed.CompareAndSwap(nil, &storage.Error{Kind: storage.Mismatch, Op: "reading back", Path: w.p.at.path, Err: err})
		err = w.remove(name, err)
	}
	return err
}

// remove removes what this delivery wrote and is something else, which why tells. It has the
// size, the time and maybe the digest of the file: the next delivery would find it the same.
func (w *writing) remove(name string, why error) error {
	ctx, cancel := w.p.f.s.last()
	defer cancel()
	for _, err := range w.p.f.s.b.Delete(ctx, []string{w.p.at.in.path + name}) {
		why = errors.Join(why, fmt.Errorf("it stays there: %w", err))
	}
	return why
}
