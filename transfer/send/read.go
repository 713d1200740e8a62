package send

import (
	"context"
	"errors"
	"io"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/compress"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
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
}

func (r *reader) run(ctx context.Context) error {
	for {
		select {
		case j, ok := <-r.belt.work:
			if !ok {
				return nil
			}
			if err := r.fill(j); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (r *reader) fill(j job) error {
	defer j.fill()
	back := r.track.AtDisk()
	err := j.read(r)
	back()
	if err == nil {
		j.shrink(r)
	}
	return err
}

func (j *chunkJob) read(r *reader) error {
	if j.hole() {
		j.Check = checksum.Check(flow.Zeros[:j.Size], j.index, j.single())
		return nil
	}
	stale, err := j.content.fill(j.attempt, j.index, j.Data)
	switch {
	case stale:
		j.empty = true
		return nil
	case errors.Is(err, io.EOF): // shorter than it was
		j.empty = true
		return r.attempts.again(j.content, j.attempt)
	case err != nil:
		j.empty = true
		return r.attempts.unread(j.content.entry, "reading", err)
	}
	j.Check = checksum.Check(j.Data, j.index, j.single())
	if !j.single() {
		return nil
	}
	// A file of one chunk has no FILEEND: its digest goes with the data, so
	// whether it changed is looked at before that.
	ok, err := r.attempts.sound(j.content, j.attempt)
	if !ok {
		j.empty = true
		return err
	}
	r.book.hashed(j.content.entry, j.Check, int64(j.Size))
	return nil
}

func (j *chunkJob) shrink(r *reader) {
	if j.empty || j.hole() || len(j.Data) == 0 {
		return
	}
	frame, epoch := shrunk(r, j.Data)
	if j.epoch = epoch; frame == nil {
		return
	}
	r.bufs.swap(j.buf, frame)
	j.buf, j.Data, j.Encoding = frame, *frame, framing.EncodingZstd
}

// shrunk returns plain as a zstd frame, or nil if it is to be sent as it is, and the epoch
// of that decision.
func shrunk(r *reader, plain []byte) (frame *[]byte, epoch uint32) {
	try, epoch := r.press.Next()
	if !try {
		return nil, epoch
	}
	return r.press.Shrink(&r.bufs.pool, plain)
}

// read reads the files of the pack into the body of its frame and hashes them
// together. A file that cannot be read, or is not what was announced, is left out.
func (j *packJob) read(r *reader) error {
	j.buf = j.pool.Get(framing.Limit(framing.TypePack))
	body := (*j.buf)[:0]
	kept, contents := j.entries[:0], make([][]byte, 0, len(j.entries))
	at := make([]int, 0, len(j.entries)) // of the roots, in body
	for _, e := range j.entries {
		record, root := framing.AppendPackedHeader(body, e.item.ID, int(e.item.Size))
		// One byte more tells of a file that is longer.
		content, err := r.small(e, record[len(record):len(record)+int(e.item.Size)+1])
		if err != nil {
			if err := r.leaveOut(e, err); err != nil {
				return err
			}
			continue
		}
		body = record[:len(record)+len(content)]
		kept, contents, at = append(kept, e), append(contents, content), append(at, root)
		j.Size += len(content)
	}
	roots := make([]checksum.Digest, len(kept))
	r.hash.Sums(roots, contents)
	for i, root := range roots {
		copy(body[at[i]:], root[:])
	}
	*j.buf, j.Data, j.entries = body, body, kept
	r.book.hashedAll(kept, roots, contents)
	return nil
}

func (j *packJob) shrink(r *reader) {
	if len(j.Data) == 0 {
		return
	}
	frame, epoch := shrunk(r, j.Data)
	if j.epoch = epoch; frame == nil {
		return
	}
	j.pool.Put(j.buf)
	j.buf, j.Data, j.Encoding = frame, *frame, framing.EncodingZstd
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
	failed := failure.Source("reading", e.item.Display, err)
	if errors.Is(err, errNotAsAnnounced) {
		failed.Code = framing.CodeChanged
	}
	return r.attempts.giveUp(e, failed)
}

// small reads a whole file of at most flow.PackLimit bytes; buf has room for one more.
func (r *reader) small(e *entry, buf []byte) ([]byte, error) {
	it := e.item
	for try := 0; ; try++ {
		n, before, after, err := storage.OfItem(it).ReadSmall(buf)
		if err != nil {
			return nil, err
		}
		same := announced(before, &it.Entry) && before.SameVersion(after)
		switch {
		case !same && !(r.attempts.onlyOnce() && int64(n) == it.Size):
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
