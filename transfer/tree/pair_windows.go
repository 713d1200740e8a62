package tree

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// pair is two names, each in an open folder.
type pair struct {
	from, to      *os.File
	name, newName string
}

// link gives the item a second name. A link or a folder gets none.
func (p pair) link() error {
	f, err := openAt(p.from, p.name, windows.FILE_WRITE_ATTRIBUTES)
	if err != nil {
		return err
	}
	defer f.Close() // nothing was written through it
	return Known(errnoOf(nameAs(f, classLink, 0, p.to, p.newName)))
}

// rename replaces a file, also one that is read-only or that others have open, and no
// folder.
func (p pair) rename() error { return p.move(true) }

// renameNew fails with fs.ErrExist if newName is taken.
func (p pair) renameNew() error { return p.move(false) }

func (p pair) move(replace bool) error {
	f, err := openAt(p.from, p.name, windows.DELETE)
	if err != nil {
		return err
	}
	defer f.Close() // nothing was written through it
	flags := uint32(windows.FILE_RENAME_POSIX_SEMANTICS | windows.FILE_RENAME_IGNORE_READONLY_ATTRIBUTE)
	if replace {
		flags |= windows.FILE_RENAME_REPLACE_IF_EXISTS
	}
	err = nameAs(f, classRenameEx, flags, p.to, p.newName)
	if lacks(err) {
		err = p.moveSimply(f, flags&windows.FILE_RENAME_REPLACE_IF_EXISTS)
	}
	if err == windows.STATUS_ACCESS_DENIED && replace {
		return p.denied(f, Known(errnoOf(err)))
	}
	return Known(errnoOf(err))
}

// denied is why f does not replace what has the new name: the system says because, also
// where the reason is that one of them is a folder.
func (p pair) denied(f *os.File, because error) error {
	moved, err := Fstat(f)
	if err != nil {
		return because
	}
	there, err := lookAt(p.to, p.newName)
	switch {
	case err != nil:
	case there.Kind == Folder && moved.Kind == Folder:
		return syscall.ENOTEMPTY
	case there.Kind == Folder:
		return syscall.EISDIR
	case moved.Kind == Folder:
		return NotFolder
	}
	return because
}

// moveSimply is move where the file system replaces no read-only file: the mark is taken
// off for it.
func (p pair) moveSimply(f *os.File, replace uint32) error {
	err := nameAs(f, classRename, replace, p.to, p.newName)
	if err != windows.STATUS_ACCESS_DENIED || replace == 0 {
		return err
	}
	old, oerr := openAt(p.to, p.newName, windows.FILE_WRITE_ATTRIBUTES)
	if oerr != nil {
		return err
	}
	was, werr := writable(old)
	// An item that is open can be replaced in this way by nobody.
	if cerr := old.Close(); !was || werr != nil || cerr != nil {
		return err
	}
	if err = nameAs(f, classRename, replace, p.to, p.newName); err != nil {
		if old, oerr := openAt(p.to, p.newName, windows.FILE_WRITE_ATTRIBUTES); oerr == nil {
			_ = old.Chmod(0o444) // what fails has not happened
			_ = old.Close()
		}
	}
	return err
}

// exchange is not to be had here.
func (p pair) exchange() error { return errors.ErrUnsupported }
