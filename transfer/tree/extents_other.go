//go:build !linux && !darwin && !freebsd

package tree

import (
	"errors"
	"os"
)

// knowsHoles: sparse files are read whole here.
const knowsHoles = false

func findRun(*os.File, int64, int64) (from, to int64, hole bool, err error) {
	return 0, 0, false, errors.ErrUnsupported
}
