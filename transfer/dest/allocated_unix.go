//go:build unix

package dest

import "syscall"

// Allocated returns the bytes that the content takes on the disk already: those
// of an earlier run, when it was begun just now.
func (p *Partial) Allocated() int64 {
	if p.file == nil {
		return 0
	}
	info, err := p.file.Stat()
	if err != nil {
		return 0
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return st.Blocks * 512 // the unit of st_blocks, whatever the file system's
}
