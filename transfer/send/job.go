package send

import (
	"context"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/parcel"
	"ferry/transfer/internal/progress"
)

// job is a unit of reading, hashing and sending: a chunkJob or a packJob. One goroutine
// has it at a time: feed, then a worker, then a writer.
type job interface {
	// read reads and hashes what is to be sent. What cannot be read is left out. A worker's.
	read(ctx context.Context, r *reader) error
	// shrink compresses it, where that pays. A worker's.
	shrink(r *reader)
	// fill has filled closed: the worker is done. The writer waits for that.
	fill()
	filled() <-chan struct{}
	// send gives what there is to the outlet. A writer's.
	send(ctx context.Context, w *writer) (sent sending, err error)
}

// sending is how a job went over the line.
type sending struct {
	content, wire int64
	epoch         uint32 // of the decision about compressing it
	told          bool   // the line shows its rate by it
}

// chunkJob sends one chunk of a file.
type chunkJob struct {
	parcel.Chunk // as it crosses; its Size is set from the start
	content      *content
	attempt      *attempt
	index        uint64
	buf          *[]byte  // of Data; nil of a hole, and of what is shared or lent
	lent         func()   // gives Data back to the file that lent it; nil: none did
	share        *share   // nil: it is read for this delivery alone
	shared       *portion // has Data; nil: buf has it
	bufs         *buffers
	track        *progress.Tracker
	ready        chan struct{}
	empty        bool   // nothing to send: the attempt is over, or reading failed
	taken        bool   // the receiver has it, which shares what the file has
	epoch        uint32 // of the decision about compressing it
	patch        bool   // it may go as copies
	copied       int    // bytes of it that are copies; 0: it goes whole
}

func (j *chunkJob) filled() <-chan struct{} { return j.ready }
func (j *chunkJob) fill()                   { close(j.ready) }

// hole tells whether the chunk is zeros, which are neither read nor sent.
func (j *chunkJob) hole() bool { return j.Encoding == framing.EncodingZeros }

// single tells whether the file is this chunk: it is checked by digest.
func (j *chunkJob) single() bool { return j.attempt.size() <= checksum.ChunkSize }

// Moved is parcel.Owner's.
func (j *chunkJob) Moved(n int64) {
	crossed := n
	switch {
	case j.copied > 0:
		return // tellCopied
	case j.hole():
		crossed = 0
	}
	j.track.Moved(n, crossed, j.content.entry.item.Display)
}

// Free is parcel.Owner's: the buffer can be used again.
func (j *chunkJob) Free() {
	switch {
	case j.shared != nil:
		j.bufs.room.Give(int64(len(j.Data)))
		j.share.drop(j.shared)
	case j.buf != nil:
		j.bufs.put(j.buf)
	case j.lent != nil:
		j.lent()
	}
}

func (j *chunkJob) send(ctx context.Context, w *writer) (sending, error) {
	if j.empty {
		j.Free()
		return sending{}, nil
	}
	wire := 0
	if !j.taken {
		var err error
		if wire, err = w.out.Chunk(ctx, &j.Chunk); err != nil {
			return sending{}, err
		}
	}
	s := sending{content: int64(j.Size), wire: int64(wire), epoch: j.epoch, told: !j.hole() && j.copied == 0}
	if j.copied > 0 {
		j.tellCopied()
	}
	last, err := j.content.settle(j.attempt, j.index, j.Check, true)
	if err != nil || !last || j.single() {
		return s, err
	}
	if err := w.out.Flush(); err != nil {
		return s, err
	}
	return s, w.attempts.finish(j.content, j.attempt)
}

// packJob sends small files together.
type packJob struct {
	parcel.Pack
	entries []*entry // those that could be read, once it is filled
	buf     *[]byte  // of Data; nil of what is shared
	pool    *flow.Pool
	share   *share   // nil: it is read for this delivery alone
	shared  *portion // has Data; nil: buf has it
	makes   *portion // what others may wait for; nil: nothing
	track   *progress.Tracker
	ready   chan struct{}
	epoch   uint32
}

func (j *packJob) filled() <-chan struct{} { return j.ready }
func (j *packJob) fill()                   { close(j.ready) }

// Moved is parcel.Owner's.
func (j *packJob) Moved(n int64) {
	j.track.Moved(n, n, j.entries[len(j.entries)-1].item.Display)
}

// Free is parcel.Owner's: the buffer can be used again.
func (j *packJob) Free() {
	switch {
	case j.shared != nil:
		j.share.drop(j.shared)
	case j.buf != nil:
		j.pool.Put(j.buf)
	}
}

func (j *packJob) send(ctx context.Context, w *writer) (sending, error) {
	if len(j.entries) == 0 {
		j.Free()
		return sending{told: true, epoch: j.epoch}, nil
	}
	wire, err := w.out.Pack(ctx, &j.Pack)
	return sending{content: int64(j.Size), wire: int64(wire), epoch: j.epoch, told: true}, err
}
