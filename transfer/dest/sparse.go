package dest

import (
	"bytes"
	"os"
)

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
