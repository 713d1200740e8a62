//go:build !linux && !darwin

package dest

import (
	"os"

	"ferry/transfer/tree"
)

// owned: access is by lists here, which a folder inherits from the destination.
func owned(*os.File) bool { return true }

// foreign: what this user may not set is an error here.
func foreign(tree.Info) bool { return false }

// ownStateName: a state folder here is whose the destination is.
func ownStateName() string { return "" }

func privileged() bool { return true }

func reclaim(*os.File) bool { return false }

// chmodOwn takes the read-only mark off name, or sets it.
func chmodOwn(dir *tree.Dir, name string, mode uint32) error {
	return dir.Child(name).SetMode(mode)
}
