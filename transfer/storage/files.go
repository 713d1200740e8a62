package storage

import (
	"context"
	"iter"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// Files takes files with content.
type Files interface {
	// Begin starts the file e, or goes on with what an earlier delivery left of it: of
	// this version (path, size and mtime) or, failing that, of another one where the place can
	// use it. Sparse says
	// that the content has holes at the sender, so that blocks of zeros in it become holes
	// here too. The Kind Locked: another delivery has the file. E may be changed after that.
	Begin(e *tree.Entry, sparse bool) (Partial, error)
	// Publish syncs the sealed files of a batch and gives them their names. What became
	// of each is in its Publication; a Partial with an Err stays the caller's to Discard
	// or, after a Conflict, to publish otherwise. The error returned says that nothing
	// else can be delivered here. One call at a time; batches of up to 1000 small files
	// are cheapest.
	Publish(batch []*Publication) error
}

// Partial is a file on its way, by chunks of checksum.ChunkSize. It ends with a Publish
// that succeeds, or with Discard.
//
// WriteChunk, WriteHole, CopyChunk, ReadChunk and Mark may be called at the same time for
// different chunks. The other methods are called by one goroutine at a time, and Seal
// and Discard when no other call is under way.
type Partial interface {
	// Present yields, in order, the chunks that an earlier delivery left here and the
	// chaining values that it noted. They are hints: the caller reads and hashes a chunk
	// before it counts, unless a Voucher vouches for it. Chunks that are written meanwhile may be among them or not. Once it
	// has yielded the first chunk, Seal and Discard do not wait for its end: what it yields
	// after them counts for nothing.
	Present(ctx context.Context) iter.Seq2[uint64, checksum.CV]
	// WriteChunk writes b, the whole of chunk index, and notes cv as its chaining value
	// for the next delivery. A place that passes on what it gets may keep it waiting. Of a file of one chunk or less, b is all of it and cv does
	// not count.
	WriteChunk(index uint64, b []byte, cv checksum.CV) error
	// WriteHole makes chunk index read as n zeros, which take no space where the place
	// can have holes, and notes cv.
	WriteHole(index uint64, n int, cv checksum.CV) error
	// ReadChunk reads chunk index into buf, which must hold it, and returns its length. Of
	// content of unknown size it reads what there is. io.ErrUnexpectedEOF: less is there.
	ReadChunk(index uint64, buf []byte) (int, error)
	// CopyChunk takes n bytes, chunk index, from an older file, which Finder.Open of the
	// same Landing returned. They are shared or copied without passing through this process
	// where that can be. The caller reads them back, hashes them and calls Mark.
	// io.ErrUnexpectedEOF: from is shorter. That does not spoil the Partial.
	CopyChunk(from File, index uint64, n int) error
	// Mark notes the chaining value of a chunk that was copied and hashed.
	Mark(index uint64, cv checksum.CV)
	// Allocated is the space that the content takes already, in bytes.
	Allocated() int64
	// Shares tells whether CopyChunk from the file that has the entry's name takes no
	// space.
	Shares() bool
	// Seal ends the writing: the content is exactly size bytes with the digest root, and
	// has the metadata of e. A write that follows fails, and may spoil the Partial.
	Seal(e *tree.Entry, size int64, root checksum.Digest) error
	// Discard ends a Partial that is not published. With keep, a file of more than one
	// chunk stays for the next delivery, as far as the place can keep it, unless a write or a
	// sync failed for another reason than space. After the end, it does nothing.
	Discard(keep bool) error
}

// Voucher is a Partial at a place that cannot read what is not published, and knows what it
// holds all the same.
type Voucher interface {
	// Vouches tells whether the place holds chunk index with the chaining value that Present
	// yields for it: the bytes were hashed when they were handed over, and what the place told
	// of them then it tells now. Such a claim counts without being read, and ReadChunk may fail
	// for it with the Kind Unsupported. A chunk that is written later in the place of such a
	// one may be refused with the Kind Conflict.
	Vouches(index uint64) bool
}

// Renamer is Files of a place where a large file is written where it will stand, so that its
// name has to be known from the beginning.
type Renamer interface {
	// BeginAs is Begin for a file that Publish, with Rename, is to give the name as: one of
	// Alternative that is free. The Kind Conflict at Publish: that name is taken by then.
	BeginAs(e *tree.Entry, as string, sparse bool) (Partial, error)
}

// Sharer is a Partial of a file of more than one chunk that can have the content of a file
// on the same file system without its being written.
type Sharer interface {
	// Share makes all of the content what from has now, if the place can have two files
	// share what they have: a change of one leaves the other as it was. It is called before
	// WriteChunk, WriteHole and CopyChunk, whose place it would take, on a Partial of which
	// Present yields nothing. The caller reads the chunks back, hashes them and calls Mark.
	// False: each chunk is to be written.
	Share(from File) bool
}

// Publication asks for one sealed file to get its final name.
type Publication struct {
	Partial Partial     // as Begin returned it
	Entry   *tree.Entry // of the name that Begin was given

	// Replace says that what has the name may be replaced; of a folder only with a Way.
	Replace bool
	// Expect is what was to be replaced when that was decided. If it has changed since,
	// the result is the Kind Conflict. Nil: whatever is there.
	Expect *tree.Info
	// Rename, without Replace, says that the first free name of Alternative is taken if
	// the name is not free.
	Rename bool

	// Results.

	Name string      // the name, if Rename led to another than Entry's
	Lost []tree.Loss // what of the metadata could not be applied, of a published file
	Err  error       // nil: the file is published
}
