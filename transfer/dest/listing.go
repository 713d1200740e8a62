package dest

import (
	"sync"

	"ferry/transfer/tree"
)

// maxListed is how many names are kept of a folder: 16 MiB or so.
const maxListed = 1 << 18

// listing holds the names of the folder that relate listed last. A file system that listed
// two names together tells them apart, whatever became of them since.
type listing struct {
	mu    sync.Mutex // guards what follows
	dir   *tree.Dir
	names []tree.DirName
}

// apart reports whether d is known to have listed both names. It may know nothing.
func (l *listing) apart(d *tree.Dir, a, b string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dir == d && listed(l.names, a) && listed(l.names, b)
}

// read lists d.
func (l *listing) read(d *tree.Dir) ([]tree.DirName, error) {
	names, err := d.ReadNames()
	if err == nil && len(names) <= maxListed {
		l.mu.Lock()
		l.dir, l.names = d, names
		l.mu.Unlock()
	}
	return names, err
}
