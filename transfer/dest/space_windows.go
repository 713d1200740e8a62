package dest

import (
	"os"

	"golang.org/x/sys/windows"
)

// roomOf asks the volume that folder is on.
func roomOf(folder *os.File) (room, error) {
	path, err := windows.UTF16PtrFromString(folder.Name())
	if err != nil {
		return room{}, err
	}
	var free, all uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, &all, nil); err != nil {
		return room{}, os.NewSyscallError("GetDiskFreeSpaceEx", err)
	}
	return room{blocks: all, free: free, size: 1}, nil
}
