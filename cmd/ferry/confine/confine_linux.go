//go:build !android

package confine

import (
	"fmt"
	"os"
	"time"

	"github.com/landlock-lsm/go-landlock/landlock"
	"github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// Rights of Landlock. Nothing may be executed, and no device be controlled.
const (
	write  = syscall.AccessFSWriteFile | syscall.AccessFSTruncate
	remove = syscall.AccessFSRemoveDir | syscall.AccessFSRemoveFile
	create = syscall.AccessFSMakeReg | syscall.AccessFSMakeDir | syscall.AccessFSMakeSym | syscall.AccessFSMakeFifo |
		syscall.AccessFSMakeSock | syscall.AccessFSMakeChar | syscall.AccessFSMakeBlock
	read   = syscall.AccessFSReadFile | syscall.AccessFSReadDir
	rename = syscall.AccessFSMakeReg | syscall.AccessFSRemoveFile | syscall.AccessFSReadDir // to sync the folder
	manage = read | write | create | remove | syscall.AccessFSRefer
)

// oldest is the first version of Landlock in which files can be moved between
// folders; before, every such move is refused.
const oldest = 2

// ports is the first version that guards TCP ports.
const ports = 4

// Apply confines the process to s. It may be called once a process. Rights that the
// kernel does not know are left out; Kept says what is in force. After an error nothing
// is in force.
func Apply(s Set) (Kept, error) {
	version, err := syscall.LandlockGetABIVersion()
	if err != nil {
		return Kept{}, ErrNone
	}
	if version < oldest {
		return Kept{}, fmt.Errorf("the Landlock of this kernel is version %d, and %d is the first that serves", version, oldest)
	}
	// The zone is read when a local time is first shown.
	_, _ = time.Now().Zone()
	config := landlock.Config{HandledAccessFS: landlock.V7.HandledAccessFS}
	rules := []landlock.Rule{
		landlock.PathAccess(manage, s.Folders...),
		landlock.PathAccess(rename, s.Renames...),
	}
	for _, path := range s.Reads {
		info, err := os.Stat(path)
		switch {
		case err != nil: // it does not exist, or could not be read anyway
		case info.IsDir():
			rules = append(rules, landlock.PathAccess(read, path).IgnoreIfMissing())
		default:
			rules = append(rules, landlock.PathAccess(syscall.AccessFSReadFile, path).IgnoreIfMissing())
		}
	}
	if !s.AnyPort {
		config.HandledAccessNet = landlock.V4.HandledAccessNet
		for _, port := range s.Connects {
			rules = append(rules, landlock.ConnectTCP(port))
		}
		for _, port := range s.Binds {
			rules = append(rules, landlock.BindTCP(port))
		}
	}
	if err := config.BestEffort().Restrict(rules...); err != nil {
		return Kept{}, err
	}
	return Kept{Files: true, Ports: !s.AnyPort && version >= ports}, nil
}
