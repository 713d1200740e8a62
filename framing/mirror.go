package framing

import "encoding/binary"

// AskKind is what the receiver asks about the sender's sources.
type AskKind uint8

// The kinds. Values are part of the wire format.
const (
	AskSources AskKind = 1 // which sources there are: names and kinds
	AskFolder  AskKind = 2 // what is in a folder
	AskRules   AskKind = 3 // whether the rules leave out Item
	lastAsk            = AskRules
)

// Ask is a question about the sources, for a deletion: CapMirror. The next one may come when
// the answer has come whole.
type Ask struct {
	Kind   AskKind
	Source uint64 // which of them, from 0 on
	Path   []byte // of a folder below it, empty for itself
	Item   []byte // AskRules: a path below the source
	Folder bool   // AskRules: that is a folder
}

// ParseAsk parses the body of an ASK. Bytes alias b.
func ParseAsk(b []byte) (Ask, error) {
	d := decoder{t: TypeAsk, b: b}
	m := Ask{Kind: AskKind(d.u8("kind"))}
	if d.err == nil && (m.Kind == 0 || m.Kind > lastAsk) {
		d.fail("kind", errUnknown)
	}
	m.Source = d.uv("source", 0, MaxSize)
	m.Path = d.bytes("path", 0, MaxDeepPath)
	m.Item = d.bytes("item", 0, MaxDeepPath)
	m.Folder = d.flag("folder")
	if err := d.end(); err != nil {
		return Ask{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Ask) Append(b []byte) []byte {
	b = append(b, byte(m.Kind))
	b = binary.AppendUvarint(b, m.Source)
	b = appendBytes(b, m.Path)
	b = appendBytes(b, m.Item)
	return appendFlag(b, m.Folder)
}

// Flags of a LISTING.
const (
	ListingLast     uint8 = 1 << iota // the answer ends with it
	ListingMore                       // the next LISTING goes on with the same folder
	ListingRules                      // rules may leave out items of the folder
	ListingForeign                    // on another file system, where that is left out: nothing of it is listed
	ListingDelivers                   // of a source itself: something in it is not left out

	listingKnown = ListingDelivers<<1 - 1
)

const (
	// maxListing bounds the names of a LISTING beside its size.
	maxListing = 65536
	// MarkSize is the size of a mark, in bytes: of a folder, or of a machine. Equal marks mean
	// that it is the same one. Zeros mean that there is none.
	MarkSize = 16
)

// Listing is a part of the answer to an ASK.
type Listing struct {
	Flags   uint8
	Source  uint64
	Path    []byte // of the folder; empty for the source
	Code    Code   // CodeNone, or why it cannot be told
	Message []byte // for people; of a source itself without a Code: how its user calls it; at most MaxDeepPath
	Sec     int64  // mtime of the folder
	Nsec    uint32
	Names   []ListingName
	Marks   []byte // of sources, in answer to AskSources: MarkSize for each of Names; else empty
}

// ListingName is an item of the folder, in the order of their bytes.
type ListingName struct {
	Kind EntryKind // a link that is followed is of the kind of its end; 0: what is never sent
	Name []byte    // at most MaxName
}

// ParseListing parses the body of a LISTING. Bytes alias b.
func ParseListing(b []byte) (Listing, error) {
	d := decoder{t: TypeListing, b: b}
	m := Listing{Flags: d.u8("flags")}
	if m.Flags&^listingKnown != 0 {
		d.fail("flags", errNotZero)
	}
	m.Source = d.uv("source", 0, MaxSize)
	m.Path = d.bytes("path", 0, MaxDeepPath)
	m.Code = Code(d.u8("code"))
	m.Message = d.bytes("message", 0, MaxDeepPath)
	m.Sec = d.sv("seconds")
	m.Nsec = uint32(d.uv("nanoseconds", 0, maxNsec))
	for range d.uv("names", 0, maxListing) {
		if d.err != nil {
			break
		}
		n := ListingName{Kind: EntryKind(d.u8("kind"))}
		switch n.Kind {
		case 0, KindFile, KindFolder, KindSymlink, KindStream, KindFIFO, KindCharDevice, KindBlockDevice, KindSocket:
		default:
			d.fail("kind", errUnknown)
		}
		n.Name = d.bytes("name", 0, MaxName)
		m.Names = append(m.Names, n)
	}
	m.Marks = d.bytes("marks", 0, maxListing*MarkSize)
	if n := len(m.Marks); d.err == nil && n > 0 && n != MarkSize*len(m.Names) {
		d.fail("marks", errRange)
	}
	if err := d.end(); err != nil {
		return Listing{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Listing) Append(b []byte) []byte {
	b = append(b, m.Flags)
	b = binary.AppendUvarint(b, m.Source)
	b = appendBytes(b, m.Path)
	b = append(b, byte(m.Code))
	b = appendBytes(b, m.Message[:min(len(m.Message), MaxDeepPath)])
	b = binary.AppendVarint(b, m.Sec)
	b = binary.AppendUvarint(b, uint64(m.Nsec))
	b = binary.AppendUvarint(b, uint64(len(m.Names)))
	for _, n := range m.Names {
		b = append(b, byte(n.Kind))
		b = appendBytes(b, n.Name)
	}
	return appendBytes(b, m.Marks)
}
