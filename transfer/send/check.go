package send

import (
	"context"
	"errors"
	"io"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
)

// checkJob asks for chunks to be hashed that the receiver holds already, or for
// a whole file that is only compared.
type checkJob struct {
	content *content
	attempt *attempt
	want    want // wantPage or wantCheck
}

// checker hashes what is not sent, beside the sending. One goroutine runs it. It has
// a buffer of its own, so that neither waits for the other.
type checker struct {
	checks   *flow.Queue[checkJob]
	wants    *wants
	out      framing.Stream // stream 0
	attempts *attempts
	track    *progress.Tracker
	buf      []byte // a chunk; nil before the first job
}

// run ends when no jobs come any more.
func (k *checker) run(ctx context.Context) error {
	for {
		j, ok, err := k.checks.Take(ctx)
		if err != nil || !ok {
			return err
		}
		if k.buf == nil {
			k.buf = make([]byte, checksum.ChunkSize)
		}
		if j.want.kind == wantCheck {
			err = k.whole(ctx, &j)
		} else {
			err = k.page(ctx, &j)
		}
		if err != nil {
			return err
		}
	}
}

// whole hashes all of a file.
func (k *checker) whole(ctx context.Context, j *checkJob) error {
	e := j.want.entry
	for i := range checksum.Chunks(j.attempt.size()) {
		if _, over, err := k.chunk(ctx, j, i, nil); over || err != nil {
			k.track.Kept(-e.compared.Swap(0))
			return err
		}
		n := int64(checksum.ChunkLen(j.attempt.size(), i))
		e.compared.Add(n)
		k.track.Kept(n)
	}
	return k.attempts.finish(j.content, j.attempt)
}

// page compares the chunks of a page that the receiver holds. Those that
// differ are sent like any other, unless the page is held.
func (k *checker) page(ctx context.Context, j *checkJob) error {
	w, e := &j.want, j.want.entry
	cvs := w.page.cvs
	answer := framing.Checked{ID: e.item.ID, Attempt: w.attempt, First: w.first, Count: w.count, Bitmap: make([]byte, (w.count+7)/8)}
	for i := range w.count {
		if !w.page.has(i) {
			continue
		}
		claim := cvs[:framing.DigestSize]
		cvs = cvs[framing.DigestSize:]
		equal, over, err := k.chunk(ctx, j, w.first+i, claim)
		if err != nil {
			return err
		}
		if over {
			break
		}
		n := int64(checksum.ChunkLen(j.attempt.size(), w.first+i))
		w.kept -= n
		if !equal {
			k.track.Kept(-n)
			if w.hold {
				continue
			}
			k.wants.add(want{entry: e, attempt: w.attempt, kind: wantDiffer, first: w.first + i, count: 1})
			continue
		}
		answer.SetSame(i)
		k.track.Reused(n, e.item.Display)
	}
	k.wants.answered(*w)
	return failure.Link("answering a page", k.out.Send(true, framing.TypeChecked, answer.Append(nil)))
}

// chunk hashes one chunk and, if it equals the claim or there is none,
// settles it. over says that the attempt ended.
func (k *checker) chunk(ctx context.Context, j *checkJob, index uint64, claim []byte) (equal, over bool, err error) {
	if ctx.Err() != nil {
		return false, true, context.Cause(ctx)
	}
	c, a := j.content, j.attempt
	back := k.track.AtDisk()
	data, stale, err := c.read(a, index, k.buf[:checksum.ChunkLen(a.size(), index)])
	back()
	k.track.Worked()
	switch {
	case stale:
		return false, true, nil
	case errors.Is(err, io.EOF):
		return false, true, k.attempts.again(c, a)
	case err != nil:
		return false, true, k.attempts.unread(c.entry, "reading", err)
	}
	check := checksum.Check(data, index, a.small())
	if claim != nil && string(claim) != string(check[:]) {
		return false, false, nil
	}
	last, err := c.settle(a, index, check, false)
	if err == nil && last && claim != nil {
		err = k.attempts.finish(c, a)
	}
	return true, false, err
}
