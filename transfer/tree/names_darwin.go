package tree

import "golang.org/x/sys/unix"

// readNames reads through the folder's own handle, whose offset ReadNames
// guards. The kinds stay unknown, which costs the walk an Lstat a folder.
func (d *Dir) readNames() (names []DirName, err error) {
	h, err := d.acquire()
	if err != nil {
		return nil, err
	}
	defer d.release()
	if _, err := unix.Seek(int(h), 0, 0); err != nil {
		return nil, notReadable(err)
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.ReadDirent(int(h), buf)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, notReadable(err)
		case n == 0:
			return names, nil
		}
		_, _, batch := unix.ParseDirent(buf[:n], -1, nil)
		for _, s := range batch {
			names = append(names, DirName{Name: s})
		}
	}
}
