package framing

import (
	"encoding/binary"
	"iter"
	"math"
)

// EntryKind is what an entry is.
type EntryKind uint8

// The kinds. Values are part of the wire format.
const (
	KindFile        EntryKind = 1
	KindFolder      EntryKind = 2
	KindSymlink     EntryKind = 3
	KindHardLink    EntryKind = 4 // a further name of an earlier entry
	KindStream      EntryKind = 5 // content of unknown length
	KindRoot        EntryKind = 6 // metadata of the destination itself
	KindFIFO        EntryKind = 7
	KindCharDevice  EntryKind = 8
	KindBlockDevice EntryKind = 9
	KindSocket      EntryKind = 10
	KindFolderEnd   EntryKind = 15
)

// Flags of a record. entryFlags says which of them a kind allows.
const (
	entryExtended = 1 << iota // an extension block ends it
	entryLinked               // hard links to it may follow
	entryHoles                // the size is followed by how much of it is holes
)

// MaxOpenLinks is how many entries with Linked may still wait for their last hard link.
// The receiver remembers where each of them is.
const MaxOpenLinks = 1 << 17

// entryFlags returns the flags that records of kind k may have.
func entryFlags(k EntryKind) uint8 {
	switch k {
	case KindFile:
		return entryExtended | entryLinked | entryHoles
	case KindSymlink, KindFIFO, KindCharDevice, KindBlockDevice, KindSocket:
		return entryExtended | entryLinked
	case KindFolder, KindRoot:
		return entryExtended
	case KindHardLink:
		return entryLinked
	}
	return 0
}

// Entry is one item of the walk, or the end of a folder.
type Entry struct {
	ID     uint64 // from 1 on; for KindFolderEnd the folder that ends
	Parent uint64 // a lower id, or 0: the destination
	Kind   EntryKind
	Name   []byte // one component, 1 to MaxName bytes; not checked further here
	Mode   uint32 // at most maxMode
	Sec    int64  // mtime, seconds since 1970
	Nsec   uint32 // and nanoseconds, at most maxNsec
	Size   uint64 // KindFile only
	Holes  uint64 // KindFile only: bytes of Size that take no space at the sender, about
	Target []byte // KindSymlink only, 1 to MaxTarget bytes
	Linked bool   // further hard links to the item may follow
	LinkTo uint64 // KindHardLink only: the lower id of the item that it is a name of
	Major  uint32 // devices only
	Minor  uint32
	Ext    *Extension // nil: none
}

// AppendEntryHeader begins the body of an ENTRY: its records are numbered from
// firstID on.
func AppendEntryHeader(b []byte, firstID uint64) []byte {
	return binary.AppendUvarint(b, firstID)
}

// Append appends one record. The ID is written for KindFolderEnd only: of other records
// it follows from the header and the records between.
func (e *Entry) Append(b []byte) []byte {
	var flags byte
	if e.Ext != nil {
		flags |= entryExtended
	}
	if e.Linked {
		flags |= entryLinked
	}
	if e.Holes > 0 {
		flags |= entryHoles
	}
	b = append(b, byte(e.Kind), flags)
	if e.Kind == KindFolderEnd {
		return binary.AppendUvarint(b, e.ID)
	}
	if e.Kind != KindRoot {
		b = binary.AppendUvarint(b, e.Parent)
		b = appendBytes(b, e.Name)
	}
	if e.Kind == KindHardLink {
		return binary.AppendUvarint(b, e.LinkTo)
	}
	b = e.appendMeta(b)
	switch e.Kind {
	case KindFile:
		b = binary.AppendUvarint(b, e.Size)
		if e.Holes > 0 {
			b = binary.AppendUvarint(b, e.Holes)
		}
	case KindSymlink:
		b = appendBytes(b, e.Target)
	case KindCharDevice, KindBlockDevice:
		b = binary.AppendUvarint(b, uint64(e.Major))
		b = binary.AppendUvarint(b, uint64(e.Minor))
	}
	if e.Ext != nil {
		b = e.Ext.append(b)
	}
	return b
}

func (e *Entry) appendMeta(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(e.Mode))
	b = binary.AppendVarint(b, e.Sec)
	return binary.AppendUvarint(b, uint64(e.Nsec))
}

// ParseEntries iterates over the body of an ENTRY and numbers its records. Name,
// Target and the bytes of Ext alias body. The iteration ends after the first error.
func ParseEntries(body []byte) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		d := decoder{t: TypeEntry, b: body}
		next := d.uv("first id", 1, MaxSize)
		batch := records(d, func(d *decoder) Entry {
			e := parseEntry(d, next)
			if e.Kind != KindFolderEnd {
				next++
			}
			return e
		})
		batch(yield)
	}
}

func parseEntry(d *decoder, id uint64) Entry {
	e := Entry{ID: id, Kind: EntryKind(d.u8("kind"))}
	flags := d.u8("flags")
	switch e.Kind {
	case KindFile, KindFolder, KindSymlink, KindHardLink, KindStream, KindRoot,
		KindFIFO, KindCharDevice, KindBlockDevice, KindSocket, KindFolderEnd:
	default:
		d.fail("kind", errUnknown)
	}
	if flags&^entryFlags(e.Kind) != 0 {
		d.fail("flags", errNotZero)
	}
	if e.Kind == KindFolderEnd {
		e.ID = d.uv("folder", 1, id-1)
		return e
	}
	if id > MaxSize {
		d.fail("id", errRange)
	}
	e.Linked = flags&entryLinked != 0
	if e.Kind != KindRoot {
		e.Parent = d.uv("parent", 0, id-1)
		e.Name = d.bytes("name", 1, MaxName)
	}
	if e.Kind == KindHardLink {
		e.LinkTo = d.uv("target", 1, id-1)
		return e
	}
	e.Mode = uint32(d.uv("mode", 0, maxMode))
	e.Sec = d.sv("seconds")
	e.Nsec = uint32(d.uv("nanoseconds", 0, maxNsec))
	switch e.Kind {
	case KindFile:
		e.Size = d.uv("size", 0, MaxSize)
		if flags&entryHoles != 0 {
			e.Holes = d.uv("holes", 1, e.Size)
		}
	case KindSymlink:
		e.Target = d.bytes("target", 1, MaxTarget)
	case KindCharDevice, KindBlockDevice:
		e.Major = uint32(d.uv("major", 0, math.MaxUint32))
		e.Minor = uint32(d.uv("minor", 0, math.MaxUint32))
	}
	if flags&entryExtended != 0 {
		e.Ext = d.extension()
	}
	return e
}
