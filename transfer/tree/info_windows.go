package tree

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Fstat returns what the open file f is now.
func Fstat(f *os.File) (Info, error) {
	defer runtime.KeepAlive(f)
	h := windows.Handle(f.Fd())
	var by windows.ByHandleFileInformation
	err := windows.GetFileInformationByHandle(h, &by)
	if err != nil || by.FileAttributes&windows.FILE_ATTRIBUTE_REPARSE_POINT != 0 {
		// A pipe or a console, which has no identity, or what os knows to tell from a file.
		fi, serr := f.Stat()
		if serr != nil || kindOf(fi.Mode()) == KindOther {
			return Info{Kind: KindOther, Allocated: -1}, Known(serr)
		}
		if err != nil {
			return Info{}, Known(os.NewSyscallError("GetFileInformationByHandle", err))
		}
		return infoOf(h, &by, kindOf(fi.Mode())), nil
	}
	kind := File
	if by.FileAttributes&windows.FILE_ATTRIBUTE_DIRECTORY != 0 {
		kind = Folder
	}
	return infoOf(h, &by, kind), nil
}

// infoOf is what by says of the open item h, and what it has to be asked for besides.
func infoOf(h windows.Handle, by *windows.ByHandleFileInformation, kind Kind) Info {
	info := Info{Kind: kind, Mode: 0o666, Size: int64(by.FileSizeHigh)<<32 | int64(by.FileSizeLow), Allocated: -1}
	switch {
	case kind == Folder:
		info.Mode, info.Size = 0o777, 0 // the mark for read-only means something else there
	case by.FileAttributes&windows.FILE_ATTRIBUTE_READONLY != 0:
		info.Mode = 0o444
	}
	info.MTime = timeOfTicks(int64(by.LastWriteTime.HighDateTime)<<32 | int64(by.LastWriteTime.LowDateTime))
	info.Nlink = uint64(by.NumberOfLinks)
	info.Dev, info.Ino = uint64(by.VolumeSerialNumber), uint64(by.FileIndexHigh)<<32|uint64(by.FileIndexLow)
	// On ReFS only this one is unique. What a file system does not know it refuses each time.
	var id fileIDInfo
	if ask(h, windows.FileIdInfo, unsafe.Pointer(&id), unsafe.Sizeof(id)) == nil {
		info.Dev, info.Ino = id.volume, id.number()
	}
	// A file system without a time of change has zero there, or refuses the question.
	var basic fileBasicInfo
	if ask(h, windows.FileBasicInfo, unsafe.Pointer(&basic), unsafe.Sizeof(basic)) == nil {
		info.CTime = timeOfTicks(basic.ChangeTime)
	}
	var standard fileStandardInfo
	if ask(h, windows.FileStandardInfo, unsafe.Pointer(&standard), unsafe.Sizeof(standard)) == nil {
		info.Allocated = standard.AllocationSize
	}
	return info
}

// fileStandardInfo is FILE_STANDARD_INFO; sizes are in bytes.
type fileStandardInfo struct {
	AllocationSize, EndOfFile int64
	NumberOfLinks             uint32
	DeletePending, Directory  bool
}

func ask(h windows.Handle, class uint32, info unsafe.Pointer, size uintptr) error {
	return windows.GetFileInformationByHandleEx(h, class, (*byte)(info), uint32(size))
}

// fileIDInfo is FILE_ID_INFO.
type fileIDInfo struct {
	volume uint64
	file   [16]byte
}

// number is 64 bits for the 128 that id has. Those of NTFS are in the lower half, and stay
// as they are. A file system that has no number fills it with ones.
func (id *fileIDInfo) number() uint64 {
	low, high := binary.LittleEndian.Uint64(id.file[:8]), binary.LittleEndian.Uint64(id.file[8:])
	if low&high == 1<<64-1 {
		return 0
	}
	// The multiplier is odd, so that no two upper halves are taken for one.
	return low ^ high*0x9e3779b97f4a7c15
}

// fileBasicInfo is FILE_BASIC_INFO; times are in ticks.
type fileBasicInfo struct {
	CreationTime, LastAccessTime, LastWriteTime, ChangeTime int64
	FileAttributes                                          uint32
	_                                                       uint32
}

// The system counts time in ticks of 100 ns since 1601.
const (
	ticksPerSecond = 10_000_000
	epoch          = 11_644_473_600 // seconds from 1601 to 1970
)

// timeOfTicks is the Time of a count of ticks; 0 stays the zero Time.
func timeOfTicks(ticks int64) Time {
	if ticks <= 0 {
		return Time{}
	}
	return Time{Sec: ticks/ticksPerSecond - epoch, Nsec: uint32(ticks % ticksPerSecond * 100)}
}

// ticksOf rounds down. No ticks, or less, are no time for the system.
func ticksOf(t Time) (ticks int64, ok bool) {
	if t.Sec < -epoch || t.Sec >= math.MaxInt64/ticksPerSecond-epoch {
		return 0, false
	}
	ticks = (t.Sec+epoch)*ticksPerSecond + int64(t.Nsec/100)
	return ticks, ticks > 0
}

// setTime sets the mtime of the open item f, which was opened with the right to write
// attributes.
func setTime(f *os.File, mtime Time) error {
	ticks, ok := ticksOf(mtime)
	if !ok {
		return fmt.Errorf("no such time here: %w", syscall.ERANGE)
	}
	defer runtime.KeepAlive(f)
	ft := windows.Filetime{LowDateTime: uint32(ticks), HighDateTime: uint32(ticks >> 32)}
	return Known(windows.SetFileTime(windows.Handle(f.Fd()), nil, nil, &ft))
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

// statPath returns what the user's own path is, or what it leads to.
func statPath(path string, follow bool) (Info, error) {
	if !follow {
		seen, err := os.Lstat(path)
		if err != nil {
			return Info{}, Known(err)
		}
		if seen.Mode()&os.ModeSymlink != 0 {
			path = filepath.Clean(path)
			folder, err := os.Open(filepath.Dir(path))
			if err != nil {
				return Info{}, Known(err)
			}
			defer folder.Close() // only looked at
			return lookAt(folder, filepath.Base(path))
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return Info{}, Known(err)
	}
	defer f.Close() // only looked at
	return Fstat(f)
}
