//go:build unix

package serve

import (
	"io/fs"
	"syscall"
)

// allocated is the space that a file takes: an unfinished one is mostly a hole at first.
func allocated(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return min(int64(st.Blocks)*512, info.Size())
	}
	return info.Size()
}
