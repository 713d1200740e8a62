package tree

import (
	"errors"
	"io"
	"io/fs"
)

// readNames reads through a handle of its own. Readdirnames goes on where the call
// before it ended, so a name that disappears meanwhile hides no other. The kinds stay
// unknown, which costs the walk an Lstat a folder: os asks for them by path.
func (d *Dir) readNames() (names []DirName, err error) {
	f, err := d.Handle()
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
			err = e.Err // the path is added above
		}
		if err != nil {
			return nil, err
		}
	}
}
