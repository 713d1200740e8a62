package storage

import (
	"context"
	"iter"
	"os"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// Partial is a file on its way, by chunks of checksum.ChunkSize. Different
// chunks may be written concurrently.
type Partial interface {
	// Present yields the chunks that an interrupted delivery left here, with
	// the chaining value that it noted: a hint, to be hashed before it counts.
	// Chunks that are written meanwhile may be among them or not.
	Present(ctx context.Context) iter.Seq2[uint64, checksum.CV]
	WriteChunk(index uint64, b []byte, cv checksum.CV) error
	// WriteHole makes chunk index read as n zeros, without storing them.
	WriteHole(index uint64, n int, cv checksum.CV) error
	ReadChunk(index uint64, buf []byte) (int, error)
	// Allocated is the space that it takes already, in bytes.
	Allocated() int64
	// CopyChunk takes a chunk from an older file, inside the kernel if possible.
	CopyChunk(from *os.File, index uint64, n int) error
	// Mark notes the chaining value of a chunk that was copied and hashed.
	Mark(index uint64, cv checksum.CV)
	// Write stores the whole content of a file of one chunk or less.
	Write(b []byte) error
	SetDigest(checksum.Digest)
	// Seal gives the file its size and metadata; no writes follow.
	Seal(e *tree.Entry, size int64) error
	// Discard ends a partial that is not published; keep leaves it for the next
	// delivery.
	Discard(keep bool) error
}

// SparsePartial is a Partial that can leave out blocks of zeros in what is
// written, for content that has holes at the sender.
type SparsePartial interface {
	KeepHoles()
}

// Publication asks for one sealed file to get its final name.
type Publication struct {
	Partial Partial
	Entry   *tree.Entry
	Replace bool // an existing file may be replaced
	// Expect is what was to be replaced when that was decided; if it has changed
	// since, the result is a conflict.
	Expect *tree.Info
	Rename bool   // a free name is to be found if the name is taken
	Name   string // set when another name was used
	Err    error  // set when it failed
}
