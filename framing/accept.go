package framing

import "encoding/binary"

const (
	// FirstEntries is how many entries a sender may announce before ACCEPT, so that a small
	// delivery waits for no round trip. No window is smaller.
	FirstEntries = 256
	// WideEntries is that number with CapWide: whoever is asked at the receiver hears how
	// much is coming.
	WideEntries = 16384
)

// EntriesBeforeAccept is how many entries a sender may announce before ACCEPT, given the
// capabilities that both sides have.
func EntriesBeforeAccept(caps uint64) int {
	if caps&CapWide != 0 {
		return WideEntries
	}
	return FirstEntries
}

// Accept lets an offer begin. The window bounds entries that neither DONE nor
// FAULT has settled; one ENTRY frame may always be in flight.
type Accept struct {
	Flags        uint32 // the flags of the offer that the receiver grants
	RetrySeconds uint32 // the receiver's retry window; the smaller of both holds
	EntryWindow  uint64 // entries in flight, at least FirstEntries
	EntryBytes   uint64 // bytes of ENTRY bodies in flight, at least 1
	Ordered      bool   // data in entry order and on stream 0 only
	Streams      uint16 // streams that the receiver takes, stream 0 included; at least 1
}

// ParseAccept parses the body of an ACCEPT.
func ParseAccept(b []byte) (Accept, error) {
	d := decoder{t: TypeAccept, b: b}
	m := Accept{Flags: d.offerFlags(), RetrySeconds: d.u32("retry window")}
	m.EntryWindow = d.uv("entry window", FirstEntries, MaxSize)
	m.EntryBytes = d.uv("entry bytes", 1, MaxSize)
	m.Ordered = d.flag("ordered")
	m.Streams = d.u16("streams")
	if m.Streams == 0 {
		d.fail("streams", errRange)
	}
	if err := d.end(); err != nil {
		return Accept{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Accept) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, m.Flags)
	b = binary.BigEndian.AppendUint32(b, m.RetrySeconds)
	b = binary.AppendUvarint(b, m.EntryWindow)
	b = binary.AppendUvarint(b, m.EntryBytes)
	b = appendFlag(b, m.Ordered)
	return binary.BigEndian.AppendUint16(b, m.Streams)
}
