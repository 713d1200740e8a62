package tree

import (
	"errors"
	"io"
	"io/fs"
)

// read goes through a handle of its own. Readdirnames goes on where the call before
// it ended, so a name that disappears meanwhile hides no other. The kinds stay
// unknown, which costs the walk an Lstat a folder: os asks for them by path.
func (l *lister) read(h handle) (names []DirName, err error) {
	f, err := h.again("")
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read: nothing to lose
	for {
		batch, err := f.Readdirnames(1000)
		for _, s := range batch {
			names = append(names, DirName{Name: s})
		}
		if err == io.EOF {
			return names, nil
		}
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err // the caller adds the path
		}
		if err != nil {
			return nil, err
		}
	}
}
