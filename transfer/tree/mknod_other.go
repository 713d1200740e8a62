//go:build windows || darwin

package tree

import "errors"

// mknod: there are no such items, or no call that makes one in an open folder.
func (h handle) mknod(string, *Entry) error { return errors.ErrUnsupported }
