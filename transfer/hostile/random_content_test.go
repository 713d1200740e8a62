package hostile

import (
	"bytes"
	"math"

	"ferry/checksum"
	"ferry/framing"
)

// anyID is the number of an entry, or now and then of none.
func (s *randomSender) anyID() uint64 {
	if s.is.slips(50) {
		return s.is.size(0, s.last+1, math.MaxInt64)
	}
	return 1 + s.is.Uint64N(max(1, s.last))
}

// asked is a file that is asked for, taken off or not; a rude sender may have another.
func (s *randomSender) asked() (framing.Want, bool) {
	if s.is.slips(3) {
		return framing.Want{ID: s.anyID()}, true
	}
	return s.takeWant()
}

// fail gives up a file that is asked for.
func (s *randomSender) fail() {
	if w, ok := s.asked(); ok && w.ID > 0 {
		s.p.fault(framing.Fault{ID: w.ID, Code: framing.CodeUnreadable, Message: "\x1b]0;title\a\r\n"})
	}
}

// change is CHANGED, or only a sender that goes on with another size unsaid.
func (s *randomSender) change() {
	w, ok := s.asked()
	if !ok || s.streams[w.ID] && !s.is.slips(5) {
		return
	}
	c := framing.Changed{ID: w.ID, Attempt: w.Attempt + 1, Mode: 0o644, Size: s.is.size(0, 5, 1<<20, 2<<20)}
	s.sizes[c.ID], s.changes[c.ID] = c.Size, c.Attempt
	if !s.is.slips(3) {
		s.p.send(framing.TypeChanged, c.Append(nil))
	}
}

func (s *randomSender) takeWant() (framing.Want, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wants) == 0 {
		return framing.Want{}, false
	}
	i := s.is.IntN(len(s.wants))
	w := s.wants[i]
	s.wants = without(s.wants, i)
	void := w.Attempt < s.changes[w.ID] && !s.is.slips(5)
	return w, !void
}

// answerWant sends what one WANT asks for, rightly or nearly.
func (s *randomSender) answerWant() {
	w, ok := s.takeWant()
	if !ok {
		return
	}
	if s.streams[w.ID] && !s.is.slips(5) {
		s.sendStream(w)
		return
	}
	size := min(s.sizes[w.ID], 4<<20)
	if s.is.slips(20) {
		w.Attempt++
	}
	switch w.Kind {
	case framing.WantCheck:
		s.ends[fileAttempt{w.ID, w.Attempt}] = true
		s.p.fileEnd(framing.FileEnd{ID: w.ID, Attempt: w.Attempt, Size: s.sizes[w.ID]})
		return
	case framing.WantAll:
		if size <= 64<<10 && !s.is.oneIn(3) && (w.Attempt == 0 || s.is.rude) {
			data := plainContent(w.ID, 0, int(size))
			root := checksum.Sum(data)
			s.stated[root] = true
			if len(data) > 0 && s.is.oneIn(15) {
				data[0]++
			}
			s.p.pack(framing.Packed{ID: w.ID, Root: root, Data: data})
			return
		}
	case framing.WantPage:
		if len(w.Bitmap) > 0 && !s.is.slips(8) {
			c := framing.Checked{ID: w.ID, Attempt: w.Attempt, First: w.First, Count: w.Count, Bitmap: make([]byte, (w.Count+7)/8)}
			s.p.send(framing.TypeChecked, c.Append(nil))
		}
	}
	s.sendContent(w, size)
}

// sendContent sends a file by chunks, some of them zeros, few of them wrong.
func (s *randomSender) sendContent(w framing.Want, size uint64) {
	all := checksum.NewTree(int64(size))
	chunks := checksum.Chunks(int64(size))
	for i := range chunks {
		data := plainContent(w.ID, i, checksum.ChunkLen(int64(size), i))
		head := framing.DataHeader{ID: w.ID, Attempt: w.Attempt, Offset: i << 20}
		if len(data) == 1<<20 && s.is.oneIn(6) {
			head.Encoding, head.Flags = framing.EncodingZeros, framing.DataLast
			head.Check = checksum.Check(make([]byte, len(data)), i, chunks == 1)
			s.note(all, i, chunks, head.Check)
			s.p.data(head, []byte{0, 0x10, 0, 0})
			continue
		}
		check := checksum.Check(data, i, chunks == 1)
		s.note(all, i, chunks, check)
		const piece = 200 << 10
		for from := 0; from < len(data); from += piece {
			part, h := data[from:min(from+piece, len(data))], head
			h.Offset += uint64(from)
			if from+len(part) == len(data) {
				h.Flags, h.Check = framing.DataLast, check
				switch {
				case s.is.oneIn(30):
					h.Check[0]++
				case s.is.oneIn(30):
					part = bytes.Clone(part)
					part[0]++
				}
			}
			s.p.data(h, part)
			if s.is.slips(40) {
				return
			}
		}
	}
	if k := (fileAttempt{w.ID, w.Attempt}); size > 1<<20 && !s.ends[k] || s.is.slips(10) {
		s.ends[k] = true
		root, err := all.Root()
		if err == nil {
			s.stated[root] = true
		}
		if s.is.oneIn(10) {
			root[1]++
		}
		s.p.fileEnd(framing.FileEnd{ID: w.ID, Attempt: w.Attempt, Size: size, Root: root, Chunks: chunks})
	}
}

// sendStream sends what is of unknown length, to its end.
func (s *randomSender) sendStream(w framing.Want) {
	var all []byte
	size := int(s.is.size(0, 5, 70000, 1<<20, 1<<20+1))
	for i := uint64(0); len(all) < size; i++ {
		data := plainContent(w.ID, i, min(size-len(all), 1<<20))
		const piece = 200 << 10
		for from := 0; from < len(data); from += piece {
			part := data[from:min(from+piece, len(data))]
			h := framing.DataHeader{ID: w.ID, Attempt: w.Attempt, Offset: i<<20 + uint64(from)}
			if from+len(part) == len(data) {
				h.Flags, h.Check = framing.DataLast, checksum.Check(data, i, false)
			}
			s.p.data(h, part)
		}
		all = append(all, data...)
	}
	root := checksum.Sum(all)
	s.stated[root] = true
	s.p.fileEnd(framing.FileEnd{ID: w.ID, Attempt: w.Attempt, Size: uint64(size), Root: root, Chunks: uint64(size+1<<20-1) >> 20})
}

// note puts a chunk's check into the tree of its file; that of a single chunk is
// the file's digest.
func (s *randomSender) note(all *checksum.Tree, i, chunks uint64, check checksum.CV) {
	if chunks == 1 {
		s.stated[checksum.Digest(check)] = true
	}
	if err := all.Set(i, check); err != nil {
		s.p.t.Error(err)
	}
}

// plainContent is the content of a chunk of an entry.
func plainContent(id, index uint64, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(id*7 + index*3 + uint64(i))
	}
	return b
}
