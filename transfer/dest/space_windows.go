package dest

import (
	"math"
	"os"

	"golang.org/x/sys/windows"
)

func freeBytes(folder *os.File) (int64, error) {
	path, err := windows.UTF16PtrFromString(folder.Name())
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return 0, os.NewSyscallError("GetDiskFreeSpaceEx", err)
	}
	return int64(min(free, math.MaxInt64)), nil
}
