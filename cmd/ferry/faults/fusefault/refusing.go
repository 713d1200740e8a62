package main

import (
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// operation is one that can be refused, by the name of the system call that
// people know it by.
type operation string

// operations are all that can be refused. linktimes are the times of a symbolic
// link, utimens those of anything else.
var operations = map[operation]bool{
	"symlink": true, "link": true, "mknod": true, "mkdir": true, "create": true, "tmpfile": true,
	"chmod": true, "chown": true, "utimens": true, "linktimes": true, "truncate": true,
	"setxattr": true, "removexattr": true, "getxattr": true, "listxattr": true,
	"rename": true, "exchange": true, "noreplace": true, "unlink": true, "rmdir": true,
	"open": true, "read": true, "write": true, "lseek": true, "copyrange": true, "fallocate": true,
	"flush": true, "fsync": true, "fsyncdir": true, "opendir": true, "readdir": true, "readlink": true,
	"statfs": true, "setlk": true, "ioctl": true,
}

// refusing answers what is refused and leaves all else to the file system below.
type refusing struct {
	fuse.RawFileSystem
	refused map[operation]*answer // does not change after the mount
	first   func(operation)       // called once
	once    sync.Once
}

// answer is what an operation gets after so many calls that went through.
type answer struct {
	status fuse.Status
	after  int64
	calls  atomic.Int64
}

// no is the answer to the first of these operations that is refused, or OK.
func (r *refusing) no(ops ...operation) fuse.Status {
	for _, op := range ops {
		if a, refused := r.refused[op]; refused && a.calls.Add(1) > a.after {
			if op != "tmpfile" { // which is refused in any case
				r.once.Do(func() { r.first(op) })
			}
			return a.status
		}
	}
	return fuse.OK
}

// SetAttr is chmod, chown, truncate and utimens in one.
func (r *refusing) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	var ops []operation
	if in.Valid&fuse.FATTR_MODE != 0 {
		ops = append(ops, "chmod")
	}
	if in.Valid&(fuse.FATTR_UID|fuse.FATTR_GID) != 0 {
		ops = append(ops, "chown")
	}
	if in.Valid&fuse.FATTR_SIZE != 0 {
		ops = append(ops, "truncate")
	}
	if in.Valid&(fuse.FATTR_ATIME|fuse.FATTR_MTIME) != 0 {
		if r.isLink(cancel, in.NodeId) {
			ops = append(ops, "linktimes")
		} else {
			ops = append(ops, "utimens")
		}
	}
	if s := r.no(ops...); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.SetAttr(cancel, in, out)
}

func (r *refusing) isLink(cancel <-chan struct{}, node uint64) bool {
	var in fuse.GetAttrIn
	var out fuse.AttrOut
	in.NodeId = node
	return r.GetAttr(cancel, &in, &out) == fuse.OK && out.Mode&syscall.S_IFMT == syscall.S_IFLNK
}

