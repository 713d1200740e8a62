package framing

import (
	"encoding/binary"
	"iter"
)

// EntryKind is what an entry is. Values are part of the wire format.
type EntryKind uint8

const (
	KindFile      EntryKind = 1
	KindFolder    EntryKind = 2
	KindSymlink   EntryKind = 3
	KindHardLink  EntryKind = 4 // reserved, has no encoding yet
	KindStream    EntryKind = 5 // content of unknown length
	KindRoot      EntryKind = 6 // metadata of the destination itself
	KindFolderEnd EntryKind = 15
)

// Entry is one item of the walk, or the end of a folder.
type Entry struct {
	ID     uint64 // from 1 on; for KindFolderEnd the folder that ends
	Parent uint64 // a lower id, or 0: the destination
	Kind   EntryKind
	Name   []byte // one component, 1 to MaxName bytes; not checked further here
	Mode   uint32 // at most MaxMode
	Sec    int64  // mtime, seconds since 1970
	Nsec   uint32 // and nanoseconds, at most MaxNsec
	Size   uint64 // KindFile only
	Target []byte // KindSymlink only, 1 to MaxTarget bytes
}

// AppendEntryHeader begins the body of an ENTRY: its records are numbered from
// firstID on.
func AppendEntryHeader(b []byte, firstID uint64) []byte {
	return binary.AppendUvarint(b, firstID)
}

// Append appends one record. The ID is not written, except for KindFolderEnd:
// it follows from the header and the records between.
func (e *Entry) Append(b []byte) []byte {
	b = append(b, byte(e.Kind), 0)
	switch e.Kind {
	case KindFolderEnd:
		return binary.AppendUvarint(b, e.ID)
	case KindRoot:
		return e.appendMeta(b)
	}
	b = binary.AppendUvarint(b, e.Parent)
	b = appendBytes(b, e.Name)
	b = e.appendMeta(b)
	switch e.Kind {
	case KindFile:
		b = binary.AppendUvarint(b, e.Size)
	case KindSymlink:
		b = appendBytes(b, e.Target)
	}
	return b
}

func (e *Entry) appendMeta(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(e.Mode))
	b = binary.AppendVarint(b, e.Sec)
	return binary.AppendUvarint(b, uint64(e.Nsec))
}

// ParseEntries iterates over the body of an ENTRY and numbers its records. Name
// and Target alias body. The iteration ends after the first error.
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
	if d.u8("flags") != 0 {
		d.fail("flags", errNotZero)
	}
	switch e.Kind {
	case KindFolderEnd:
		e.ID = d.uv("folder", 1, id-1)
		return e
	case KindFile, KindFolder, KindSymlink, KindStream, KindRoot:
	default:
		d.fail("kind", errUnknown)
	}
	if id > MaxSize {
		d.fail("id", errRange)
	}
	if e.Kind != KindRoot {
		e.Parent = d.uv("parent", 0, id-1)
		e.Name = d.bytes("name", 1, MaxName)
	}
	e.Mode = uint32(d.uv("mode", 0, MaxMode))
	e.Sec = d.sv("seconds")
	e.Nsec = uint32(d.uv("nanoseconds", 0, MaxNsec))
	switch e.Kind {
	case KindFile:
		e.Size = d.uv("size", 0, MaxSize)
	case KindSymlink:
		e.Target = d.bytes("target", 1, MaxTarget)
	}
	return e
}
