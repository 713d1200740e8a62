//go:build !linux

package dest

import (
	"errors"
	"os"
)

func copyRange(to, from *os.File, at, n int64) (int64, error) { return 0, errors.ErrUnsupported }

func sharesRange(to, from *os.File) bool { return false }

// startWriteBack: the system does as it likes.
func startWriteBack(*os.File) {}

func punchHole(file *os.File, at, n int64) error { return errors.ErrUnsupported }
