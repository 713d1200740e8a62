package ssh

import "golang.org/x/sys/unix"

// pipeSize is what a pipe to sshd is to hold, in bytes: the most that a process without
// privileges may ask for. It has 64 KiB by itself, which sshd fills with two packets, and
// then each of them costs both processes a wake-up.
const pipeSize = 1 << 20

// widen has a pipe hold more. What is no pipe, or may not, is as good.
func widen(fd int) { _, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeSize) }
