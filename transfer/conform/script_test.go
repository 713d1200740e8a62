package conform

import (
	"bytes"
	"strings"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/framing/vector"
)

// script makes a session, frame by frame, from PROTOCOL.md and the items alone. Its
// methods are the frames. It keeps the books that both sides keep.
type script struct {
	*session
	t       *testing.T
	ids     map[string]uint64 // of the items announced
	last    uint64
	sums    checksum.Sumset
	receipt framing.Receipt
}

func newScript(t *testing.T, name, about string, items []item) *script {
	return &script{session: &session{name: name, about: about, items: items}, t: t, ids: make(map[string]uint64)}
}

func (s *script) say(from string, typ framing.Type, body []byte) {
	s.frames = append(s.frames, frame{from: from, typ: typ, body: body})
}

func (s *script) item(path string) item {
	for _, it := range s.items {
		if it.path == path {
			return it
		}
	}
	s.t.Fatalf("no item %q", path)
	return item{}
}

// ladder takes the frames of the handshake from its vectors.
func (s *script) ladder(name string) {
	stanzas, err := vector.Read("../../testdata/handshake/code.txt")
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range stanzas {
		v := &stanzas[i]
		if n, _ := v.Text("name"); n != name {
			continue
		}
		for _, f := range []struct{ from, key string }{
			{fromSender, "dialler-hello"}, {fromReceiver, "listener-hello"}, {fromSender, "dialler-proof"}, {fromReceiver, "listener-proof"},
		} {
			whole, err := v.Bytes(f.key)
			if err != nil {
				s.t.Fatal(err)
			}
			r := framing.NewReader(bytes.NewReader(whole))
			typ, _, err := r.Next()
			if err != nil {
				s.t.Fatal(err)
			}
			body, err := r.Body()
			if err != nil {
				s.t.Fatal(err)
			}
			s.say(f.from, typ, bytes.Clone(body))
		}
		return
	}
	s.t.Fatalf("no vector %q", name)
}

// offer offers the items at the top.
func (s *script) offer(exact bool) {
	o := framing.Offer{Exact: exact}
	for _, it := range s.items {
		if strings.Contains(it.path, "/") {
			continue
		}
		listed := framing.OfferItem{Kind: it.kind, Name: []byte(it.path)}
		if it.kind == framing.KindFile {
			listed.Size = uint64(it.length) + 1
			o.Bytes += uint64(it.length)
		}
		o.Items++
		o.Listed = append(o.Listed, listed)
	}
	s.say(fromSender, framing.TypeOffer, o.Append(nil))
}

// entries announces all items and says END. The items are in the order of a walk.
func (s *script) entries() {
	body := framing.AppendEntryHeader(nil, 1)
	var end framing.End
	var open []string // folders that did not end
	leave := func(path string) {
		for len(open) > 0 && !strings.HasPrefix(path, open[len(open)-1]+"/") {
			e := framing.Entry{Kind: framing.KindFolderEnd, ID: s.ids[open[len(open)-1]]}
			body = e.Append(body)
			open = open[:len(open)-1]
		}
	}
	for _, it := range s.items {
		leave(it.path)
		s.last++
		s.ids[it.path] = s.last
		e := framing.Entry{Kind: it.kind, Name: []byte(it.path), Mode: it.mode, Sec: it.sec, Size: uint64(it.length), Target: []byte(it.target)}
		if len(open) > 0 {
			above := open[len(open)-1]
			e.Parent, e.Name = s.ids[above], []byte(it.path[len(above)+1:])
		}
		switch it.kind {
		case framing.KindFolder:
			open = append(open, it.path)
		case framing.KindFile:
			end.Files++
			end.Bytes += uint64(it.length)
		}
		body = e.Append(body)
	}
	leave("")
	end.Entries = s.last
	s.say(fromSender, framing.TypeEntry, body)
	s.say(fromSender, framing.TypeEnd, end.Append(nil))
}

// accept accepts as ferry does, with credit for more than is asked for.
func (s *script) accept() {
	a := framing.Accept{EntryWindow: 16384, EntryBytes: 4 << 20, Streams: 65535}
	s.say(fromReceiver, framing.TypeAccept, a.Append(nil))
	s.credit(8 << 20)
}

