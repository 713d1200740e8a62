package framing

import (
	"encoding/binary"
	"net/netip"
)

// MaxRoomNumber is the largest number that a relay allocates.
const MaxRoomNumber = 999_999_999

// Seen is where a relay sees a connection come from.
type Seen struct {
	Host []byte // 4 or 16 bytes; empty: not known
	Port uint16 // 0: not known, as behind a proxy
}

// SeenAt makes a Seen of an address, which may be the zero AddrPort.
func SeenAt(a netip.AddrPort) Seen {
	return Seen{Host: a.Addr().Unmap().AsSlice(), Port: a.Port()}
}

// AddrPort is not valid if the host is not known.
func (s *Seen) AddrPort() netip.AddrPort {
	a, _ := netip.AddrFromSlice(s.Host)
	return netip.AddrPortFrom(a, s.Port)
}

// decodeSeen takes a Seen off a body.
func decodeSeen(d *decoder) (s Seen) {
	s.Host = d.bytes("seen address", 0, 16)
	if n := len(s.Host); n != 0 && n != 4 && n != 16 {
		d.fail("seen address", errRange)
	}
	s.Port = d.u16("seen port")
	return s
}

func (s *Seen) append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(appendBytes(b, s.Host), s.Port)
}

// Claimed tells a listener that the room is its own.
type Claimed struct {
	Number uint32 // as allocated, 1 to MaxRoomNumber; 0 if it was not the relay's choice
	Keep   uint32 // seconds for which the room is kept when this connection has gone
	Seen   Seen
}

// ParseClaimed parses the body of a CLAIMED. Seen.Host aliases b.
func ParseClaimed(b []byte) (Claimed, error) {
	d := decoder{t: TypeClaimed, b: b}
	m := Claimed{Number: uint32(d.uv("number", 0, MaxRoomNumber)), Keep: d.u32("keep"), Seen: decodeSeen(&d)}
	if err := d.end(); err != nil {
		return Claimed{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Claimed) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(m.Number))
	b = binary.BigEndian.AppendUint32(b, m.Keep)
	return m.Seen.append(b)
}
