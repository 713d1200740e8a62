package dest

import (
	"errors"
	"io"
	"os"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// CopyChunk is storage.Partial's. What Finder.Open returned is copied without the bytes
// passing through this process where the system can; where the file system can, they are
// shared.
func (p *partial) CopyChunk(from storage.File, index uint64, n int) error {
	at, err := chunkAt(index, n, p.size)
	if err != nil {
		return p.fail("copying", err)
	}
	file, err := p.open()
	if err != nil {
		return p.broke("copying", err)
	}
	p.wrote.Store(true)
	return p.fail("copying", p.copyChunk(file, from, at, n))
}

// copyChunk copies n bytes at offset at, holes as such.
func (p *partial) copyChunk(to *os.File, from storage.File, at int64, n int) error {
	if at+int64(n) <= from.Info().Size { // else copying says what is wrong
		// Copying in the kernel would fill holes.
		switch from.Cover(at, int64(n)) {
		case tree.AllHole:
			return p.broke("copying", zero(to, at, int64(n)))
		case tree.Mixed:
			return p.copySparse(to, from, at, n)
		}
	}
	var done int64
	err := errors.ErrUnsupported
	if ours, ok := from.(*tree.Content); ok {
		done, err = copyRange(to, ours.File(), at, int64(n))
	}
	if errors.Is(err, errors.ErrUnsupported) {
		err = copyBytes(to, from, at+done, int64(n)-done)
	}
	p.dirtied(to, n)
	return err
}

// copySparse copies n bytes that are data in part.
func (p *partial) copySparse(to *os.File, from io.ReaderAt, at int64, n int) error {
	b := make([]byte, n)
	if _, err := from.ReadAt(b, at); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	p.dirtied(to, n)
	return p.broke("copying", writeSparse(to, b, at))
}

// copyBytes is copyRange through memory.
func copyBytes(to *os.File, from io.ReaderAt, at, n int64) error {
	r := io.NewSectionReader(from, at, n)
	m, err := io.CopyBuffer(io.NewOffsetWriter(to, at), struct{ io.Reader }{r}, make([]byte, 128<<10))
	if err == nil && m < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Share is storage.Sharer's. Whatever the system has against it, the file can be written.
func (p *partial) Share(from storage.File) bool {
	ours, ok := from.(*tree.Content)
	if !ok || p.size <= checksum.ChunkSize || p.reused {
		return false
	}
	file, err := p.open()
	if err != nil {
		return false
	}
	if !shareFile(file, ours.File(), p.size) && !p.becomeClone(ours.File(), (*tree.Dir).Clone) {
		return false
	}
	p.wrote.Store(true)
	return true
}

// becomeClone puts a file that clone makes of from in the place of the partial's own, to
// which nothing was written. That is for systems on which an open file cannot share blocks:
//
//  1. The clone gets a temporary name in the state folder.
//  2. One that is shorter than the partial is not used: see shareFile.
//  3. It is locked, as the part is that has the name. Whoever waits for the lock of that
//     one then sees that it lost its name.
//  4. It takes the name, and the other file is let go.
func (p *partial) becomeClone(from *os.File, clone func(in *tree.Dir, from *os.File, name string) (*os.File, error)) bool {
	b := &p.body
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil || b.name == "" {
		return false
	}
	temp := tempName()
	file, err := clone(b.dir, from, temp)
	if err != nil {
		return false
	}
	info, err := tree.Fstat(file)
	if err == nil && info.Size < p.size {
		err = storage.ErrChanged
	}
	if err == nil && p.key != "" {
		err = lock(file)
	}
	if err == nil {
		err = b.dir.Rename(temp, b.dir, b.name, true)
	}
	if err != nil {
		_, _ = file.Close(), b.dir.Remove(temp, false) // all is written as without a clone
		return false
	}
	_ = b.file.Close() // nothing was written to it
	b.file = file
	return true
}

// Shares is storage.Partial's. It is tried once a volume.
func (p *partial) Shares() bool {
	known := &p.parent.vol.sharing
	if known.Load() == 0 {
		known.Store(p.tryShare())
	}
	return known.Load() > 0
}

// tryShare shares a block with a file that has no name, or with the partial if nothing
// is written to that yet. It returns 0 if it cannot be tried.
func (p *partial) tryShare() int32 {
	from, _, err := p.parent.dir.OpenFile(p.item)
	if err != nil {
		return 0
	}
	defer from.Close() // read only
	to, err := p.parent.dir.CreateUnnamed(0o600)
	if err == nil {
		defer to.Close() // it is gone with that
	} else if p.reused || p.wrote.Load() {
		return 0
	} else if to, err = p.open(); err != nil {
		return 0
	}
	if sharesRange(to, from) {
		return 1
	}
	return -1
}

// fillFrom makes the partial a sealed copy of from.
func (p *partial) fillFrom(e *tree.Entry, from *tree.Content) error {
	for index := range checksum.Chunks(e.Size) {
		if err := p.CopyChunk(from, index, checksum.ChunkLen(e.Size, index)); err != nil {
			return err
		}
	}
	buf := alignedBuffer()
	want, err := digestOf(from, buf)
	if err != nil {
		return p.fail("reading", err)
	}
	file, err := p.open()
	if err != nil {
		return p.broke("writing", err)
	}
	if err := setSize(file, e.Size); err != nil {
		return p.broke("writing", err)
	}
	got, err := digestOf(file, buf)
	if err == nil && got != want {
		err = storage.ErrChanged // while it was copied
	}
	if err != nil {
		return p.broke("comparing", err)
	}
	return p.Seal(e, e.Size, want)
}
