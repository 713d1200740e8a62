// Package parcel has the values in which content crosses from a sender to a receiver.
//
// A sender gives them to an Outlet: that of a link cuts them into frames, and the
// receiver's parser makes them of frames again. A receiver in the same process is an Inlet:
// it gets them as they are, by the Passage of the link. The package has no goroutine and no
// lock.
package parcel

import (
	"context"

	"ferry/checksum"
)

// Chunk is content of one entry: all of one chunk, or a piece of one where bytes leave
// before their chunk is full.
type Chunk struct {
	Entry    uint64
	Attempt  uint8
	Offset   uint64 // of its first byte in the content; of zeros and of a whole chunk a multiple of the chunk size
	Size     int    // bytes of content that it stands for
	Encoding uint8  // framing.Encoding… of Data: raw, zstd (of a whole chunk) or zeros (Data is nil)
	Data     []byte
	Last     bool     // its chunk ends with it, and Check is set
	Check    [32]byte // the CV of the chunk; of a file of at most one chunk the root
	// Node, of a whole chunk that stays in this process, is what hashing Data came to: Check
	// follows from it, and nobody hashes Data again. Nil: Check is the other side's word.
	Node  *checksum.Node
	Owner Owner
}

// Pack is small files, whole.
type Pack struct {
	Data     []byte // the body of a PACK frame
	Encoding uint8  // of Data: raw or zstd
	Size     int    // bytes of content of all files
	Files    []File // what Data consists of; at an Inlet only these count
	Owner    Owner
}

// File is one of a Pack, with the digest of its bytes.
type File struct {
	Entry uint64
	Data  []byte
	Root  checksum.Digest
}

// Owner is told what becomes of a Chunk or a Pack. Its methods are called from any
// goroutine, and under no lock of the package that calls them.
type Owner interface {
	// Moved tells that n more bytes of content are on their way.
	Moved(n int64)
	// Free tells, once, that nobody reads Data any more. It may be left out after an
	// error, and where there is no Data.
	Free()
}

// Outlet takes the content that one goroutine sends, in order. The goroutine may go on to
// the next value when a method returns. What a method returns as wire is how many bytes
// crossed for that content.
type Outlet interface {
	// Chunk sends a chunk of a file. Its Data is read until Owner.Free.
	Chunk(ctx context.Context, c *Chunk) (wire int, err error)
	// Piece sends content whose chunk is not full yet. Its Data is read until it returns.
	Piece(ctx context.Context, c *Chunk) (wire int, err error)
	// Pack sends small files. Data is read until Owner.Free.
	Pack(ctx context.Context, p *Pack) (wire int, err error)
	// Flush has all leave that waits for company.
	Flush() error
}
