package receive

import (
	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/parcel"
	"ferry/transfer/tree"
)

// intake takes content, whatever it came by: a reader hands over what it gathered from a
// link, and a sender in this process its own. It queues what may be of use, and refuses
// what nobody asked for. It never waits. Any goroutine uses it.
type intake struct {
	ledger  *ledger
	jobs    *flow.Queue[job]
	ordered bool // content is written as it comes: pieces of chunks are taken too
}

// Chunk takes content of one entry: a whole chunk, or a piece in an ordered delivery. The
// chunk is c's Owner's again when its Free is called.
func (in *intake) Chunk(c *parcel.Chunk) error {
	a, err := in.ledger.expect(c.Entry, c.Attempt)
	if err != nil {
		return err
	}
	if a != nil {
		if err := in.fits(a, c); err != nil {
			return err
		}
	}
	in.jobs.Put(chunk{c}) // which frees one that is of no use any more
	return nil
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
	case c.Last && !stream && at+c.Size != length:
		return failure.Violation("chunk %d of entry %d ends after %d bytes", index, c.Entry, at+c.Size)
	case !in.ordered && (at != 0 || !c.Last):
		return failure.Violation("a piece of chunk %d of entry %d", index, c.Entry)
	}
	return nil
}
