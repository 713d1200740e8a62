package receive

import (
	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/parcel"
	"ferry/transfer/tree"
)

// intake takes content that a reader has gathered from a link. It queues what may be of
// use, and refuses what nobody asked for. It never waits. Any goroutine uses it.
type intake struct {
	ledger  *ledger
	jobs    *flow.Queue[job]
	ordered bool // content is written as it comes: pieces of chunks are taken too
}

// Chunk takes content of one entry: a whole chunk, or a piece in an ordered delivery. The
// chunk is c's Owner's again when its Free is called.
func (in *intake) Chunk(c *parcel.Chunk) error {
	if _, err := in.check(c); err != nil {
		return err
	}
	in.jobs.Put(chunk{c}) // which frees one that is of no use any more
	return nil
}

// check returns the attempt that c is content of, and nil if it is of no use any more. An
// error is content that nobody asked for.
func (in *intake) check(c *parcel.Chunk) (*attempt, error) {
	a, err := in.ledger.expect(c.Entry, c.Attempt)
	if a != nil && err == nil {
		err = in.fits(a, c)
	}
	return a, err
}

// Pack takes small files.
func (in *intake) Pack(p *parcel.Pack) { in.jobs.Put(pack{p}) }

// fits returns an error unless c is content that a can have.
func (in *intake) fits(a *attempt, c *parcel.Chunk) error {
	index, at := c.Offset/checksum.ChunkSize, int(c.Offset%checksum.ChunkSize)
	length := a.chunkLen(index)
	stream := a.of.kind == tree.Stream
	switch {
	case c.Size > length-at:
		return failure.Violation("%d bytes at %d do not fit into entry %d", c.Size, c.Offset, c.Entry)
	case c.Encoding != framing.EncodingRaw && (at != 0 || !c.Last), c.Encoding == framing.EncodingZeros && stream:
		return failure.Violation("encoding %d of a part of a chunk of entry %d", c.Encoding, c.Entry)
	case c.Encoding == framing.EncodingCopies && (a.basis == nil || a.basis.lacks == nil):
		return failure.Violation("copies for entry %d, which has nothing to copy from", c.Entry)
	case c.Last && !stream && at+c.Size != length:
		return failure.Violation("chunk %d of entry %d ends after %d bytes", index, c.Entry, at+c.Size)
	case !in.ordered && (at != 0 || !c.Last):
		return failure.Violation("a piece of chunk %d of entry %d", index, c.Entry)
	}
	return nil
}
