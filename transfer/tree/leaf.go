package tree

// Lstat returns what name is, links not followed.
func (d *Dir) Lstat(name string) (Info, error) { return d.stat(name, false) }

// FollowStat returns what name is or, if it is a link, what it leads to.
func (d *Dir) FollowStat(name string) (Info, error) { return d.stat(name, true) }

func (d *Dir) stat(name string, follow bool) (info Info, err error) {
	err = d.at("lstat", name, func(h handle) error { info, err = h.look(name, follow); return err })
	return info, err
}

// Readlink returns the target of the symbolic link name, at most 4095 bytes.
func (d *Dir) Readlink(name string) (target string, err error) {
	err = d.at("readlink", name, func(h handle) error { target, err = h.readlink(name); return err })
	return target, err
}

// Mkdir makes the folder name. The umask takes bits of mode & 0777 away; Apply or
// SetMode on the child makes it exact. The mode has no meaning on Windows.
func (d *Dir) Mkdir(name string, mode uint32) error {
	return d.at("mkdir", name, func(h handle) error { return h.mkdir(name, mode&0o777) })
}

// Mknod makes the FIFO, socket or device e under the name name, with a mode of
// 0600 less the umask; it opens nothing. Devices take a privilege. It fails with
// errors.ErrUnsupported where the system has no such items, or no call that makes
// one in an open folder.
func (d *Dir) Mknod(name string, e *Entry) error {
	return d.at("mknod", name, func(h handle) error { return h.mknod(name, e) })
}

// Symlink makes name a symbolic link to target. It never replaces.
func (d *Dir) Symlink(target, name string) error {
	return d.at("symlink", name, func(h handle) error { return h.symlink(target, name) })
}

// Link gives the item name, which is not followed if it is a link, a second
// name. It never replaces.
func (d *Dir) Link(name string, to *Dir, newName string) error {
	return d.two("link", name, to, newName, pair.link)
}

// Remove removes name: an empty folder if folder is set, else anything but a
// folder.
func (d *Dir) Remove(name string, folder bool) error {
	if folder && openHinders {
		d.pool.idle() // the folder may be one of them
	}
	return d.at("remove", name, func(h handle) error { return h.remove(name, folder) })
}

// Rename moves name to newName in to. With replace it takes the place of what
// is there, atomically, but never of a folder that is not empty; on Windows of a
// file only. Without replace it fails with fs.ErrExist if anything is there.
func (d *Dir) Rename(name string, to *Dir, newName string, replace bool) error {
	if replace {
		return d.two("rename", name, to, newName, pair.rename)
	}
	return d.two("rename", name, to, newName, pair.renameNew)
}

// Exchange puts name in the place of newName in to, and that in the place of name,
// in one step, whatever they are. It fails with errors.ErrUnsupported where the
// system or the file system cannot.
func (d *Dir) Exchange(name string, to *Dir, newName string) error {
	return d.two("exchange", name, to, newName, pair.exchange)
}

// SetLinkTime sets the mtime of name, a symbolic link, without following it. Both
// sets the atime too, to what it is: file systems of libfuse 2 ignore a call that
// leaves one of the times out.
func (d *Dir) SetLinkTime(name string, mtime Time, both bool) error {
	return d.at("utimes", name, func(h handle) error { return h.setLinkTime(name, mtime, both) })
}
