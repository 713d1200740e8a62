package tree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Fstat returns what the open file f is now.
func Fstat(f *os.File) (Info, error) {
	fi, err := f.Stat()
	if err != nil {
		return Info{}, err
	}
	mtime := fi.ModTime()
	info := Info{
		Kind:  kindOf(fi.Mode()),
		Mode:  uint32(fi.Mode().Perm()),
		Size:  fi.Size(),
		MTime: Time{Sec: mtime.Unix(), Nsec: uint32(mtime.Nanosecond())},

		Allocated: -1,
	}
	if info.Kind == KindOther {
		return info, nil // a pipe or a console has no identity
	}
	defer runtime.KeepAlive(f)
	h := windows.Handle(f.Fd())
	var by windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &by); err != nil {
		return Info{}, os.NewSyscallError("GetFileInformationByHandle", err)
	}
	info.Dev = uint64(by.VolumeSerialNumber)
	info.Ino = uint64(by.FileIndexHigh)<<32 | uint64(by.FileIndexLow)
	info.Nlink = uint64(by.NumberOfLinks)
	// A file system without a time of change has zero there, or refuses the question.
	var basic fileBasicInfo
	if windows.GetFileInformationByHandleEx(h, windows.FileBasicInfo, (*byte)(unsafe.Pointer(&basic)), uint32(unsafe.Sizeof(basic))) == nil {
		info.CTime = timeOfTicks(basic.ChangeTime)
	}
	return info, nil
}

// fileBasicInfo is FILE_BASIC_INFO; times are in units of 100 ns since 1601.
type fileBasicInfo struct {
	CreationTime, LastAccessTime, LastWriteTime, ChangeTime int64
	FileAttributes                                          uint32
	_                                                       uint32
}

// timeOfTicks is the Time of a count of 100 ns since 1601; 0 stays the zero Time.
func timeOfTicks(ticks int64) Time {
	if ticks <= 0 {
		return Time{}
	}
	const perSecond, epoch = 10_000_000, 11_644_473_600 // seconds from 1601 to 1970
	return Time{Sec: ticks/perSecond - epoch, Nsec: uint32(ticks % perSecond * 100)}
}

// lookAt returns what name in the open folder is, links not followed. It opens name
// relative to the folder's handle, so that no other folder can come in between.
func lookAt(folder *os.File, name string) (Info, error) {
	f, err := openAt(folder, name, windows.FILE_READ_ATTRIBUTES)
	if err != nil {
		return Info{}, err
	}
	defer f.Close() // nothing was written through it
	return Fstat(f)
}

// openAt opens name in folder with the rights that access has, links not followed.
func openAt(folder *os.File, name string, access uint32) (*os.File, error) {
	// The system would take these for paths and for streams of a file.
	if name == "" || strings.ContainsAny(name, `\/:`) {
		return nil, ErrName
	}
	path, err := windows.NewNTUnicodeString(name)
	if err != nil {
		return nil, ErrName
	}
	defer runtime.KeepAlive(folder)
	// A folder that was made case-sensitive stays so.
	attributes := windows.OBJECT_ATTRIBUTES{RootDirectory: windows.Handle(folder.Fd()), ObjectName: path, Attributes: windows.OBJ_CASE_INSENSITIVE}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	var h windows.Handle
	var status windows.IO_STATUS_BLOCK
	err = windows.NtCreateFile(&h, access|windows.SYNCHRONIZE, &attributes, &status, nil, 0,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, windows.FILE_OPEN,
		windows.FILE_OPEN_REPARSE_POINT|windows.FILE_OPEN_FOR_BACKUP_INTENT|windows.FILE_SYNCHRONOUS_IO_NONALERT, 0, 0)
	if err != nil {
		if status, ok := errors.AsType[windows.NTStatus](err); ok {
			err = status.Errno()
		}
		return nil, err
	}
	return os.NewFile(uintptr(h), filepath.Join(folder.Name(), name)), nil
}

// statPath returns what the user's own path is, or what it leads to.
func statPath(path string, follow bool) (Info, error) {
	if !follow {
		seen, err := os.Lstat(path)
		if err != nil {
			return Info{}, err
		}
		if seen.Mode()&os.ModeSymlink != 0 {
			path = filepath.Clean(path)
			folder, err := os.Open(filepath.Dir(path))
			if err != nil {
				return Info{}, err
			}
			defer folder.Close() // only looked at
			return lookAt(folder, filepath.Base(path))
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return Info{}, err
	}
	defer f.Close() // only looked at
	return Fstat(f)
}

func kindOf(m fs.FileMode) Kind {
	switch {
	case m.IsRegular():
		return File
	case m.IsDir():
		return Folder
	case m&fs.ModeSymlink != 0:
		return Symlink
	}
	return KindOther
}
