package framing

import "encoding/binary"

// MaxListed is how many items an OFFER can list. An offer of so many items or fewer
// lists all of them; an offer of more lists MaxListed of them.
const MaxListed = 64

// MaxText is the longest text of an offer with FlagText, in bytes.
const MaxText = 64 << 10

// Flags of OFFER. ACCEPT repeats the flags that the receiver grants.
const (
	FlagChecksum     uint32 = 1 << iota // compare equal-sized files by digest
	FlagAllowChanged                    // publish what changed while it was read
	FlagOwner                           // user, group, set-id and sticky bits
	FlagXattrs                          // extended attributes, ACLs among them
	FlagHardLinks
	FlagDevices // devices, FIFOs and sockets
	FlagDryRun  // say what would happen, and change nothing
	FlagNumeric // owners by number, whatever their names
	FlagText    // the one item is a text for people; needs CapText

	flagsKnown = FlagText<<1 - 1
)

// Offer is what the sender proposes. The receiver holds it to that.
type Offer struct {
	Flags        uint32
	RetrySeconds uint32 // the sender's retry window; the smaller of both holds
	Items        uint64 // top-level items
	Bytes        uint64 // of content, as far as known
	Exact        bool   // the whole delivery has no more items and bytes than these
	Listed       []OfferItem
}

// OfferItem is a top-level item that may come under this name, as this kind.
type OfferItem struct {
	Kind EntryKind // any but hard link and folder end
	Name []byte    // at most MaxName; may be empty
	Size uint64    // bytes plus one, as on the wire; 0 when unknown
}

// ParseOffer parses the body of an OFFER. Names alias b.
func ParseOffer(b []byte) (Offer, error) {
	d := decoder{t: TypeOffer, b: b}
	m := Offer{Flags: d.offerFlags(), RetrySeconds: d.u32("retry window")}
	m.Items = d.uv("items", 0, MaxSize)
	m.Bytes = d.uv("bytes", 0, MaxSize)
	m.Exact = d.flag("exact")
	n := d.uv("listed items", 0, MaxListed)
	for range n {
		it := OfferItem{Kind: EntryKind(d.u8("kind"))}
		switch it.Kind {
		case KindFile, KindFolder, KindSymlink, KindStream, KindRoot,
			KindFIFO, KindCharDevice, KindBlockDevice, KindSocket:
		default:
			d.fail("kind", errUnknown)
		}
		it.Name = d.bytes("name", 0, MaxName)
		it.Size = d.uv("size", 0, MaxSize+1)
		if d.err != nil {
			break
		}
		m.Listed = append(m.Listed, it)
	}
	if d.end() == nil && n != min(m.Items, MaxListed) {
		d.fail("listed items", errMismatch)
	}
	if d.err == nil && m.Flags&FlagText != 0 && !m.isText() {
		d.fail("text", errMismatch)
	}
	if d.err != nil {
		return Offer{}, d.err
	}
	return m, nil
}

// isText tells whether an offer is all that one with FlagText may be: a short stream entry
// and nothing else. So whoever takes it can hold all of it.
func (m *Offer) isText() bool {
	return m.Flags == FlagText && m.Exact && m.Bytes <= MaxText && m.Items == 1 && m.Listed[0].Kind == KindStream
}

// Append appends the body to b.
func (m *Offer) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, m.Flags)
	b = binary.BigEndian.AppendUint32(b, m.RetrySeconds)
	b = binary.AppendUvarint(b, m.Items)
	b = binary.AppendUvarint(b, m.Bytes)
	b = appendFlag(b, m.Exact)
	b = binary.AppendUvarint(b, uint64(len(m.Listed)))
	for _, it := range m.Listed {
		b = append(b, byte(it.Kind))
		b = appendBytes(b, it.Name)
		b = binary.AppendUvarint(b, it.Size)
	}
	return b
}

func (d *decoder) offerFlags() uint32 {
	v := d.u32("flags")
	if v&^flagsKnown != 0 {
		d.fail("flags", errNotZero)
	}
	return v
}
