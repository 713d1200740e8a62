package dest

import (
	"math"
	"os"
)

// room is what a file system says of itself, in its own blocks.
type room struct {
	blocks, free uint64 // free: for this user
	size         uint64 // bytes of a block
}

// freeBytes is how many bytes this user may still put into what folder is on.
func freeBytes(folder *os.File) (int64, error) {
	r, err := roomOf(folder)
	if err != nil {
		return 0, err
	}
	if r.blocks == 0 {
		return unknownSpace, nil // as ramfs says
	}
	size := max(r.size, 1)
	return int64(min(r.free, math.MaxInt64/size) * size), nil
}