func (s *script) credit(n uint32) {
	c := framing.Credit{Bytes: n}
	s.say(fromReceiver, framing.TypeCredit, c.Append(nil))
}

// want asks for the whole of some items in one frame.
func (s *script) want(paths ...string) {
	var body []byte
	for _, path := range paths {
		w := framing.Want{ID: s.ids[path], Kind: framing.WantAll}
		body = w.Append(body)
	}
	s.say(fromReceiver, framing.TypeWant, body)
}

// chunks returns the content of a file by chunks, with their CVs, and its root.
func (s *script) chunks(path string) (all [][]byte, cvs []checksum.CV, root checksum.Digest) {
	it := s.item(path)
	content := it.content(0, it.length)
	for i := range checksum.Chunks(int64(it.length)) {
		part := content[i*checksum.ChunkSize:][:checksum.ChunkLen(int64(it.length), i)]
		all, cvs = append(all, part), append(cvs, checksum.NewNode(part, i).CV())
	}
	return all, cvs, checksum.Sum(content)
}

// checks are what the chunks of a file are checked by, and its root.
func (s *script) checks(path string) (all [][32]byte, root checksum.Digest) {
	_, cvs, root := s.chunks(path)
	if len(cvs) == 1 {
		return [][32]byte{root}, root
	}
	for _, cv := range cvs {
		all = append(all, cv)
	}
	return all, root
}

// page states a file by one page: those of its chunks that are held, and those that
// the receiver takes for held, and are others.
func (s *script) page(path string, held, wrong []int) {
	checks, _ := s.checks(path)
	w := framing.Want{ID: s.ids[path], Kind: framing.WantPage, Last: true}
	for i := range checks {
		switch {
		case contains(wrong, i):
			checks[i][0] ^= 1
			fallthrough
		case contains(held, i):
			w.AddChunk(checks[i][:])
		default:
			w.AddChunk(nil)
		}
	}
	s.say(fromReceiver, framing.TypeWant, w.Append(nil))
}

// compare asks for the digest of a file alone.
func (s *script) compare(path string) {
	w := framing.Want{ID: s.ids[path], Kind: framing.WantCheck}
	s.say(fromReceiver, framing.TypeWant, w.Append(nil))
}

// again asks for some chunks once more.
func (s *script) again(path string, first, count uint64) {
	w := framing.Want{ID: s.ids[path], Kind: framing.WantAgain, First: first, Count: count}
	s.say(fromReceiver, framing.TypeWant, w.Append(nil))
}

// checked answers that page.
func (s *script) checked(path string, same ...int) {
	chunks, _, _ := s.chunks(path)
	c := framing.Checked{ID: s.ids[path], Count: uint64(len(chunks)), Bitmap: make([]byte, (len(chunks)+7)/8)}
	for _, i := range same {
		c.SetSame(uint64(i))
	}
	s.say(fromSender, framing.TypeChecked, c.Append(nil))
}

func contains(all []int, one int) bool {
	for _, i := range all {
		if i == one {
			return true
		}
	}
	return false
}

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
	chunks, _, _ := s.chunks(path)
	checks, _ := s.checks(path)
	for _, i := range which {
		for from := 0; from < len(chunks[i]); from += pieceBytes {
			piece := chunks[i][from:min(from+pieceBytes, len(chunks[i]))]
			h := framing.DataHeader{ID: s.ids[path], Offset: uint64(i*checksum.ChunkSize + from)}
			if from+len(piece) == len(chunks[i]) {
				h.Flags, h.Check = framing.DataLast, checks[i]
			}
			s.say(fromSender, framing.TypeData, append(framing.AppendDataHeader(nil, &h), piece...))
		}
	}
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
		body = d.Append(body)
		it := s.item(path)
		length := uint64(it.length)
		switch status {
		case framing.DoneDelivered:
			s.receipt.Delivered++
			s.receipt.Bytes += length
		default:
			s.receipt.Same++
		}
		if it.kind == framing.KindFile && (status == framing.DoneDelivered || status == framing.DoneEqual) {
			_, root := s.checks(path)
			s.sums.Add(d.ID, length, root)
		}
	}
	s.say(fromReceiver, framing.TypeDone, body)
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
