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

// entries announces all items in one frame and says END. The items are in the order of a
// walk.
func (s *script) entries() {
	all, end := s.walk()
	body := framing.AppendEntryHeader(nil, 1)
	for _, e := range all {
		body = e.Append(body)
	}
	s.say(fromSender, framing.TypeEntry, body)
	s.say(fromSender, framing.TypeEnd, end.Append(nil))
}

// entriesApart is entries with a frame for each record. END says that so many items could
// not be announced. After the entry of each path that is in then, its function is called.
func (s *script) entriesApart(failed uint64, then map[string]func()) {
	all, end := s.walk()
	next := uint64(1)
	for _, e := range all {
		s.say(fromSender, framing.TypeEntry, e.Append(framing.AppendEntryHeader(nil, next)))
		if e.Kind == framing.KindFolderEnd {
			continue
		}
		if after := then[s.items[next-1].path]; after != nil {
			after()
		}
		next++
	}
	end.Failed = failed
	s.say(fromSender, framing.TypeEnd, end.Append(nil))
}

// walk gives all items their ids. It returns their records, and END.
func (s *script) walk() (all []framing.Entry, end framing.End) {
	var open []string // folders that did not end
	leave := func(path string) {
		for len(open) > 0 && !strings.HasPrefix(path, open[len(open)-1]+"/") {
			all = append(all, framing.Entry{Kind: framing.KindFolderEnd, ID: s.ids[open[len(open)-1]]})
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
		all = append(all, e)
	}
	leave("")
	end.Entries = s.last
	return all, end
}

// accept accepts as ferry does, with credit for more than is asked for.
func (s *script) accept() { s.acceptBy(framing.Accept{Streams: 65535}) }

// acceptBy is accept, with the fields of a that are about content.
func (s *script) acceptBy(a framing.Accept) {
	a.EntryWindow, a.EntryBytes = 16384, 4<<20
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
