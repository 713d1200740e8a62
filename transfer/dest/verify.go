package dest

import (
	"errors"
	"io"
	"os"
	"unsafe"

	"ferry/checksum"
)

// maxReads is how many files are read back at a time, each with a buffer.
const maxReads = 2

// Direct reads go to memory and from offsets at multiples of directAlign bytes.
const (
	directAlign = 4096
	readLen     = 1 << 20
)

func alignedBuffer() []byte {
	b := make([]byte, readLen+directAlign)
	skip := directAlign - int(uintptr(unsafe.Pointer(&b[0]))%directAlign)
	return b[skip : skip+readLen]
}

// readBack reads the synced content past the page cache, where the system can,
// and fails with ErrMismatch unless it has the digest given to SetDigest. buf is
// from alignedBuffer, or nil. The file is only good for naming and closing after.
func (p *Partial) readBack(buf []byte) error {
	if p.digest == nil {
		return errors.New("no digest to compare with")
	}
	if buf == nil {
		buf = alignedBuffer()
	}
	dropCache(p.file)
	direct := setDirect(p.file, true)
	got, err := digestOf(p.file, buf)
	if err != nil && direct {
		// Some file systems take the flag and refuse the reads.
		setDirect(p.file, false)
		got, err = digestOf(p.file, buf)
	}
	if err == nil && got != *p.digest {
		err = ErrMismatch
	}
	return err
}

func digestOf(file *os.File, buf []byte) (checksum.Digest, error) {
	h := checksum.NewHasher()
	for at := int64(0); ; {
		n, err := file.ReadAt(buf, at)
		h.Write(buf[:n])
		at += int64(n)
		if err == io.EOF {
			return h.Sum(), nil
		}
		if err != nil {
			return checksum.Digest{}, err
		}
	}
}
