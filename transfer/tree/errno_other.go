//go:build !windows

package tree

import "syscall"

// NotFolder is the number for a name that is no folder's.
const NotFolder = syscall.ENOTDIR

func translated(err error) (error, bool) { return err, false }
