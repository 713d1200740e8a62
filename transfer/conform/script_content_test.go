package conform

import (
	"encoding/binary"

	"ferry/checksum"
	"ferry/framing"
)

// The frames of a script that bring content, and those that settle entries.

// pack sends small files in one frame.
func (s *script) pack(paths ...string) {
	var body []byte
	for _, path := range paths {
		it := s.item(path)
		content := it.content(0, it.length)
		var root int
		body, root = framing.AppendPackedHeader(body, s.ids[path], it.length)
		sum := checksum.Sum(content)
		copy(body[root:], sum[:])
		body = append(body, content...)
	}
	s.say(fromSender, framing.TypePack, body)
}

// pieceBytes is the payload of a piece, as ferry cuts chunks.
const pieceBytes = 208 << 10

// data sends some chunks of a file.
func (s *script) data(path string, which ...int) {
	for _, i := range which {
		s.frames = append(s.frames, s.pieces(path, i, pieceBytes)...)
	}
}

// mostBytes is the most payload that a piece may have.
const mostBytes = 262092

// pieces are a chunk of a file, in pieces of n bytes.
func (s *script) pieces(path string, index, n int) (all []frame) {
	chunks, _, _ := s.chunks(path)
	checks, _ := s.checks(path)
	chunk := chunks[index]
	for from := 0; from < len(chunk); from += n {
		piece := chunk[from:min(from+n, len(chunk))]
		h := framing.DataHeader{ID: s.ids[path], Offset: uint64(index*checksum.ChunkSize + from)}
		if from+len(piece) == len(chunk) {
			h.Flags, h.Check = framing.DataLast, checks[index]
		}
		all = append(all, frame{from: fromSender, typ: framing.TypeData, body: append(framing.AppendDataHeader(nil, &h), piece...)})
	}
	return all
}

// zeros sends a file of one chunk of zeros by their number.
func (s *script) zeros(path string) {
	checks, _ := s.checks(path)
	h := framing.DataHeader{ID: s.ids[path], Flags: framing.DataLast, Encoding: framing.EncodingZeros, Check: checks[0]}
	n := binary.BigEndian.AppendUint32(nil, uint32(s.item(path).length))
	s.say(fromSender, framing.TypeData, append(framing.AppendDataHeader(nil, &h), n...))
}

// fileEnd ends a file of which so many chunks were sent.
func (s *script) fileEnd(path string, sent int) {
	_, _, root := s.chunks(path)
	f := framing.FileEnd{ID: s.ids[path], Size: uint64(s.item(path).length), Root: root, Chunks: uint64(sent)}
	s.say(fromSender, framing.TypeFileEnd, f.Append(nil))
}

// done settles items in one frame.
func (s *script) done(status framing.DoneStatus, paths ...string) {
	var body []byte
	for _, path := range paths {
		d := framing.Done{ID: s.ids[path], Status: status}
		s.count(d.Status, path)
		body = d.Append(body)
	}
	s.say(fromReceiver, framing.TypeDone, body)
}

// doneAs settles an item with all fields of d but the id.
func (s *script) doneAs(path string, d framing.Done) {
	d.ID = s.ids[path]
	s.count(d.Status, path)
	s.say(fromReceiver, framing.TypeDone, d.Append(nil))
}

// count notes for the receipt what DONE says of an item.
func (s *script) count(status framing.DoneStatus, path string) {
	it := s.item(path)
	hashed := false
	switch status &^ framing.DoneElsewhere {
	case framing.DoneDelivered, framing.DoneRenamed, framing.DoneReplaced:
		s.receipt.Delivered++
		s.receipt.Bytes += uint64(it.length)
		hashed = true
	case framing.DoneSkipped:
		s.receipt.Skipped++
	case framing.DoneEqual, framing.DoneEqualAdjusted:
		s.receipt.Same++
		hashed = true
	default:
		s.receipt.Same++
	}
	if hashed && it.kind == framing.KindFile {
		_, root := s.checks(path)
		s.sums.Add(s.ids[path], uint64(it.length), root)
	}
}

// fault gives an item up, or settles it so.
func (s *script) fault(from string, code framing.Code, path string) {
	if from == fromReceiver {
		s.receipt.Failed++
	}
	f := framing.Fault{ID: s.ids[path], Code: code}
	s.say(from, framing.TypeFault, f.Append(nil))
}

// warn says what could not be applied to an item.
func (s *script) warn(path string, what framing.Attributes, code framing.Code) {
	w := framing.Warn{ID: s.ids[path], Attrs: what, Code: code}
	s.say(fromReceiver, framing.TypeWarn, w.Append(nil))
}

// limit bounds the sender's rate, in bytes a second; 0 is no bound.
func (s *script) limit(rate uint64) {
	m := framing.Limited{Rate: rate}
	s.say(fromReceiver, framing.TypeLimit, m.Append(nil))
}

// finish is RECEIPT and BYE.
func (s *script) finish() {
	s.receipt.Durable, s.receipt.Digest = true, s.sums.Sum()
	s.say(fromReceiver, framing.TypeReceipt, s.receipt.Append(nil))
	s.bye(framing.CodeNone)
}

func (s *script) bye(code framing.Code) {
	b := framing.Bye{Code: code}
	s.say(fromSender, framing.TypeBye, b.Append(nil))
}
