package send

import (
	"context"
	"errors"
	"io"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// workLoop reads and hashes jobs. There are as many loops as processors.
func (s *sender) workLoop(ctx context.Context) error {
	var hash checksum.Group
	for {
		select {
		case j, ok := <-s.work:
			if !ok {
				return nil
			}
			done := s.track.AtDisk()
			var err error
			if j.pack != nil {
				err = s.packFiles(j, &hash)
			} else {
				err = s.readChunk(j)
			}
			done()
			if err == nil {
				s.compress(j)
			}
			close(j.ready)
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// compress replaces the bytes of a job by fewer, where that pays.
func (s *sender) compress(j *job) {
	plain := j.data
	if j.pack != nil {
		plain = j.body
	}
	var try bool
	if j.skip || j.hole || len(*plain) == 0 {
		return
	}
	if try, j.epoch = s.press.Next(); !try {
		return
	}
	var frame *[]byte
	if frame, j.epoch = s.press.Shrink(&s.pool, *plain); frame == nil {
		return
	}
	j.zstd = true
	if s.pool.Put(plain); j.pack != nil {
		j.body = frame
		return
	}
	j.data = frame
	s.bufs.Give(j.size - int64(len(*frame)))
}

// readChunk fills a chunk job. Whatever keeps it from that ends the attempt,
// and the job with it.
func (s *sender) readChunk(j *job) error {
	if j.hole {
		j.check = checksum.Check(flow.Zeros[:j.size], j.index, j.single)
		return nil
	}
	stale, err := j.file.read(j.attempt, j.index, *j.data)
	switch {
	case stale:
		j.skip = true
		return nil
	case errors.Is(err, io.EOF): // shorter than it was
		j.skip = true
		return s.restart(j.file, j.attempt)
	case err != nil:
		j.skip = true
		e := j.file.entry
		return s.giveUp(e, failure.Source("reading", e.item.Display, err))
	}
	j.check = checksum.Check(*j.data, j.index, j.single)
	if !j.single {
		return nil
	}
	// A file of one chunk has no FILEEND: its digest goes with the data, so
	// whether it changed is looked at before that.
	changed, err := j.file.changed()
	if err != nil {
		j.skip = true
		return nil // the entry was settled meanwhile
	}
	if changed && !(s.opt.AllowChanged && (j.attempt+1 >= readAttempts || s.accept.Ordered)) {
		j.skip = true
		return s.restart(j.file, j.attempt)
	}
	e := j.file.entry
	if !changed && j.file.longer() {
		j.skip = true
		return s.giveUpLying(e)
	}
	s.mu.Lock()
	e.root, e.size, e.hashed = j.check, int64(len(*j.data)), true
	s.mu.Unlock()
	return nil
}

// packFiles reads the files of a pack into the body of its frame and hashes them
// together. A file that cannot be read, or is not what was announced, is left out.
func (s *sender) packFiles(j *job, hash *checksum.Group) error {
	j.body = s.pool.Get(framing.Limit(framing.TypePack))
	body := (*j.body)[:0]
	kept, contents := j.pack[:0], make([][]byte, 0, len(j.pack))
	at := make([]int, 0, len(j.pack)) // of the roots, in body
	for _, e := range j.pack {
		record, root := framing.AppendPackedHeader(body, e.item.ID, int(e.item.Size))
		// One byte more tells of a file that is longer.
		content, err := s.readSmall(e.item, record[len(record):len(record)+int(e.item.Size)+1])
		switch {
		case errors.Is(err, errNotAsAnnounced) && !s.accept.Ordered:
			s.wants.Put(want{entry: e, kind: framing.WantAll, changed: true})
			continue
		case errors.Is(err, errSizeLies):
			if err := s.giveUpLying(e); err != nil {
				return err
			}
			continue
		case err != nil:
			failed := failure.Source("reading", e.item.Display, err)
			if errors.Is(err, errNotAsAnnounced) {
				failed.Code = framing.CodeChanged
			}
			if err := s.giveUp(e, failed); err != nil {
				return err
			}
			continue
		}
		body = record[:len(record)+len(content)]
		kept, contents, at = append(kept, e), append(contents, content), append(at, root)
		j.size += int64(len(content))
	}
	roots := make([]checksum.Digest, len(kept))
	hash.Sums(roots, contents)
	for i, root := range roots {
		copy(body[at[i]:], root[:])
	}
	*j.body, j.pack = body, kept
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, e := range kept {
		e.root, e.size, e.hashed = roots[i], int64(len(contents[i])), true
	}
	return nil
}

// errNotAsAnnounced: the file changed since it was listed, or while it was read.
var errNotAsAnnounced = errors.New("changed since it was listed")

// errSizeLies: the content has not the length that the file system says.
var errSizeLies = errors.New("its content is longer or shorter than its size says, as in /proc; ferry send - takes it as a stream")

// giveUpLying gives up a file whose size is not to be believed.
func (s *sender) giveUpLying(e *outEntry) error {
	return s.giveUp(e, &transfer.Error{Op: "reading", Path: e.item.Display, Code: framing.CodeUnsupported, Err: errSizeLies})
}

// readSmall reads a whole file of at most flow.PackLimit bytes; buf has room for one more.
func (s *sender) readSmall(it *tree.Item, buf []byte) ([]byte, error) {
	asRead := s.opt.AllowChanged && s.accept.Ordered // what was written cannot be sent again
	for try := 0; ; try++ {
		n, before, after, err := it.ReadSmall(buf)
		if err != nil {
			return nil, err
		}
		same := announced(before, &it.Entry) && before.SameVersion(after)
		switch {
		case !same && !(asRead && int64(n) == it.Size):
			return nil, errNotAsAnnounced
		case int64(n) != it.Size:
			return nil, errSizeLies
		}
		// A change within the file system's clock tick would not show.
		age := time.Since(before.CTime.Std())
		if age < 0 || age >= clockTick || try+1 == readAttempts || !same {
			return buf[:n], nil
		}
		time.Sleep(clockTick - age)
	}
}

// finish ends an attempt at a file: with FILEEND, or with another attempt if
// the file changed while it was read.
func (s *sender) finish(o *outFile, attempt uint8) error {
	e := o.entry
	changed, err := o.changed()
	if err != nil {
		return nil // the entry was settled meanwhile
	}
	if changed && !(s.opt.AllowChanged && (attempt+1 >= readAttempts || s.accept.Ordered)) {
		return s.restart(o, attempt)
	}
	if !changed && o.longer() {
		return s.giveUpLying(e)
	}
	end, ok, err := o.end(attempt)
	if err != nil || !ok {
		return err
	}
	s.mu.Lock()
	e.root, e.size, e.hashed = end.Root, int64(end.Size), true
	s.mu.Unlock()
	// Most often nothing more is asked of it.
	if o.park() {
		s.open.Give(1)
	}
	return failure.Link("ending a file", s.link.Stream(0).Send(true, framing.TypeFileEnd, end.Append(nil)))
}

// restart begins the next attempt at a file that changed, or gives it up after
// the last. Only the first call for an attempt has an effect.
func (s *sender) restart(o *outFile, attempt uint8) error {
	e := o.entry
	o.mu.Lock()
	current := o.attempt == attempt && !o.closed
	if current {
		o.attempt++ // what still comes of the old attempt is stale from here on
	}
	o.mu.Unlock()
	if !current {
		return nil
	}
	if attempt+1 >= readAttempts || s.accept.Ordered {
		return s.giveUp(e, &transfer.Error{Op: "reading", Path: e.item.Display, Code: framing.CodeChanged,
			Err: errors.New("it changed each time while it was read; send it when it rests, or with --allow-changed")})
	}
	if err := o.begin(attempt + 1); err != nil {
		return s.giveUp(e, failure.Source("opening again", e.item.Display, err))
	}
	o.mu.Lock()
	info := o.info
	o.mu.Unlock()
	if err := s.promise.grown(e.most, info.Size); err != nil {
		return s.giveUp(e, failure.Source("reading", e.item.Display, err))
	}
	s.mu.Lock()
	e.hashed = false
	before := e.item.Size
	e.item.Size, e.item.Mode, e.item.MTime = info.Size, info.Mode&wire.ModeBits(&e.item.Entry), info.MTime
	s.mu.Unlock()
	s.track.Resized(info.Size - before)
	mode := info.Mode & 0o777
	if s.granted().Owner {
		mode = info.Mode & wire.ModeBits(&e.item.Entry)
	}
	c := framing.Changed{ID: e.item.ID, Attempt: attempt + 1, Mode: mode, Sec: info.MTime.Sec, Nsec: info.MTime.Nsec, Size: uint64(info.Size)}
	return failure.Link("announcing a change", s.link.Stream(0).Send(true, framing.TypeChanged, c.Append(nil)))
}
