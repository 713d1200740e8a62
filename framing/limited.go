package framing

import "encoding/binary"

// MinLimit is the lowest rate that a LIMIT may set, in bytes a second: no frame is
// small enough to keep to a lower one.
const MinLimit = 16 << 10

// Limited tells the sender how fast it may send.
type Limited struct {
	Rate uint64 // bytes a second, at least MinLimit; 0: no limit
}

// ParseLimited parses the body of a LIMIT.
func ParseLimited(b []byte) (Limited, error) {
	d := decoder{t: TypeLimit, b: b}
	m := Limited{Rate: d.u64("rate")}
	if d.err == nil && m.Rate != 0 && (m.Rate < MinLimit || m.Rate > MaxSize) {
		d.fail("rate", errRange)
	}
	if err := d.end(); err != nil {
		return Limited{}, err
	}
	return m, nil
}

// Append appends the body.
func (m *Limited) Append(b []byte) []byte { return binary.BigEndian.AppendUint64(b, m.Rate) }
