package framing

import (
	"encoding/binary"
	"iter"
)

// RemarkKind is what a side tells the other that no verdict on an entry tells.
type RemarkKind uint8

// The kinds. Values are part of the wire format. From says which side may tell it.
const (
	RemarkNotice   RemarkKind = 1  // both: of something left out; Number 1: it could not be removed
	RemarkFailed   RemarkKind = 2  // both: an item failed that has no entry; Number is what it failed at
	RemarkWarned   RemarkKind = 3  // both: an item lacks some metadata, or stood there so; Number is what
	RemarkKept     RemarkKind = 4  // receiver: a backup was made, Text is its path
	RemarkDeleted  RemarkKind = 5  // receiver: an item was removed from the destination; Number is its size plus one
	RemarkUnsynced RemarkKind = 6  // receiver: why not all is durable
	RemarkRefused  RemarkKind = 7  // receiver: nothing is deleted; Number is why
	RemarkLanding  RemarkKind = 8  // receiver: the one item gets the name Text
	RemarkExcluded RemarkKind = 9  // sender: an item is left out by Text; Number 1: a folder
	RemarkRemoving RemarkKind = 10 // sender: it has the receipt, and removes sources
	RemarkRemoved  RemarkKind = 11 // sender: an item was removed from the source; Number is its size plus one
	RemarkStayed   RemarkKind = 12 // sender: Number items stay there, unchanged, and were not compared
	RemarkPlace    RemarkKind = 13 // receiver: the destination is Path, Text the marks of the machine and of that folder
	RemarkEscaped  RemarkKind = 14 // receiver: the entry Number, at Path by its own name, is stored at Text
	RemarkStored   RemarkKind = 15 // receiver: all is kept by the store Text, and Durable of RECEIPT is its word
	lastRemark                = RemarkStored
)

// What an item of RemarkFailed failed at.
const (
	FailedAnnouncing uint64 = 0 // at the sender: END counts it
	FailedDeleting   uint64 = 1 // at the receiver
	FailedRemoving   uint64 = 2 // at the sender; without a path: nothing, or nothing more, is removed
	failedKnown             = FailedRemoving
)

// Remark is one of them.
type Remark struct {
	Kind   RemarkKind
	Code   Code      // of a failure or a warning; else CodeNone
	Item   EntryKind // of an item that was removed; else 0
	Number uint64
	Path   []byte // of the item, as the side that tells calls it; at most MaxDeepPath
	Text   []byte // for people, or a path; at most MaxDeepPath
}

// Append appends one record of a REMARK. Longer paths and texts are cut.
func (m *Remark) Append(b []byte) []byte {
	b = append(b, byte(m.Kind), byte(m.Code), byte(m.Item))
	b = binary.AppendUvarint(b, m.Number)
	b = appendBytes(b, m.Path[:min(len(m.Path), MaxDeepPath)])
	return appendBytes(b, m.Text[:min(len(m.Text), MaxDeepPath)])
}

// ParseRemarks iterates over the body of a REMARK. Bytes alias body. The iteration ends
// after the first error.
func ParseRemarks(body []byte) iter.Seq2[Remark, error] {
	return records(decoder{t: TypeRemark, b: body}, func(d *decoder) Remark {
		m := Remark{Kind: RemarkKind(d.u8("kind")), Code: Code(d.u8("code")), Item: EntryKind(d.u8("item"))}
		if d.err == nil && (m.Kind == 0 || m.Kind > lastRemark) {
			d.fail("kind", errUnknown)
		}
		most := uint64(MaxSize)
		if m.Kind == RemarkFailed {
			most = failedKnown
		}
		m.Number = d.uv("number", 0, most)
		m.Path = d.bytes("path", 0, MaxDeepPath)
		m.Text = d.bytes("text", 0, MaxDeepPath)
		return m
	})
}