func (r *refusing) Mknod(cancel <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	if s := r.no("mknod"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Mknod(cancel, in, name, out)
}

func (r *refusing) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	if s := r.no("mkdir"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Mkdir(cancel, in, name, out)
}

func (r *refusing) Unlink(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	if s := r.no("unlink"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Unlink(cancel, in, name)
}

func (r *refusing) Rmdir(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	if s := r.no("rmdir"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Rmdir(cancel, in, name)
}

// Rename is renameat2 too: a target may know rename and none of its flags.
func (r *refusing) Rename(cancel <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	const noReplace, exchange = 1, 2
	ops := []operation{"rename"}
	if in.Flags&noReplace != 0 {
		ops = append(ops, "noreplace")
	}
	if in.Flags&exchange != 0 {
		ops = append(ops, "exchange")
	}
	if s := r.no(ops...); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Rename(cancel, in, from, to)
}

func (r *refusing) Link(cancel <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	if s := r.no("link"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Link(cancel, in, name, out)
}

func (r *refusing) Symlink(cancel <-chan struct{}, in *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	if s := r.no("symlink"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Symlink(cancel, in, target, name, out)
}

func (r *refusing) Readlink(cancel <-chan struct{}, in *fuse.InHeader) ([]byte, fuse.Status) {
	if s := r.no("readlink"); s != fuse.OK {
		return nil, s
	}
	return r.RawFileSystem.Readlink(cancel, in)
}

func (r *refusing) GetXAttr(cancel <-chan struct{}, in *fuse.InHeader, name string, dest []byte) (uint32, fuse.Status) {
	// Without its ACL the kernel lets nobody open a file.
	if s := r.no("getxattr"); s != fuse.OK && name != "system.posix_acl_access" {
		return 0, s
	}
	return r.RawFileSystem.GetXAttr(cancel, in, name, dest)
}

func (r *refusing) ListXAttr(cancel <-chan struct{}, in *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	if s := r.no("listxattr"); s != fuse.OK {
		return 0, s
	}
	return r.RawFileSystem.ListXAttr(cancel, in, dest)
}

func (r *refusing) SetXAttr(cancel <-chan struct{}, in *fuse.SetXAttrIn, name string, data []byte) fuse.Status {
	if s := r.no("setxattr"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.SetXAttr(cancel, in, name, data)
}

func (r *refusing) RemoveXAttr(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	if s := r.no("removexattr"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.RemoveXAttr(cancel, in, name)
}

func (r *refusing) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	if s := r.no("create"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Create(cancel, in, name, out)
}

func (r *refusing) Tmpfile(cancel <-chan struct{}, in *fuse.CreateIn, out *fuse.CreateOut) fuse.Status {
	if s := r.no("tmpfile"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Tmpfile(cancel, in, out)
}

func (r *refusing) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if s := r.no("open"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Open(cancel, in, out)
}

func (r *refusing) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	if s := r.no("read"); s != fuse.OK {
		return nil, s
	}
	return r.RawFileSystem.Read(cancel, in, buf)
}

func (r *refusing) Lseek(cancel <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	if s := r.no("lseek"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Lseek(cancel, in, out)
}

func (r *refusing) SetLk(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status {
	if s := r.no("setlk"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.SetLk(cancel, in)
}

func (r *refusing) SetLkw(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status {
	if s := r.no("setlk"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.SetLkw(cancel, in)
}

func (r *refusing) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	if s := r.no("write"); s != fuse.OK {
		return 0, s
	}
	return r.RawFileSystem.Write(cancel, in, data)
}

// Writev has Write called instead.
func (r *refusing) Writev(<-chan struct{}, *fuse.WriteIn, [][]byte) (uint32, fuse.Status) {
	return 0, fuse.ENOSYS
}

func (r *refusing) CopyFileRange(cancel <-chan struct{}, in *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	if s := r.no("copyrange"); s != fuse.OK {
		return 0, s
	}
	return r.RawFileSystem.CopyFileRange(cancel, in)
}

func (r *refusing) Ioctl(cancel <-chan struct{}, in *fuse.IoctlIn, inbuf []byte, out *fuse.IoctlOut, outbuf []byte) fuse.Status {
	if s := r.no("ioctl"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Ioctl(cancel, in, inbuf, out, outbuf)
}

func (r *refusing) Flush(cancel <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	if s := r.no("flush"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Flush(cancel, in)
}

func (r *refusing) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	if s := r.no("fsync"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Fsync(cancel, in)
}

func (r *refusing) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	if s := r.no("fallocate"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.Fallocate(cancel, in)
}

func (r *refusing) OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if s := r.no("opendir"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.OpenDir(cancel, in, out)
}

func (r *refusing) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	if s := r.no("readdir"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.ReadDir(cancel, in, out)
}

func (r *refusing) ReadDirPlus(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	if s := r.no("readdir"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.ReadDirPlus(cancel, in, out)
}

func (r *refusing) FsyncDir(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	if s := r.no("fsyncdir"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.FsyncDir(cancel, in)
}

func (r *refusing) StatFs(cancel <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	if s := r.no("statfs"); s != fuse.OK {
		return s
	}
	return r.RawFileSystem.StatFs(cancel, in, out)
}
