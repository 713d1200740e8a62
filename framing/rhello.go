package framing

import (
	"encoding/binary"
	"fmt"
)

// RelayVersion is the version of the relay's protocol that this package speaks.
// RELAY.md is the authority on it; it has nothing to do with Version.
const RelayVersion = 1

// relayMagic opens an RHELLO, so that no other protocol is taken for this one.
const relayMagic = "ferry-rv"

// Capability bits of an RHELLO. Unknown bits are ignored.
const (
	// RelayToken is set by a relay that takes only connections which send AUTH.
	RelayToken uint64 = 1 << 0
)

// RHello opens a connection to a relay, both ways; the client's comes first.
type RHello struct {
	MinVersion, MaxVersion uint16
	Capabilities           uint64
	Nonce                  [16]byte // fresh; AUTH is made over both
}

// ParseRHello parses the body of an RHELLO. Bytes after the known fields are skipped:
// later versions may add some. If the peer's versions do not include ours, the error
// has CodeVersion.
func ParseRHello(b []byte) (RHello, error) {
	d := decoder{t: TypeRHello, b: b}
	if magic := d.raw("magic", len(relayMagic)); d.err == nil && string(magic) != relayMagic {
		d.fail("magic", errUnknown)
	}
	m := RHello{MinVersion: d.u16("lowest version"), MaxVersion: d.u16("highest version")}
	if d.err == nil && (m.MinVersion == 0 || m.MinVersion > m.MaxVersion) {
		d.fail("versions", errRange)
	}
	m.Capabilities = d.u64("capabilities")
	copy(m.Nonce[:], d.raw("nonce", len(m.Nonce)))
	if d.err != nil {
		return RHello{}, d.err
	}
	if m.MinVersion > RelayVersion || m.MaxVersion < RelayVersion {
		return RHello{}, &Error{
			Type: TypeRHello, Code: CodeVersion,
			Err: fmt.Errorf("relay protocol version %d here, %d to %d there", RelayVersion, m.MinVersion, m.MaxVersion),
		}
	}
	return m, nil
}

// Append appends the body to b.
func (m *RHello) Append(b []byte) []byte {
	b = append(b, relayMagic...)
	b = binary.BigEndian.AppendUint16(b, m.MinVersion)
	b = binary.BigEndian.AppendUint16(b, m.MaxVersion)
	b = binary.BigEndian.AppendUint64(b, m.Capabilities)
	return append(b, m.Nonce[:]...)
}
