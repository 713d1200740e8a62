package compress

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/flow"
)

// scratchBytes holds a chunk that did not shrink as a frame: zstd adds 3 bytes for
// each block of 128 KiB and at most 18 around them.
const scratchBytes = checksum.ChunkSize + 64

// newEncoder returns an encoder for as many goroutines as work at once. Of the
// levels only the fastest keeps up with a line that is worth it. Chunks have a
// checksum of their own, so frames have none.
func newEncoder() (*zstd.Encoder, error) {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(max(2, flow.Cores())),
		zstd.WithWindowSize(framing.MaxZstdWindow), zstd.WithSingleSegment(true), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, &transfer.Error{Op: "preparing to compress", Code: framing.CodeInternal, Err: err}
	}
	return e, nil
}

// Decoder unfolds zstd frames, for as many goroutines as work at once. None takes
// more memory than a chunk and its window.
type Decoder struct{ zstd *zstd.Decoder }

// NewDecoder returns a decoder, to be closed by its caller.
func NewDecoder() (*Decoder, error) {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(max(2, flow.Cores())), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(framing.MaxZstdWindow), zstd.WithDecoderMaxWindow(framing.MaxZstdWindow), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, &transfer.Error{Op: "preparing to decompress", Code: framing.CodeInternal, Err: err}
	}
	return &Decoder{d}, nil
}

var errContentSize = errors.New("it has not the size that it states")

// Close lets go of the decoder's memory.
func (d *Decoder) Close() { d.zstd.Close() }

// Unfold decodes a zstd frame that framing found in order, and that states a
// content of n bytes, into a buffer of the pool. It writes no more than that. An
// error is the sender's fault.
func (d *Decoder) Unfold(pool *flow.Pool, frame []byte, n int) (*[]byte, error) {
	out := pool.Get(n)
	got, err := d.zstd.DecodeAll(frame, (*out)[:0:n])
	if err == nil && len(got) != n {
		err = errContentSize
	}
	if err != nil {
		pool.Put(out)
		return nil, fmt.Errorf("decoding a zstd frame: %w", err)
	}
	return out, nil
}
