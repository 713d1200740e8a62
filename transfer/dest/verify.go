package dest

import (
	"io"
	"unsafe"

	"ferry/checksum"
	"ferry/transfer/storage"
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
// and fails with storage.ErrMismatch unless it has the digest that Seal was given. buf is
// from alignedBuffer, or nil. The file is only good for naming and closing after.
func (p *partial) readBack(buf []byte) error {
	if buf == nil {
		buf = alignedBuffer()
	}
	file := p.body.file
	dropCache(file)
	direct := setDirect(file, true)
	got, err := digestOf(file, buf)
	if err != nil && direct {
		// Some file systems take the flag and refuse the reads.
		setDirect(file, false)
		got, err = digestOf(file, buf)
	}
	if err == nil && got != p.digest {
		err = storage.ErrMismatch
	}
	return err
}

func digestOf(file io.ReaderAt, buf []byte) (checksum.Digest, error) {
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
