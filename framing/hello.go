package framing

import (
	"encoding/binary"
	"fmt"
)

// maxShare is the largest share of a HELLO, in bytes.
const maxShare = 64

// Role says which way the bytes go, whichever side dials.
type Role uint8

// The roles. Values are part of the wire format.
const (
	RoleSender   Role = 1
	RoleReceiver Role = 2
)

// Purpose says what a connection is for.
type Purpose uint8

// The purposes. Values are part of the wire format.
const (
	PurposeNew    Purpose = 1 // a new session
	PurposeStream Purpose = 2 // a further stream of a proven link
	PurposeRejoin Purpose = 3 // a new link for a session that lost its own
)

// Method says what PROOF proves.
type Method uint8

// The methods. Values are part of the wire format.
const (
	MethodCode    Method = 1 // a pairing code, by CPace
	MethodKey     Method = 2 // long-term keys of both sides, by KEYPROOF
	MethodSession Method = 3 // the secret of a session
)

// Capability bits. A bit counts when both sides set it; unknown bits are ignored.
const (
	CapZstd    uint64 = 1 << 0  // DATA may use EncodingZstd, and PACKZ may come
	_          uint64 = 1 << 1  // reserved: early builds seal records with keys made in another way
	CapCopy    uint64 = 1 << 2  // WANT may hold and patch, PIECES may come, and DATA may use EncodingCopies
	CapSealed  uint64 = 1 << 3  // once both sides are proven, records are sealed with keys from the TLS exporter
	_          uint64 = 1 << 4  // reserved
	CapRequest uint64 = 1 << 5  // the receiver may begin with REQUEST
	CapText    uint64 = 1 << 6  // OFFER may have FlagText
	CapWide    uint64 = 1 << 7  // WideEntries may come before ACCEPT
	CapPaths   uint64 = 1 << 8  // PATHS and PUNCH may come
	CapMirror  uint64 = 1 << 9  // the receiver may ASK what the sources have
	CapRemarks uint64 = 1 << 10 // REMARK may come, of the kinds before RemarkEscaped
	CapNames   uint64 = 1 << 11 // REMARK of the kind RemarkEscaped may come
	CapPlace   uint64 = 1 << 12 // the sender may begin with PLACE
	CapStored  uint64 = 1 << 13 // REMARK of the kind RemarkStored may come
)

// Hello opens a connection, both ways.
type Hello struct {
	MinVersion, MaxVersion uint16
	Role                   Role
	Purpose                Purpose
	Method                 Method
	Capabilities           uint64
	Session                [16]byte // zero for PurposeNew
	Epoch                  uint32
	Stream                 uint16 // 0 for PurposeNew, at least 1 for PurposeStream
	Share                  []byte // PAKE share or nonce, at most maxShare
	// Machine is equal on both sides only if they are on one machine; zero, which it always
	// is with another purpose than PurposeNew, says nothing.
	Machine [16]byte
}

// ParseHello parses the body of a HELLO. Share aliases b. Bytes after the known
// fields are skipped: later versions may add some. Machine came so, and may be absent. If the peer's versions do not
// include ours, the error has CodeVersion, and MinVersion and MaxVersion are set all
// the same, so that the caller can name both ranges.
func ParseHello(b []byte) (Hello, error) {
	d := decoder{t: TypeHello, b: b}
	m := Hello{MinVersion: d.u16("lowest version"), MaxVersion: d.u16("highest version")}
	if d.err != nil {
		return Hello{}, d.err
	}
	if m.MinVersion == 0 || m.MinVersion > m.MaxVersion {
		d.fail("versions", errRange)
		return Hello{}, d.err
	}
	if m.MinVersion > Version || m.MaxVersion < Version {
		older := "here"
		if m.MaxVersion < Version {
			older = "there"
		}
		return Hello{MinVersion: m.MinVersion, MaxVersion: m.MaxVersion}, &Error{
			Type: TypeHello, Code: CodeVersion,
			Err: fmt.Errorf("protocol version %d here, %d to %d there: ferry has to be updated %s", Version, m.MinVersion, m.MaxVersion, older),
		}
	}
	m.Role = Role(d.u8("role"))
	m.Purpose = Purpose(d.u8("purpose"))
	m.Method = Method(d.u8("method"))
	m.Capabilities = d.u64("capabilities")
	copy(m.Session[:], d.raw("session", len(m.Session)))
	m.Epoch = d.u32("epoch")
	m.Stream = d.u16("stream")
	m.Share = d.bytes("share", 0, maxShare)
	m.check(&d)
	if d.err != nil {
		return Hello{}, d.err
	}
	if m.Purpose == PurposeNew && len(d.b) >= len(m.Machine) {
		copy(m.Machine[:], d.raw("machine", len(m.Machine)))
	}
	return m, nil
}

func (m *Hello) check(d *decoder) {
	if m.Role != RoleSender && m.Role != RoleReceiver {
		d.fail("role", errUnknown)
	}
	if m.Purpose < PurposeNew || m.Purpose > PurposeRejoin {
		d.fail("purpose", errUnknown)
	}
	if m.Method < MethodCode || m.Method > MethodSession {
		d.fail("method", errUnknown)
	}
	isNew := m.Purpose == PurposeNew
	if isNew != (m.Method != MethodSession) {
		d.fail("method", errMismatch)
	}
	if isNew != (m.Session == [16]byte{}) {
		d.fail("session", errMismatch)
	}
	if isNew && m.Stream != 0 || m.Purpose == PurposeStream && m.Stream == 0 {
		d.fail("stream", errMismatch)
	}
}

// Append appends the body to b.
func (m *Hello) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, m.MinVersion)
	b = binary.BigEndian.AppendUint16(b, m.MaxVersion)
	b = append(b, byte(m.Role), byte(m.Purpose), byte(m.Method))
	b = binary.BigEndian.AppendUint64(b, m.Capabilities)
	b = append(b, m.Session[:]...)
	b = binary.BigEndian.AppendUint32(b, m.Epoch)
	b = binary.BigEndian.AppendUint16(b, m.Stream)
	b = appendBytes(b, m.Share)
	if m.Machine != [16]byte{} {
		b = append(b, m.Machine[:]...)
	}
	return b
}
