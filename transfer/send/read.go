package send

import (
	"context"
	"errors"
	"io"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/compress"
	"ferry/transfer/internal/delta"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/parcel"
	"ferry/transfer/internal/progress"
	"ferry/transfer/storage"
)

// reader fills jobs: it reads, hashes and compresses. Each goroutine work runs one;
// there are as many as processors.
type reader struct {
	belt     *belt
	bufs     *buffers
	wants    *wants
	book     *book
	attempts *attempts
	press    *compress.Compressor // nil: nothing is compressed
	track    *progress.Tracker
	hash     checksum.Group
	weaver   delta.Weaver
	woven    []byte // a payload of copies, until it is copied; of the job that is filled

	// To a receiver in this process.
	hatch  *hatch  // nil: writers of their own send what was read
	writer *writer // hands jobs over
	own    []byte  // what one job is read into
}

func (r *reader) run(ctx context.Context) error {
	for {
		select {
		case j, ok := <-r.belt.work:
			if !ok {
				return nil
			}
			err := r.fill(ctx, j)
			if err == nil && r.hatch != nil {
				_, err = j.send(ctx, r.writer)
			}
			if err != nil && !errors.Is(err, errSettled) {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (r *reader) fill(ctx context.Context, j job) error {
	defer j.fill()
	back := r.track.AtDisk()
	err := j.read(ctx, r)
	back()
	if err == nil {
		j.shrink(r)
	}
	return err
}

func (j *chunkJob) read(ctx context.Context, r *reader) error {
	if r.hatch != nil {
		if !j.hole() {
			j.Data = r.own[:j.Size]
		}
		if shared, err := r.hatch.share(ctx, j); shared || err != nil {
			j.taken = shared
			return err
		}
	}
	if j.hole() {
		j.check(r, flow.Zeros[:j.Size])
		return nil
	}
	c, mine := j.share.chunk(j.attempt, j.content.entry.item.Display, j.index)
	if c != nil && !mine {
		found, err := j.borrow(ctx, c)
		if err != nil {
			return err
		}
		if !found {
			c = nil
		}
	}
	if j.shared == nil {
		var stale bool
		var err error
		if x := j.lookUp(); x != nil {
			stale, err = j.weave(r, x)
		} else if r.hatch != nil && j.borrowed() {
			// It is read.
		} else {
			stale, err = j.content.fill(j.attempt, int64(j.Offset), j.Data)
		}
		if j.empty = stale || err != nil; j.empty && c != nil {
			j.share.failed(c)
		}
		switch {
		case stale:
			return nil
		case errors.Is(err, io.EOF): // shorter than it was
			return r.attempts.again(j.content, j.attempt)
		case err != nil:
			return r.attempts.unread(j.content.entry, "reading", err)
		}
		j.check(r, j.Data)
		if c != nil {
			j.lend(c)
		}
	}
	if !j.single() {
		return nil
	}
	// A file of one chunk has no FILEEND: its digest goes with the data, so
	// whether it changed is looked at before that.
	ok, err := r.attempts.sound(j.content, j.attempt)
	if ok && j.attempt.stored.differs(j.Check) {
		ok, err = false, r.attempts.spoiled(j.content.entry)
	}
	if !ok {
		j.empty = true
		return err
	}
	r.book.hashed(j.content.entry, j.Check, int64(j.Size))
	return nil
}

// check hashes the content.
func (j *chunkJob) check(r *reader, data []byte) {
	if r.hatch == nil {
		j.Check = checksum.Check(data, j.index, j.single())
		return
	}
	node := checksum.NewNode(data, j.index)
	if j.Node, j.Check = &node, node.CV(); j.single() {
		j.Check = node.Root()
	}
}

// borrow takes what another delivery has read in place of a buffer. It is counted like
// one.
func (j *chunkJob) borrow(ctx context.Context, c *portion) (found bool, err error) {
	if found, err = j.share.wait(ctx, c); !found {
		return false, err
	}
	j.bufs.pool.Put(j.buf)
	j.shared, j.buf, j.Data, j.Check = c, nil, *c.buf, c.check
	return true, nil
}

// borrowed takes what the file has in memory, if it does, in place of a copy of it.
func (j *chunkJob) borrowed() bool {
	data, done := j.content.lend(j.attempt, int64(j.Offset), j.Size)
	if data == nil {
		return false
	}
	j.Data, j.lent = data, done
	return true
}

// lend gives what was read to other deliveries too.
func (j *chunkJob) lend(c *portion) {
	c.check = j.Check
	j.share.filled(c, j.buf)
	j.shared, j.buf = c, nil
}

func (j *chunkJob) shrink(r *reader) {
	if j.empty || j.Encoding != framing.EncodingRaw || len(j.Data) == 0 {
		return
	}
	plain := len(j.Data)
	if j.copied > 0 && len(r.woven) < plain/fewLiterals {
		j.replace(r.woven)
		return
	}
	f := r.shrunk(j.share, j.shared, j.Data)
	j.epoch = f.epoch
	switch {
	case j.copied > 0 && (f.none() || len(f.data) >= len(r.woven)):
		if f.own != nil {
			r.bufs.pool.Put(f.own)
		}
		j.replace(r.woven)
		return
	case f.none():
		return
	}
	j.copied = 0
	if j.shared != nil {
		j.share.drop(j.shared)
	} else {
		j.bufs.pool.Put(j.buf)
	}
	j.shared, j.buf, j.Data, j.Encoding = f.shared, f.own, f.data, framing.EncodingZstd
	j.bufs.shrunk(plain, len(f.data))
}

// read reads the files of the pack into the body of its frame and hashes them
// together. A file that cannot be read, or is not what was announced, is left out.
func (j *packJob) read(ctx context.Context, r *reader) error {
	c, mine := j.share.pack(j.entries)
	if c != nil && !mine {
		found, err := j.share.wait(ctx, c)
		if err != nil {
			return err
		}
		if found {
			j.borrow(r, c)
			return nil
		}
		c = nil
	}
	j.makes = c
	roots, err := j.fetch(r)
	if c = j.makes; c != nil {
		c.roots, c.content = roots, j.Size
		j.share.filled(c, j.buf)
		j.shared, j.buf, j.makes = c, nil, nil
	}
	return err
}

// keep says that what is read is not what others want.
func (j *packJob) keep() {
	if j.makes != nil {
		j.share.failed(j.makes)
		j.makes = nil
	}
}

// borrow takes what another delivery has read.
func (j *packJob) borrow(r *reader, c *portion) {
	j.shared, j.Data, j.Size = c, *c.buf, c.content
	r.book.hashedAll(j.entries, c.roots)
}

// fetch reads the files of the pack and returns their digests.
func (j *packJob) fetch(r *reader) ([]checksum.Digest, error) {
	j.goAhead()
	body := r.own[:0]
	if r.hatch == nil {
		if j.buf == nil {
			j.buf = j.pool.Get(framing.Limit(framing.TypePack))
		}
		body = (*j.buf)[:0]
	}
	kept, contents := j.entries[:0], make([][]byte, 0, len(j.entries))
	at := make([]int, 0, len(j.entries)) // of the roots, in body
	for _, e := range j.entries {
		record, root := framing.AppendPackedHeader(body, e.item.ID, int(e.item.Size))
		// One byte more tells of a file that is longer.
		content, same, err := r.small(e, record[len(record):len(record)+int(e.item.Size)+1])
		if err != nil {
			j.keep() // before anything waits for this link
			if err := r.leaveOut(e, err); err != nil {
				return nil, err
			}
			continue
		}
		body = record[:len(record)+len(content)]
		if !same {
			j.keep()
		}
		kept, contents, at = append(kept, e), append(contents, content), append(at, root)
		j.Size += len(content)
	}
	roots := make([]checksum.Digest, len(kept))
	r.hash.Sums(roots, contents)
	if found, err := j.spoiled(r, kept, roots); found || err != nil {
		if err != nil {
			return nil, err
		}
		return j.fetch(r)
	}
	for i, root := range roots {
		copy(body[at[i]:], root[:])
	}
	j.Data, j.entries = body, kept
	if r.hatch == nil {
		*j.buf = body
	} else {
		j.Files = make([]parcel.File, len(kept))
		for i, e := range kept {
			j.Files[i] = parcel.File{Entry: e.item.ID, Data: contents[i], Root: roots[i]}
		}
	}
	r.book.hashedAll(kept, roots)
	return roots, nil
}

func (j *packJob) shrink(r *reader) {
	if len(j.Data) == 0 {
		return
	}
	f := r.shrunk(j.share, j.shared, j.Data)
	if j.epoch = f.epoch; f.none() {
		return
	}
	if j.shared != nil {
		j.share.drop(j.shared)
	} else {
		j.pool.Put(j.buf)
	}
	j.shared, j.buf, j.Data, j.Encoding = f.shared, f.own, f.data, framing.EncodingZstd
}

// leaveOut deals with a small file that could not be read.
func (r *reader) leaveOut(e *entry, err error) error {
	switch {
	case errors.Is(err, errNotAsAnnounced) && !r.attempts.terms.ordered():
		r.wants.add(want{entry: e, kind: wantChange})
		return nil
	case errors.Is(err, errSizeLies):
		return r.attempts.lying(e)
	}
	if endsAll(err) {
		return crowded("reading", e.item.Display, err)
	}
	failed := failure.Source("reading", e.item.Display, err)
	if errors.Is(err, errNotAsAnnounced) {
		failed.Code = framing.CodeChanged
	}
	return r.attempts.giveUp(e, failed)
}

// small reads a whole file of at most flow.PackLimit bytes; buf has room for one more. Same
// says that it is what was announced.
func (r *reader) small(e *entry, buf []byte) (content []byte, same bool, err error) {
	it := e.item
	for try := 0; ; try++ {
		n, before, after, err := storage.OfItem(it).ReadSmall(buf)
		if err != nil {
			return nil, false, err
		}
		same = announced(before, &it.Entry) && before.SameVersion(after)
		switch {
		case !same && !(r.attempts.onlyOnce() && int64(n) == it.Size):
			return nil, false, errNotAsAnnounced
		case int64(n) != it.Size:
			return nil, false, errSizeLies
		}
		// A change within the file system's clock tick would not show.
		age := time.Since(before.CTime.Std())
		if age < 0 || age >= clockTick || try+1 == readAttempts || !same {
			return buf[:n], same, nil
		}
		time.Sleep(clockTick - age)
	}
}
