package framing

import (
	"encoding/binary"
	"iter"
)

// Attributes are kinds of metadata, as bits.
type Attributes uint8

// The kinds. Values are part of the wire format.
const (
	AttrOwner   Attributes = 1 << iota // user or group
	AttrSpecial                        // set-user-id, set-group-id and sticky bits
	AttrXattrs                         // extended attributes but ACLs
	AttrACL                            // POSIX ACLs
	AttrTime                           // mtime

	// AttrMode is mode & 0777. The bits between stand for kinds that the program has and
	// that no WARN tells.
	AttrMode Attributes = 1 << 7

	attrsKnown = AttrTime<<1 - 1 | AttrMode
)

// Warn tells which attributes could not be applied to an entry that is delivered for
// the rest. An entry has one WARN at most.
type Warn struct {
	ID    uint64
	Attrs Attributes // not 0
	Code  Code       // why the first could not be applied; not CodeNone
}

// Append appends one record of a WARN.
func (m *Warn) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.ID)
	return append(b, byte(m.Attrs), byte(m.Code))
}

// ParseWarns iterates over the body of a WARN. The iteration ends after the
// first error.
func ParseWarns(body []byte) iter.Seq2[Warn, error] {
	return records(decoder{t: TypeWarn, b: body}, func(d *decoder) Warn {
		m := Warn{ID: d.uv("id", 1, MaxSize), Attrs: Attributes(d.u8("attributes"))}
		switch {
		case d.err != nil:
		case m.Attrs == 0:
			d.fail("attributes", errRange)
		case m.Attrs&^attrsKnown != 0:
			d.fail("attributes", errNotZero)
		}
		m.Code = d.cause("code")
		return m
	})
}
