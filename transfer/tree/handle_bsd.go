//go:build freebsd || netbsd || openbsd

package tree

import "golang.org/x/sys/unix"

// renameExclusive and exchange: there is no such call here.
func renameExclusive(int, string, int, string) error { return unix.ENOTSUP }

func exchange(int, string, int, string) error { return unix.ENOTSUP }

func atimeOf(st *unix.Stat_t) unix.Timespec { return st.Atim }

// mksocketat: mknod(2) makes no sockets here.
func mksocketat(int, string, uint32) error { return unix.ENOTSUP }
