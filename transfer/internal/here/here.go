// Package here tells whether two processes have one and the same folder, which may have
// another path for each of them: one machine calls itself by ssh, or a container has a
// folder of its host. Each makes a mark of what it has, and the marks are compared.
//
// Guaranteed: on Linux two marks of folders are equal only if kernel, device and inode are
// the same. A mark tells whoever does not have the folder nothing about it.
//
// Not guaranteed: that a folder of a network file system is recognised on two machines, nor
// that a folder is where the system gives no inodes. Where the system does not tell which
// machine it is, its host name stands for that: two of one name may be taken for one.
//
// A Machine may be used by several goroutines. It is to be made before the process gives up
// the right to read what the system tells of itself.
package here

import (
	"crypto/sha256"
	"encoding/binary"

	"ferry/framing"
	"ferry/transfer/internal/machine"
	"ferry/transfer/tree"
)

// Machine is the one that this process runs on.
type Machine struct{ machine.Machine }

// This is the machine that this process runs on.
func This() Machine { return Machine{machine.This()} }

// Mark is the mark of a folder; nil if the system gives it no identity, or if it is none.
func (m Machine) Mark(folder tree.Info) []byte {
	if folder.Kind != tree.Folder || folder.Ino == 0 {
		return nil
	}
	return m.mark(folder.Dev, folder.Ino)
}

// own is the mark of the machine.
func (m Machine) own() []byte { return m.mark(0, 0) }

func (m Machine) mark(dev, ino uint64) []byte {
	b := append([]byte("ferry folder 1\x00"), m.ID()...)
	b = binary.BigEndian.AppendUint64(append(b, 0), dev)
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(b, ino))
	return sum[:framing.MarkSize]
}
