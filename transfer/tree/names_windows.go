package tree

import "io"

// read goes through a handle of its own.
func (l *lister) read(h handle) (names []DirName, err error) {
	f, err := h.again("")
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read: nothing to lose
	for {
		batch, err := f.ReadDir(1000)
		for _, e := range batch {
			names = append(names, DirName{e.Name(), kindOf(e.Type())})
		}
		if err == io.EOF {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
