//go:build !linux

package dest

import (
	"errors"
	"os"

	"ferry/transfer/tree"
)

func copyRange(to, from *os.File, at, n int64) (int64, error) { return 0, errors.ErrUnsupported }

func sharesRange(to, from *os.File) bool { return false }

func shareFile(to, from *os.File, size int64) bool { return false }

func dropCache(*os.File) {}

// startWriteBack: the system does as it likes.
func startWriteBack(*os.File) {}

func punchHole(file *os.File, at, n int64) error { return errors.ErrUnsupported }

// nature: no call here syncs a file system and tells how it went, and most volumes
// are of file systems that keep what they take.
func nature(*os.File) (trusted, doubtful bool, longest int64) { return false, false, 0 }

// refusesSigns: no kind of file system is known here.
func refusesSigns(*os.File) bool { return false }

const canSyncVolume = false

func syncVolume(*os.File) error { return errors.ErrUnsupported }

// mountOf: the device number tells all here.
func mountOf(*os.File) uint64 { return 0 }

func canLinkUnnamed() bool { return false }

// foldsCase: here only what is there tells.
func foldsCase(*tree.Dir) bool { return false }
