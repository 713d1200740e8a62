package dest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync/atomic"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// A tree file holds the chaining values of the chunks that are in the part
// beside it, integers big-endian:
//
//	 0  8 B  "FERRYCVS"
//	 8  u32  version, 1
//	12  u32  chunk size in bytes, 1 MiB
//	16  u64  size of the file in bytes
//	24  i64  its mtime, seconds
//	32  u32  its mtime, nanoseconds
//	36  28 B BLAKE3 of the 36 bytes before, cut
//	64  32 B a chunk: its chaining value, zeros for an absent one
//
// It ends anywhere; what it does not reach is absent. It is written after the
// data but not synced, and any byte may be wrong: see Partial.Present.
const (
	hintMagic   = "FERRYCVS"
	hintVersion = 1
	hintHeader  = 64
	hintChecked = 36
	cvLen       = len(checksum.CV{})
)

// hint is an open tree file. It fails silently: then the next run sends again.
type hint struct {
	file *os.File
	dead atomic.Bool // a write failed; no more are tried
}

func appendHeader(e *tree.Entry) []byte {
	b := append(make([]byte, 0, hintHeader), hintMagic...)
	b = binary.BigEndian.AppendUint32(b, hintVersion)
	b = binary.BigEndian.AppendUint32(b, checksum.ChunkSize)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Size))
	b = binary.BigEndian.AppendUint64(b, uint64(e.MTime.Sec))
	b = binary.BigEndian.AppendUint32(b, e.MTime.Nsec)
	d := checksum.Sum(b)
	return append(b, d[:hintHeader-hintChecked]...)
}

// parseHeader returns the size of the file that the tree was written for; ok is
// false for anything but a whole header of this version.
func parseHeader(b []byte) (size int64, ok bool) {
	if len(b) != hintHeader {
		return 0, false
	}
	size = int64(binary.BigEndian.Uint64(b[16:]))
	e := tree.Entry{Size: size, MTime: tree.Time{
		Sec:  int64(binary.BigEndian.Uint64(b[24:])),
		Nsec: binary.BigEndian.Uint32(b[32:]),
	}}
	return size, size >= 0 && bytes.Equal(b, appendHeader(&e))
}

// openHint opens the tree of key for e, made if absent and emptied if it is
// damaged or if reused is false: then there was no part. It returns nil if that
// cannot be done.
func openHint(dir *tree.Dir, key string, e *tree.Entry, reused bool) *hint {
	name := key + treeSuffix
	file, err := openPart(dir, name)
	if err == nil {
		file, err = onlyName(dir, name, file)
	}
	if errors.Is(err, fs.ErrNotExist) {
		file, err = dir.Create(name, 0o600)
	}
	if err != nil {
		return nil
	}
	h := &hint{file: file}
	if err := h.prepare(e, reused); err != nil {
		_ = file.Close() // nothing in it is needed
		return nil
	}
	return h
}

// onlyName passes file on if name is its only name. Else it removes the name and fails with
// fs.ErrNotExist: the holder of the other name keeps the bytes.
func onlyName(dir *tree.Dir, name string, file *os.File) (*os.File, error) {
	info, err := tree.Fstat(file)
	if err == nil && info.Nlink <= 1 {
		return file, nil
	}
	if err == nil {
		err = dir.Remove(name, false)
	}
	if err == nil {
		err = fs.ErrNotExist
	}
	return nil, errors.Join(err, file.Close())
}

func (h *hint) prepare(e *tree.Entry, reused bool) error {
	var b [hintHeader]byte
	n, err := h.file.ReadAt(b[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	size, ok := parseHeader(b[:n])
	header := appendHeader(e)
	if !ok || !reused {
		if err := h.file.Truncate(0); err != nil {
			return err
		}
	} else if !bytes.Equal(b[:], header) {
		// Of another version, whose last chunk may have another length here.
		keep := min(checksum.Chunks(size), checksum.Chunks(e.Size))
		for keep > 0 && checksum.ChunkLen(size, keep-1) != checksum.ChunkLen(e.Size, keep-1) {
			keep--
		}
		if err := h.file.Truncate(hintHeader + int64(keep)*int64(cvLen)); err != nil {
			return err
		}
	}
	_, err = h.file.WriteAt(header, 0)
	return err
}

// set notes cv for chunk index. Safe for concurrent use.
func (h *hint) set(index uint64, cv checksum.CV) {
	if h.dead.Load() {
		return
	}
	if _, err := h.file.WriteAt(cv[:], hintHeader+int64(index)*int64(cvLen)); err != nil {
		h.dead.Store(true)
	}
}

// claims yields the chunks below count that are noted, until the end of the file, a
// read error, or the end of ctx. It passes over holes: a sender that announces a huge
// file and sends little of it leaves a tree whose size says nothing.
func (h *hint) claims(ctx context.Context, count uint64, yield func(uint64, checksum.CV) bool) {
	info, err := tree.Fstat(h.file)
	if err != nil {
		return
	}
	extents := tree.NewExtents(h.file, info)
	end := min(info.Size-hintHeader, int64(count)*int64(cvLen)) / int64(cvLen) * int64(cvLen)
	b := make([]byte, 2048*cvLen)
	for at := int64(0); ctx.Err() == nil; {
		if data := extents.NextData(hintHeader+at) - hintHeader; data > at {
			at = data / int64(cvLen) * int64(cvLen)
		}
		if at >= end {
			return
		}
		n, err := h.file.ReadAt(b[:min(int64(len(b)), end-at)], hintHeader+at)
		for i := 0; i+cvLen <= n; i += cvLen {
			cv := checksum.CV(b[i:])
			if cv != (checksum.CV{}) && !yield(uint64(at+int64(i))/uint64(cvLen), cv) {
				return
			}
		}
		if err != nil {
			return
		}
		at += int64(n)
	}
}
