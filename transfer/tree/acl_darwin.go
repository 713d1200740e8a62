package tree

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// attrCommonSecurity is ATTR_CMN_EXTENDED_SECURITY of sys/attr.h.
const attrCommonSecurity = 0x400000

// securityOf returns what getattrlist(2) says of the open item's security: see tellsACL. It
// is empty for what cannot be asked.
func securityOf(item held) []byte {
	fd, ok := item.(heldFile)
	if !ok {
		return nil
	}
	list := attrList{bitmapCount: attrBitMapCount, common: attrCommonSecurity}
	var b [64]byte // an ACL that is longer is cut off, and its length is not
	_, _, errno := unix.Syscall6(unix.SYS_FGETATTRLIST, uintptr(fd), uintptr(unsafe.Pointer(&list)),
		uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0)
	if errno != 0 {
		return nil
	}
	return b[:]
}
