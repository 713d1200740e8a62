//go:build !linux

package tree

import (
	"errors"
	"os"
)

// CreateUnnamed fails with errors.ErrUnsupported: the system has no such files.
func (d *Dir) CreateUnnamed(uint32) (*os.File, error) {
	return nil, d.fail("create", "", errors.ErrUnsupported)
}

// LinkUnnamed fails with errors.ErrUnsupported.
func (d *Dir) LinkUnnamed(_ *os.File, name string) error {
	return d.fail("link", name, errors.ErrUnsupported)
}
