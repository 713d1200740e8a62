package tree

import "os"

// Content is an open file that is read at any offset, and of which the holes are known.
// Its methods may be called at the same time.
type Content struct {
	file    *os.File
	info    Info
	extents *Extents
}

// NewContent takes file, which info is of, and closes it with Close.
func NewContent(file *os.File, info Info) *Content {
	return &Content{file: file, info: info, extents: NewExtents(file, info)}
}

// ReadAt is io.ReaderAt.
func (c *Content) ReadAt(b []byte, at int64) (int, error) { return c.file.ReadAt(b, at) }

// Close lets go of the file. Reads under way may fail.
func (c *Content) Close() error { return c.file.Close() }

// Info is what the file was when it was opened.
func (c *Content) Info() Info { return c.info }

// Stat is what the open file is by now, whatever has its name.
func (c *Content) Stat() (Info, error) { return Fstat(c.file) }

// Cover is Extents.Cover.
func (c *Content) Cover(at, n int64) Cover { return c.extents.Cover(at, n) }

// File is the file itself, for calls on its handle. It stays Content's to close.
func (c *Content) File() *os.File { return c.file }
