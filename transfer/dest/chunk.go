package dest

import (
	"bytes"
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

// WriteChunk is storage.Partial's.
func (p *partial) WriteChunk(index uint64, b []byte, cv checksum.CV) error {
	at, err := chunkAt(index, len(b), p.size)
	all := p.size >= 0 && p.size <= checksum.ChunkSize
	if all && int64(len(b)) != p.size {
		return p.broke("writing", fmt.Errorf("%d bytes instead of %d", len(b), p.size))
	}
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
	if all {
		p.whole = true
		return nil // nothing of it is kept for the next run
	}
	p.dirtied(file, len(b))
	p.Mark(index, cv)
	return nil
}

// dirtied counts n bytes that were written to file.
func (p *partial) dirtied(file *os.File, n int) {
	if p.f.opts.NoSync {
		return
	}
	if p.dirty.Add(int64(n)) >= writeBack {
		p.dirty.Store(0)
		startWriteBack(file)
	}
}

// WriteHole is storage.Partial's.
func (p *partial) WriteHole(index uint64, n int, cv checksum.CV) error {
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
		err = blank(file, at, n)
	}
	return err
}

// blank writes zeros to n bytes at offset at, but for blocks that are zeros already: a hole
// that is there stays one.
func blank(file *os.File, at, n int64) error {
	b := make([]byte, min(n, 16*holeBlock))
	zeros := make([]byte, len(b))
	for end := at + n; at < end; at += int64(len(b)) {
		b = b[:min(end-at, int64(len(b)))]
		if _, err := file.ReadAt(b, at); err != nil && err != io.EOF {
			return err
		}
		for from := 0; from < len(b); {
			from += blockRun(b[from:], false)
			data := blockRun(b[from:], true)
			if data == 0 {
				continue // the end
			}
			if _, err := file.WriteAt(zeros[:data], at+int64(from)); err != nil {
				return err
			}
			from += data
		}
	}
	return nil
}

// punchChunk makes n bytes at offset at a hole, which ends with a chunk. The last chunk of
// a file ends inside a block, which stays allocated unless the hole goes on past the end.
// So it does, as far as a whole chunk would reach: nothing else is there.
func punchChunk(file *os.File, at, n int64) error {
	if rest := (at + n) % checksum.ChunkSize; rest != 0 && at+n <= math.MaxInt64-checksum.ChunkSize {
		if punchHole(file, at, n+checksum.ChunkSize-rest) == nil {
			return nil // else it is more than the file system lets a file have
		}
	}
	return punchHole(file, at, n)
}

// Mark is storage.Partial's. WriteChunk and WriteHole do it themselves.
func (p *partial) Mark(index uint64, cv checksum.CV) {
	if p.hint != nil {
		p.hint.set(index, cv)
	}
}

// ReadChunk is storage.Partial's.
func (p *partial) ReadChunk(index uint64, buf []byte) (int, error) {
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

// chunkAt checks that n bytes may stand at chunk index of a content of size
// bytes, and returns the offset.
func chunkAt(index uint64, n int, size int64) (int64, error) {
	const maxIndex = 1<<(63-20) - 1 // offsets are int64, chunks 1 MiB
	if index >= maxIndex || n < 0 || n > checksum.ChunkSize {
		return 0, errOutside
	}
	if size >= 0 && index+uint64(n) > 0 && (index >= checksum.Chunks(size) || n != checksum.ChunkLen(size, index)) {
		return 0, errOutside
	}
	return int64(index) * checksum.ChunkSize, nil
}

// holeBlock is the least that is left out of a chunk: a block of most file
// systems, in bytes.
const holeBlock = 4 << 10

// zeroBlock is compared with, and never written to.
var zeroBlock [holeBlock]byte

// writeSparse writes b, a chunk at offset at, but for its blocks of zeros. What
// stood there before is gone first.
func writeSparse(file *os.File, b []byte, at int64) error {
	if blockRun(b, true) == len(b) {
		_, err := file.WriteAt(b, at)
		return err
	}
	if err := zero(file, at, int64(len(b))); err != nil {
		return err
	}
	for from := 0; from < len(b); {
		from += blockRun(b[from:], false)
		n := blockRun(b[from:], true)
		if n == 0 {
			continue // the end
		}
		if _, err := file.WriteAt(b[from:from+n], at+int64(from)); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// blockRun is the length of the blocks that b begins with and that are data, or
// zeros.
func blockRun(b []byte, data bool) (n int) {
	for n < len(b) {
		end := min(n+holeBlock, len(b))
		if bytes.Equal(b[n:end], zeroBlock[:end-n]) == data {
			break
		}
		n = end
	}
	return n
}
