package storage

import (
	"context"
	"io"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// File is an open file that is read at any offset. ReadAt and Cover may be called at the
// same time.
type File interface {
	io.ReaderAt
	io.Closer
	// Info is what the file was when it was opened.
	Info() tree.Info
	// Stat is what the open file is by now, whatever has its name.
	Stat() (tree.Info, error)
	// Cover tells what n bytes at offset at are stored as. What is tree.AllHole reads as
	// zeros and need not be read. What cannot be found out is tree.AllData.
	Cover(at, n int64) tree.Cover
}

// Source is one file of what is sent. Its methods may be called at the same time.
//
// That a file changes while it is read shows by comparing: File.Info before, then Stat of
// the Source and of the File after the last byte was read. They are the same by
// tree.Info.SameVersion if it did not change.
type Source interface {
	// Open opens the file, which is checked to be a regular one.
	Open() (File, error)
	// OpenStream opens content of unknown length, to be read once from its beginning. It
	// may wait for whoever writes it; the end of ctx ends the wait, and closing ends a Read.
	OpenStream(ctx context.Context) (io.ReadCloser, error)
	// ReadSmall reads a file that fits into buf, all of it, and tells what it was before
	// and after. It costs fewer calls than Open. A file that is longer gives len(buf) bytes.
	ReadSmall(buf []byte) (n int, before, after tree.Info, err error)
	// Stat tells what stands under the file's name now.
	Stat() (tree.Info, error)
}

// Digested is a Source or a File that knows, from whoever stored it, which digest the content
// of the version has that is or was read. Content with another one is damaged.
type Digested interface {
	Digest() (root checksum.Digest, known bool)
}

// Eager is a Source of which a small file may be read before it is asked for.
type Eager interface {
	// Ahead says that ReadSmall of a file of that size follows soon. It returns at once.
	Ahead(size int64)
	// Settled says that nothing more is read of the file. It returns at once.
	Settled()
}

// Lender is a File that may have in memory what is read of it.
type Lender interface {
	// Lend returns n bytes at offset at, which nobody changes until done is called, once. They
	// cannot be lent if data is nil: then ReadAt reads them, if err is nil as well.
	Lend(at int64, n int) (data []byte, done func(), err error)
}

// OfItem is an item of a walk as a Source.
func OfItem(it *tree.Item) Source {
	if it.Away != nil {
		return it.Away.(Source) // as tree.AwayItem says
	}
	return item{it}
}

// item adapts tree.Item, whose methods return types of the file system.
type item struct{ *tree.Item }

func (i item) Open() (File, error) {
	f, info, err := i.Item.Open()
	if err != nil {
		return nil, err
	}
	return tree.NewContent(f, info), nil
}

func (i item) OpenStream(ctx context.Context) (io.ReadCloser, error) {
	f, _, err := i.Item.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	return f, nil
}
