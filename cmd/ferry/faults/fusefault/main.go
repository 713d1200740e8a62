// Command fusefault mounts a folder a second time and refuses some operations
// there, as file systems do that have no such thing:
//
//	fusefault BACKING MOUNT OPERATION=ERRNO[@CALLS]...
//
// It prints "mounted" when the mount is ready, "refused OPERATION" when the first
// one was refused, and ends when it is unmounted. The
// operations are those of refusing.go. ERRNO is a name such as EPERM. The first
// CALLS of an operation go through.
//
// It is a module of its own, so that a library for FUSE is no dependency of
// ferry. github.com/hanwen/go-fuse is the one that speaks the kernel's protocol
// without C; its loopback file system does all that is not refused.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fusefault:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) < 2 {
		return errors.New("usage: fusefault BACKING MOUNT OPERATION=ERRNO...")
	}
	backing, mount := args[0], args[1]
	refused, err := parse(args[2:])
	if err != nil {
		return err
	}
	// The modes that the kernel asks for have its caller's umask already.
	syscall.Umask(0)
	root, err := fs.NewLoopbackRoot(backing)
	if err != nil {
		return err
	}
	// Nothing is kept in the kernel, so that each look reaches the backing folder.
	below := fs.NewNodeFS(root, &fs.Options{NullPermissions: true})
	tell := func(op operation) { fmt.Fprintln(out, "refused", op) }
	server, err := fuse.NewServer(&refusing{RawFileSystem: below, refused: refused, first: tell}, mount, &fuse.MountOptions{
		AllowOther: true, DirectMount: true, EnableAcl: true,
		// Else the kernel reads and writes by itself, and asks nobody.
		DisabledCapabilities: fuse.CAP_PASSTHROUGH,
		FsName:               "fusefault", Name: "fusefault", Options: []string{"default_permissions"},
	})
	if err != nil {
		return err
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return err
	}
	fmt.Fprintln(out, "mounted")
	server.Wait()
	return nil
}

// parse reads OPERATION=ERRNO[@CALLS] words.
func parse(words []string) (map[operation]*answer, error) {
	// The loopback finds no way back to a file without a name.
	refused := map[operation]*answer{"tmpfile": {status: fuse.ENOSYS}}
	for _, word := range words {
		name, text, _ := strings.Cut(word, "=")
		text, calls, counted := strings.Cut(text, "@")
		errno, known := errnoOf(text)
		a := &answer{status: fuse.Status(errno)}
		if counted {
			n, err := strconv.ParseInt(calls, 10, 63)
			known = known && err == nil
			a.after = n
		}
		if !operations[operation(name)] || !known {
			return nil, fmt.Errorf("%q is no OPERATION=ERRNO[@CALLS]", word)
		}
		refused[operation(name)] = a
	}
	return refused, nil
}

func errnoOf(name string) (syscall.Errno, bool) {
	if name == "ENOTSUP" || name == "EOPNOTSUPP" {
		return unix.EOPNOTSUPP, true
	}
	for n := syscall.Errno(1); n < 134; n++ {
		if name != "" && unix.ErrnoName(n) == name {
			return n, true
		}
	}
	return 0, false
}
