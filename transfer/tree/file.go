package tree

import "os"

// OpenFile opens the regular file name for reading, without following a link
// and without waiting for a FIFO's writer, and returns what it is after the
// open. Anything else fails with ErrNotRegular, or ELOOP for a link.
func (d *Dir) OpenFile(name string) (*os.File, Info, error) {
	return d.openRegular(name, os.O_RDONLY, false)
}

// OpenRW is OpenFile for reading and writing.
func (d *Dir) OpenRW(name string) (*os.File, error) {
	f, _, err := d.openRegular(name, os.O_RDWR, false)
	return f, err
}

func (d *Dir) openRegular(name string, access int, follow bool) (f *os.File, info Info, err error) {
	path := d.join(name)
	err = d.at("open", name, func(h handle) error { f, info, err = h.openFile(name, access, follow, path); return err })
	if err != nil {
		return nil, Info{}, err
	}
	return f, info, nil
}

// Create makes the file name, which must not exist, and opens it for reading
// and writing. The umask takes bits of mode & 0777 away; see Apply.ToFile.
func (d *Dir) Create(name string, mode uint32) (f *os.File, err error) {
	path := d.join(name)
	err = d.at("create", name, func(h handle) error { f, err = h.createNew(name, mode&0o777, path); return err })
	return f, err
}
