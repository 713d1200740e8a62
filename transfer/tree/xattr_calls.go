//go:build unix

package tree

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// maxXattrList is how many bytes of names are taken of one item. Linux gives 64 KiB at most.
const maxXattrList = maxXattrs * (maxXattrName + 1)

// listXattrs returns the names that call puts into a buffer, which split cuts apart.
// ENOTSUP, of file systems without attributes, is errors.ErrUnsupported.
func listXattrs(split func([]byte) []string, call func([]byte) (int, error)) ([]string, error) {
	b, err := readXattr(maxXattrList, call)
	if err != nil || len(b) == 0 {
		return nil, err // most items have none, and cost one call and no memory
	}
	return split(b), nil
}

// readXattr returns what call puts into a buffer, or its length if that is nil. It asks again
// if there is more than at the first call. A buffer of one byte more tells what fits from
// what was cut off, where the system cuts off.
func readXattr(limit int, call func([]byte) (int, error)) ([]byte, error) {
	for range 4 {
		n := 0
		err := retry(func() (err error) { n, err = call(nil); return err })
		if err != nil || n == 0 {
			return nil, err
		}
		if n > limit {
			return nil, errXattrs // a resource fork has any size
		}
		b := make([]byte, n+1)
		err = retry(func() (err error) { n, err = call(b); return err })
		if err == nil && n < len(b) {
			return b[:n], nil
		}
		if err != nil && err != unix.ERANGE {
			return nil, err
		}
	}
	return nil, unix.ERANGE
}

// splitNames cuts names apart that have a NUL behind each, as on Linux and macOS.
func splitNames(b []byte) (names []string) {
	for name := range bytes.SplitSeq(bytes.TrimSuffix(b, []byte{0}), []byte{0}) {
		names = append(names, string(name))
	}
	return names
}

// splitCounted cuts names apart that have their length before each, in one byte, as on
// FreeBSD and NetBSD. They belong to users there, which all names on the wire say.
func splitCounted(b []byte) (names []string) {
	for len(b) > 0 {
		n := int(b[0])
		if n >= len(b) {
			break // no system does that
		}
		names = append(names, "user."+string(b[1:1+n]))
		b = b[1+n:]
	}
	return names
}
