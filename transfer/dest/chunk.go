package dest

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// writeBack is how many bytes of a file wait in memory before the disk is given
// them to write, so that the sync at the end finds little left to do.
const writeBack = 16 << 20

// errOutside: a chunk that the file's size does not allow.
var errOutside = errors.New("chunk outside the file")

// Write gives the whole content of a small file at once.
func (p *Partial) Write(b []byte) error {
	if p.size >= 0 && int64(len(b)) != p.size {
		return p.broke("writing", fmt.Errorf("%d bytes instead of %d", len(b), p.size))
	}
	file, err := p.open()
	switch {
	case err != nil || len(b) == 0:
	case p.sparse:
		err = writeSparse(file, b, 0)
	default:
		_, err = file.WriteAt(b, 0)
	}
	p.whole = err == nil && p.size >= 0
	return p.broke("writing", err)
}

// WriteChunk writes b, the whole of chunk index, and then notes cv as its
// chaining value for the next run.
func (p *Partial) WriteChunk(index uint64, b []byte, cv checksum.CV) error {
	at, err := chunkAt(index, len(b), p.size)
	if err != nil {
		return p.fail("writing", err)
	}
	file, err := p.open()
	if err != nil {
		return p.broke("writing", err)
	}
	p.wrote.Store(true)
	p.writing.Lock()
	if p.sparse {
		err = writeSparse(file, b, at)
	} else {
		_, err = file.WriteAt(b, at)
	}
	p.writing.Unlock()
	if err != nil {
		return p.broke("writing", err)
	}
	p.dirtied(file, len(b))
	p.Mark(index, cv)
	return nil
}

// dirtied counts n bytes that were written to file.
func (p *Partial) dirtied(file *os.File, n int) {
	if p.f.opts.NoSync {
		return
	}
	if p.dirty.Add(int64(n)) >= writeBack {
		p.dirty.Store(0)
		startWriteBack(file)
	}
}

// WriteHole makes chunk index n zeros, stored as a hole where the file system
// can, and notes cv.
func (p *Partial) WriteHole(index uint64, n int, cv checksum.CV) error {
	at, err := chunkAt(index, n, p.size)
	if err != nil {
		return p.fail("writing", err)
	}
	file, err := p.open()
	if err != nil {
		return p.broke("writing", err)
	}
	p.wrote.Store(true)
	if err := zero(file, at, int64(n)); err != nil {
		return p.broke("writing", err)
	}
	p.Mark(index, cv)
	return nil
}

// zero makes n bytes at offset read as zeros, in a file that then reaches as far
// at least. Other chunks may be written meanwhile, so it must not set the size.
func zero(file *os.File, at, n int64) error {
	info, err := tree.Fstat(file)
	if err != nil || n == 0 {
		return err
	}
	if info.Size < at+n {
		// The byte takes a block, which the punch gives back.
		if _, err := file.WriteAt([]byte{0}, at+n-1); err != nil {
			return err
		}
	}
	err = punchChunk(file, at, n)
	if err != nil && !tree.Failing(err) { // in as many ways as there are file systems
		if info.Size <= at {
			return nil // nothing was there to be made zero
		}
		_, err = file.WriteAt(make([]byte, n), at)
	}
	return err
}

// punchChunk makes n bytes at offset at, to the end of a chunk, a hole. The last
// chunk of a file ends inside a block, which stays allocated unless the hole goes
// on past the end; nothing else is in what a chunk could have there.
func punchChunk(file *os.File, at, n int64) error {
	if rest := (at + n) % checksum.ChunkSize; rest != 0 && at+n <= math.MaxInt64-checksum.ChunkSize {
		if punchHole(file, at, n+checksum.ChunkSize-rest) == nil {
			return nil // else it is more than the file system lets a file have
		}
	}
	return punchHole(file, at, n)
}

// Mark notes cv as the chaining value of chunk index for the next run, after
// the caller hashed what stands there (Present, CopyChunk). WriteChunk and
// WriteHole do it themselves.
func (p *Partial) Mark(index uint64, cv checksum.CV) {
	if p.hint != nil {
		p.hint.set(index, cv)
	}
}

// ReadChunk reads chunk index into buf, which must hold it. For content of
// unknown size it reads as much of buf as there is.
func (p *Partial) ReadChunk(index uint64, buf []byte) (int, error) {
	n := min(len(buf), checksum.ChunkSize)
	if p.size >= 0 && index < checksum.Chunks(p.size) {
		n = checksum.ChunkLen(p.size, index)
	}
	at, err := chunkAt(index, n, p.size)
	if err == nil && n > len(buf) {
		err = io.ErrShortBuffer
	}
	if err != nil {
		return 0, p.fail("reading back", err)
	}
	file, err := p.open()
	if err != nil {
		return 0, p.fail("reading back", err)
	}
	read, err := file.ReadAt(buf[:n], at)
	if err == io.EOF && (p.size < 0 || read == n) {
		err = nil
	} else if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return read, p.fail("reading back", err)
}

// CopyChunk copies n bytes at chunk index of from to the same place here,
// without the bytes passing through this process where the system can; where
// the file system can, they are shared. The caller reads them back, hashes, and
// calls Mark. A from that is shorter than that fails with io.ErrUnexpectedEOF
// and does not spoil the partial.
func (p *Partial) CopyChunk(from *os.File, index uint64, n int) error {
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
func (p *Partial) copyChunk(to, from *os.File, at int64, n int) error {
	// Copying in the kernel would fill holes.
	switch coverOf(from, at, int64(n)) {
	case tree.AllHole:
		return p.broke("copying", zero(to, at, int64(n)))
	case tree.Mixed:
		return p.copySparse(to, from, at, n)
	}
	done, err := copyRange(to, from, at, int64(n))
	if errors.Is(err, errors.ErrUnsupported) {
		err = copyBytes(to, from, at+done, int64(n)-done)
	}
	p.dirtied(to, n)
	return err
}

// Shares reports whether CopyChunk from another file here shares its blocks, and so
// takes no space. It is tried once a volume, with a file of the destination that old
// opens.
func (p *Partial) Shares(old func() (*os.File, error)) bool {
	if p.vol.sharing.Load() == 0 {
		p.vol.sharing.Store(p.tryShare(old))
	}
	return p.vol.sharing.Load() > 0
}

// tryShare shares a block with a file that has no name, or with the partial if nothing
// is written to that yet. It returns 0 if it cannot be tried.
func (p *Partial) tryShare(old func() (*os.File, error)) int32 {
	from, err := old()
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

// coverOf tells what n bytes at offset at of from are stored as.
func coverOf(from *os.File, at, n int64) tree.Cover {
	info, err := tree.Fstat(from)
	if err != nil || at+n > info.Size {
		return tree.AllData // copying says what is wrong
	}
	return tree.NewExtents(from, info).Cover(at, n)
}

// copySparse copies n bytes that are data in part.
func (p *Partial) copySparse(to, from *os.File, at int64, n int) error {
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
func copyBytes(to, from *os.File, at, n int64) error {
	r := io.NewSectionReader(from, at, n)
	m, err := io.CopyBuffer(io.NewOffsetWriter(to, at), struct{ io.Reader }{r}, make([]byte, 128<<10))
	if err == nil && m < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}
