//go:build !darwin

package tree

import (
	"errors"
	"os"
)

// Clone fails with errors.ErrUnsupported: the system makes no file that shares blocks, but
// may have an open file share them.
func (d *Dir) Clone(_ *os.File, name string) (*os.File, error) {
	return nil, d.fail("clone", name, errors.ErrUnsupported)
}
