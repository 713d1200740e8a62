package framing

import "encoding/binary"

// Receipt is the receiver's last word on the whole delivery.
type Receipt struct {
	Delivered, Same, Skipped, Failed uint64 // entries

	Bytes   uint64           // of content, of the entries counted as settled well
	Durable bool             // all of it was synced to stable storage without error
	Digest  [DigestSize]byte // over all files verified; PROTOCOL.md section 8
}

// ParseReceipt parses the body of a RECEIPT.
func ParseReceipt(b []byte) (Receipt, error) {
	d := decoder{t: TypeReceipt, b: b}
	m := Receipt{Delivered: d.uv("delivered", 0, MaxSize), Same: d.uv("same", 0, MaxSize)}
	m.Skipped = d.uv("skipped", 0, MaxSize)
	m.Failed = d.uv("failed", 0, MaxSize)
	m.Bytes = d.uv("bytes", 0, MaxSize)
	m.Durable = d.flag("durable")
	m.Digest = d.digest("digest")
	if err := d.end(); err != nil {
		return Receipt{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Receipt) Append(b []byte) []byte {
	for _, v := range [...]uint64{m.Delivered, m.Same, m.Skipped, m.Failed, m.Bytes} {
		b = binary.AppendUvarint(b, v)
	}
	b = appendFlag(b, m.Durable)
	return append(b, m.Digest[:]...)
}
