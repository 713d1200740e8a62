//go:build !linux

package tree

// read goes through a handle of its own each time: see readFresh.
func (l *lister) read(h handle) ([]DirName, error) { return readFresh(h) }
