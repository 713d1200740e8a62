package tree

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Calls of the NT layer, which take a name relative to an open folder. Win32 has none of
// that kind. What fails says so with an error that Known has been through.

// openAt opens name in folder with the rights that access has, and whatever it is: links
// are not followed, and neither is any other reparse point.
func openAt(folder *os.File, name string, access uint32) (*os.File, error) {
	return openWith(folder, name, access, 0, windows.FILE_OPEN_REPARSE_POINT|windows.FILE_OPEN_FOR_BACKUP_INTENT)
}

// openContent opens name in folder to read, or with write to write to it too. A link fails,
// with ELOOP. What a filter of the system keeps elsewhere, such as a file that is stored
// once for many, is read through that.
func openContent(folder *os.File, name string, write bool) (*os.File, error) {
	access := uint32(windows.FILE_GENERIC_READ)
	if write {
		access |= windows.FILE_GENERIC_WRITE
	}
	return openWith(folder, name, access, windows.OBJ_DONT_REPARSE, windows.FILE_OPEN_FOR_BACKUP_INTENT)
}

// openSelf opens the folder once more with the rights that access has.
func openSelf(folder *os.File, access uint32) (*os.File, error) {
	return openRelative(folder, "", access, 0, windows.FILE_DIRECTORY_FILE|windows.FILE_OPEN_FOR_BACKUP_INTENT)
}

func openWith(folder *os.File, name string, access, attributes, options uint32) (*os.File, error) {
	// The system would take these for paths and for streams of a file.
	if name == "" || strings.ContainsAny(name, `\/:`) {
		return nil, ErrName
	}
	return openRelative(folder, name, access, attributes, options)
}

func openRelative(folder *os.File, name string, access, attributes, options uint32) (*os.File, error) {
	path, err := windows.NewNTUnicodeString(name)
	if err != nil {
		return nil, ErrName
	}
	defer runtime.KeepAlive(folder)
	// A folder that was made case-sensitive stays so.
	what := windows.OBJECT_ATTRIBUTES{RootDirectory: windows.Handle(folder.Fd()), ObjectName: path, Attributes: attributes | windows.OBJ_CASE_INSENSITIVE}
	what.Length = uint32(unsafe.Sizeof(what))
	var h windows.Handle
	wait := patiently
	if access&(windows.DELETE|windows.FILE_WRITE_DATA|windows.FILE_APPEND_DATA) == 0 {
		wait = retry // what is read may be in use for hours
	}
	err = wait(func() error {
		var status windows.IO_STATUS_BLOCK
		return windows.NtCreateFile(&h, access|windows.SYNCHRONIZE|windows.FILE_READ_ATTRIBUTES, &what, &status, nil, 0,
			windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, windows.FILE_OPEN,
			options|windows.FILE_SYNCHRONOUS_IO_NONALERT, 0, 0)
	})
	if err != nil {
		return nil, Known(errnoOf(err))
	}
	return os.NewFile(uintptr(h), filepath.Join(folder.Name(), name)), nil
}

const (
	// busyLimit is how long a call waits while another program has the file open and
	// shares it with nobody. Virus scanners and indexers do that with what is new.
	busyLimit = time.Second
	// busyPause is the longest time between two tries.
	busyPause = 50 * time.Millisecond
)

// patiently makes a call of the NT layer, again while the file is in use elsewhere.
func patiently(call func() error) (err error) {
	end := time.Now().Add(busyLimit)
	for pause := time.Millisecond; ; pause = min(2*pause, busyPause) {
		if err = call(); err != windows.STATUS_SHARING_VIOLATION || time.Now().After(end) {
			return err
		}
		time.Sleep(pause)
	}
}

// set gives the open item f the information of that class.
func set(f *os.File, class uint32, info unsafe.Pointer, size uintptr) error {
	defer runtime.KeepAlive(f)
	return patiently(func() error {
		var status windows.IO_STATUS_BLOCK
		return windows.NtSetInformationFile(windows.Handle(f.Fd()), &status, (*byte)(info), uint32(size), class)
	})
}

// lacks reports whether err says that the system or the file system does not know a class
// of information, or a flag in it: Windows before 10 and its version 1809, FAT, servers.
func lacks(err error) bool {
	switch err {
	case windows.STATUS_INVALID_INFO_CLASS, windows.STATUS_INVALID_PARAMETER, windows.STATUS_NOT_SUPPORTED,
		windows.STATUS_NOT_IMPLEMENTED, windows.STATUS_INVALID_DEVICE_REQUEST:
		return true
	}
	return false
}

// Classes of information ("FILE_INFORMATION_CLASS", driver documentation).
const (
	classRename        = 10
	classLink          = 11
	classDisposition   = 13
	classDispositionEx = 64
	classRenameEx      = 65
)

// placement is FILE_RENAME_INFORMATION and FILE_LINK_INFORMATION.
type placement struct {
	// flags are FILE_RENAME_*; without Ex the lowest byte says whether to replace.
	flags  uint32
	folder windows.Handle
	length uint32 // of name, in bytes
	name   [MaxName + 1]uint16
}

// nameAs names the open item f newName in to.
func nameAs(f *os.File, class, flags uint32, to *os.File, newName string) error {
	// A name of other characters is one of another item (see openWith).
	if newName == "" || strings.ContainsAny(newName, `\/:`) {
		return ErrName
	}
	name, err := windows.UTF16FromString(newName)
	if err != nil || len(name) > MaxName+1 {
		return ErrName
	}
	defer runtime.KeepAlive(to)
	p := placement{flags: flags, folder: windows.Handle(to.Fd()), length: uint32(2 * (len(name) - 1))}
	copy(p.name[:], name)
	return set(f, class, unsafe.Pointer(&p), unsafe.Sizeof(p))
}

// writable takes the read-only mark off the open item f, which was opened with the right
// to write attributes. It reports whether there was one.
func writable(f *os.File) (was bool, err error) {
	info, err := f.Stat()
	if err != nil || info.Mode()&0o200 != 0 || info.IsDir() {
		return false, err
	}
	return true, f.Chmod(0o666)
}

// dispose removes the open item f, which was opened with the right to delete it and to
// write attributes. Its name is gone at once, where the file system can do so while others
// have it open, and else with the last of their handles.
func dispose(f *os.File) error {
	flags := uint32(windows.FILE_DISPOSITION_DELETE | windows.FILE_DISPOSITION_POSIX_SEMANTICS | windows.FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE)
	err := set(f, classDispositionEx, unsafe.Pointer(&flags), unsafe.Sizeof(flags))
	if lacks(err) {
		was, cerr := writable(f)
		if cerr != nil {
			return Known(cerr)
		}
		yes := byte(1)
		if err = set(f, classDisposition, unsafe.Pointer(&yes), unsafe.Sizeof(yes)); err != nil && was {
			_ = f.Chmod(0o444) // what fails has not happened
		}
	}
	return Known(errnoOf(err))
}
