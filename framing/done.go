package framing

import (
	"encoding/binary"
	"iter"
)

// DoneStatus is how an entry was settled.
type DoneStatus uint8

// The statuses. Values are part of the wire format.
const (
	DoneDelivered DoneStatus = 1 // verified, under its final name
	DoneSame      DoneStatus = 2 // stood there already, by size and time
	DoneSkipped   DoneStatus = 3 // left alone at the user's word
	DoneRenamed   DoneStatus = 4 // verified, under another name
	DoneEqual     DoneStatus = 5 // stood there already, by the digests of both ends
	DoneReplaced  DoneStatus = 6 // verified, in the place of an older item
	// DoneSameAdjusted is DoneSame, and this delivery changed the item's metadata.
	DoneSameAdjusted DoneStatus = 7
	// DoneEqualAdjusted is DoneEqual, and this delivery changed the item's metadata.
	DoneEqualAdjusted DoneStatus = 8
	// DoneElsewhere is added to these four if the item stood under another name.
	DoneElsewhere DoneStatus = 64
)

// named reports whether a name follows the status.
func (s DoneStatus) named() bool { return s == DoneRenamed || s&DoneElsewhere != 0 }

// Done settles one entry. The entry is verified and not yet durable: RECEIPT says that.
type Done struct {
	ID     uint64
	Status DoneStatus
	Name   []byte // DoneRenamed and DoneElsewhere only: the item's name, 1 to MaxName bytes
	Code   Code   // DoneSkipped only: why; not CodeNone
}

// Append appends one record of a DONE.
func (m *Done) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.ID)
	b = append(b, byte(m.Status))
	switch {
	case m.Status.named():
		b = appendBytes(b, m.Name)
	case m.Status == DoneSkipped:
		b = append(b, byte(m.Code))
	}
	return b
}

// ParseDones iterates over the body of a DONE. Name aliases body. The iteration
// ends after the first error.
func ParseDones(body []byte) iter.Seq2[Done, error] {
	return records(decoder{t: TypeDone, b: body}, func(d *decoder) Done {
		m := Done{ID: d.uv("id", 1, MaxSize), Status: DoneStatus(d.u8("status"))}
		switch m.Status {
		case DoneDelivered, DoneSame, DoneEqual, DoneReplaced, DoneSameAdjusted, DoneEqualAdjusted:
		case DoneSkipped:
			m.Code = d.cause("code")
		case DoneRenamed, DoneSame | DoneElsewhere, DoneEqual | DoneElsewhere, DoneSameAdjusted | DoneElsewhere, DoneEqualAdjusted | DoneElsewhere:
			m.Name = d.bytes("name", 1, MaxName)
		default:
			d.fail("status", errUnknown)
		}
		return m
	})
}
