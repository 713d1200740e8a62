//go:build unix

package conform

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"ferry/framing"
	"ferry/framing/vector"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/tree"
)

// offerVectors are those that PROTOCOL.md, section 10, describes: what may follow an
// offer, by sections 4.2 and 5.
const offerVectors = "../../testdata/offers/entries.txt"

// followed is an offer that is accepted, and what the sender says then.
type followed struct {
	name   string
	flags  uint32 // of the offer, and granted
	items  uint64 // 0: as many as are listed
	bytes  uint64
	exact  bool
	listed []framing.OfferItem
	says   func(*speech)
	broken bool // the last frame is a violation
}

// speech is what a sender says after its OFFER, each frame when the receiver has dealt
// with the one before.
type speech struct {
	frames []frame
	next   uint64      // id of the next entry
	sums   framing.End // of those before
}

func (s *speech) say(t framing.Type, body []byte) {
	s.frames = append(s.frames, frame{from: fromSender, typ: t, body: body})
}

// entries announces entries in one frame; of folder ends the ID counts.
func (s *speech) entries(all ...framing.Entry) {
	body := framing.AppendEntryHeader(nil, s.next)
	for _, e := range all {
		if e.Mode == 0 && e.Kind != framing.KindHardLink {
			e.Mode, e.Sec = 0o700, aWhile
		}
		body = e.Append(body)
		if e.Kind != framing.KindFolderEnd {
			s.next++
		}
		if e.Kind == framing.KindFile {
			s.sums.Files++
			s.sums.Bytes += e.Size
		}
	}
	s.say(framing.TypeEntry, body)
}

func (s *speech) end() {
	s.sums.Entries = s.next - 1
	s.say(framing.TypeEnd, s.sums.Append(nil))
}

func (s *speech) changed(id uint64, attempt uint8, size uint64) {
	c := framing.Changed{ID: id, Attempt: attempt, Mode: 0o600, Sec: aWhile, Size: size}
	s.say(framing.TypeChanged, c.Append(nil))
}

// piece is n bytes from the beginning of a stream entry.
func (s *speech) piece(id uint64, n int) {
	h := framing.DataHeader{ID: id}
	s.say(framing.TypeData, append(framing.AppendDataHeader(nil, &h), make([]byte, n)...))
}

func listed(kind framing.EntryKind, names ...string) (all []framing.OfferItem) {
	for _, name := range names {
		all = append(all, framing.OfferItem{Kind: kind, Name: []byte(name)})
	}
	return all
}

// many are n names that begin with prefix.
func many(prefix string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s%02d", prefix, i))
	}
	return names
}

func entry(kind framing.EntryKind, parent uint64, name string) framing.Entry {
	return framing.Entry{Kind: kind, Parent: parent, Name: []byte(name)}
}

func folder(parent uint64, name string) framing.Entry {
	return entry(framing.KindFolder, parent, name)
}

func ends(id uint64) framing.Entry { return framing.Entry{Kind: framing.KindFolderEnd, ID: id} }

func file(parent uint64, name string, size uint64) framing.Entry {
	e := entry(framing.KindFile, parent, name)
	e.Size = size
	return e
}

func symlink(parent uint64, name string) framing.Entry {
	e := entry(framing.KindSymlink, parent, name)
	e.Target = []byte("x")
	return e
}

func hardLink(name string, to uint64) framing.Entry {
	e := entry(framing.KindHardLink, 0, name)
	e.LinkTo = to
	return e
}

func linked(e framing.Entry) framing.Entry {
	e.Linked = true
	return e
}

// root is a root entry.
func root() framing.Entry { return framing.Entry{Kind: framing.KindRoot} }

// oneFile is an offer of one file of 5 bytes, and nothing else.
func oneFile(name string, broken bool, says func(*speech)) followed {
	return followed{name: name, bytes: 5, exact: true, listed: listed(framing.KindFile, "f"), says: says, broken: broken}
}

// offers are the vectors.
func offers() []followed {
	const (
		fileKind   = framing.KindFile
		folderKind = framing.KindFolder
		linkKind   = framing.KindSymlink
		rootKind   = framing.KindRoot
		hard       = framing.FlagHardLinks
	)
	two := append(listed(folderKind, "d"), listed(fileKind, "f")...)
	says := func(end bool, all ...framing.Entry) func(*speech) {
		return func(s *speech) {
			s.entries(all...)
			if end {
				s.end()
			}
		}
	}
	return []followed{
		{name: "all that was offered", listed: two, says: says(true, folder(0, "d"), symlink(1, "in it"), ends(1), file(0, "f", 5))},
		{name: "in another order, and less", listed: two, says: says(true, file(0, "f", 5))},
		{name: "nothing", listed: two, says: (*speech).end},
		{name: "nothing, and nothing offered", says: (*speech).end},
		{name: "one item too many", listed: two, says: says(false, folder(0, "d"), ends(1), file(0, "f", 5), file(0, "g", 5)), broken: true},
		{name: "a name that is not listed", listed: two, says: says(false, file(0, "g", 5)), broken: true},
		{name: "a listed name in a folder, and at the top", listed: two, says: says(true, folder(0, "d"), file(1, "f", 5), ends(1), file(0, "f", 5))},
		{name: "a listed name as another kind", listed: two, says: says(false, symlink(0, "f")), broken: true},
		{name: "a listed name twice", listed: two, says: says(false, file(0, "f", 5), file(0, "f", 5)), broken: true},
		{name: "a name that differs in case from a listed one", listed: two, says: says(false, file(0, "F", 5)), broken: true},
		{name: "a name of a state folder that is listed fails, and breaks no rule", listed: listed(fileKind, ".ferry-partial"), says: says(true, file(0, ".ferry-partial", 0))},
		{name: "a stream where a file is listed", listed: two, says: says(false, entry(framing.KindStream, 0, "f")), broken: true},

		{name: "a hard link that is listed as a file", flags: hard, listed: listed(fileKind, "f", "g"), says: says(true, linked(file(0, "f", 0)), hardLink("g", 1))},
		{name: "a hard link to a file, listed as a symbolic link", flags: hard, listed: append(listed(fileKind, "f"), listed(linkKind, "g")...),
			says: says(false, linked(file(0, "f", 0)), hardLink("g", 1)), broken: true},
		{name: "a hard link that was not granted", listed: listed(fileKind, "f", "g"), says: says(false, file(0, "f", 0), hardLink("g", 1)), broken: true},
		{name: "a hard link to an entry that has none", flags: hard, listed: listed(fileKind, "f", "g"), says: says(false, file(0, "f", 0), hardLink("g", 1)), broken: true},
		{name: "a hard link behind the last one", flags: hard, listed: listed(fileKind, "f", "g", "h"),
			says: says(false, linked(file(0, "f", 0)), hardLink("g", 1), hardLink("h", 1)), broken: true},
		{name: "a hard link to a hard link", flags: hard, listed: listed(fileKind, "f", "g", "h"),
			says: says(false, linked(file(0, "f", 0)), linked(hardLink("g", 1)), hardLink("h", 2)), broken: true},
		{name: "a FIFO that was not granted", listed: listed(framing.KindFIFO, "p"), says: says(false, entry(framing.KindFIFO, 0, "p")), broken: true},

		{name: "more than 64 items, one of them not listed", items: 66, listed: listed(fileKind, many("f", 64)...), says: says(true, file(0, "g", 0), file(0, "f00", 0))},
		{name: "more than 64 items, one not listed begins with a dot", items: 66, listed: listed(fileKind, many("f", 64)...), says: says(false, file(0, ".g", 0)), broken: true},
		{name: "the same, by U+200C before the dot", items: 66, listed: listed(fileKind, many("f", 64)...), says: says(false, file(0, "\u200c.g", 0)), broken: true},
		{name: "the same, and one listed begins with a dot", items: 66, listed: append(listed(fileKind, ".f"), listed(fileKind, many("f", 63)...)...),
			says: says(false, file(0, ".g", 0)), broken: true},
		{name: "the same, and all listed begin with a dot", items: 66, listed: listed(fileKind, many(".f", 64)...), says: says(true, file(0, ".g", 0), file(0, "g", 0))},
		{name: "more than 64 items: a listed name as another kind", items: 66, listed: listed(fileKind, many("f", 64)...), says: says(false, folder(0, "f00")), broken: true},
		{name: "more than 64 items, and 67 come", items: 66, listed: listed(fileKind, many("f", 64)...), says: func(s *speech) {
			var all []framing.Entry
			for _, name := range many("f", 67) {
				all = append(all, file(0, name, 0))
			}
			s.entries(all...)
		}, broken: true},

		{name: "a root entry that is not listed", listed: two, says: says(false, root()), broken: true},
		{name: "a root entry with any names in it", listed: listed(rootKind, ""), says: says(true, root(), file(1, "f", 0), folder(1, ".d"), ends(3), ends(1))},
		{name: "a name at the top beside a root entry", items: 2, listed: append(listed(rootKind, ""), listed(fileKind, "f")...),
			says: says(true, root(), ends(1), file(0, "f", 0))},
		{name: "a name at the top that is not listed beside a root entry", listed: append(listed(rootKind, ""), listed(fileKind, "f")...),
			says: says(false, root(), file(0, "g", 0)), broken: true},
		{name: "two root entries, each with an end", listed: listed(rootKind, "", ""), says: says(true, root(), file(1, "f", 0), ends(1), root(), file(3, "g", 0), ends(3))},
		{name: "two root entries, and one offered", listed: listed(rootKind, ""), says: says(false, root(), ends(1), root()), broken: true},

		oneFile("exact: what was offered", false, says(true, file(0, "f", 5))),
		oneFile("exact: fewer bytes", false, says(true, file(0, "f", 4))),
		oneFile("exact: a byte too many", true, says(false, file(0, "f", 6))),
		{name: "exact: an entry too many, in a folder", exact: true, listed: listed(folderKind, "d"), says: says(false, folder(0, "d"), symlink(1, "l")), broken: true},
		{name: "not exact: many in a folder", listed: listed(folderKind, "d"), says: says(true, folder(0, "d"), symlink(1, "l"), symlink(1, "m"), folder(1, "e"), ends(4), ends(1))},
		oneFile("exact: the file shrinks, and grows to what it had", false, func(s *speech) {
			s.entries(file(0, "f", 5))
			s.end()
			s.changed(1, 1, 0)
			s.changed(1, 2, 5)
		}),
		oneFile("exact: the file grows by a byte", true, func(s *speech) {
			s.entries(file(0, "f", 5))
			s.changed(1, 1, 6)
		}),
		{name: "not exact: the file grows by a byte", bytes: 5, listed: listed(fileKind, "f"), says: func(s *speech) {
			s.entries(file(0, "f", 5))
			s.end()
			s.changed(1, 1, 6)
		}},
		{name: "exact: two files, of which one takes the other's bytes", bytes: 5, exact: true, listed: listed(fileKind, "f", "g"), says: func(s *speech) {
			s.entries(file(0, "f", 5))
			s.changed(1, 1, 0)
			s.entries(file(0, "g", 1))
		}, broken: true},
		{name: "exact: a stream with the bytes offered", bytes: 5, exact: true, listed: listed(framing.KindStream, "s"), says: func(s *speech) {
			s.entries(entry(framing.KindStream, 0, "s"))
			s.end()
			s.piece(1, 5)
		}},
		{name: "exact: a stream with a byte more", bytes: 5, exact: true, listed: listed(framing.KindStream, "s"), says: func(s *speech) {
			s.entries(entry(framing.KindStream, 0, "s"))
			s.piece(1, 6)
		}, broken: true},

		{name: "a first id that is not the next", listed: two, says: func(s *speech) { s.next = 2; s.entries(file(0, "f", 0)) }, broken: true},
		{name: "an id again", listed: two, says: func(s *speech) { s.entries(file(0, "f", 0)); s.next = 1; s.entries(folder(0, "d")) }, broken: true},
		{name: "a parent that is no folder", listed: two, says: says(false, file(0, "f", 0), file(1, "g", 0)), broken: true},
		{name: "a parent that has ended", listed: two, says: says(false, folder(0, "d"), ends(1), file(1, "g", 0)), broken: true},
		{name: "a folder that ends twice", listed: two, says: says(false, folder(0, "d"), ends(1), ends(1)), broken: true},
		{name: "the end of a file", listed: two, says: says(false, file(0, "f", 0), ends(1)), broken: true},
		{name: "END that counts an entry more", listed: two, says: func(s *speech) { s.entries(file(0, "f", 0)); s.next++; s.end() }, broken: true},
		{name: "ENTRY after END", listed: two, says: func(s *speech) { s.entries(file(0, "f", 5)); s.end(); s.entries(folder(0, "d")) }, broken: true},
		{name: "END twice", listed: two, says: func(s *speech) { s.entries(file(0, "f", 5)); s.end(); s.end() }, broken: true},
	}
}

// offer is the frame that begins it.
func (v *followed) offer() frame {
	o := framing.Offer{Flags: v.flags, Items: max(v.items, uint64(len(v.listed))), Bytes: v.bytes, Exact: v.exact, Listed: v.listed}
	return frame{from: fromSender, typ: framing.TypeOffer, body: o.Append(nil)}
}

func (v *followed) stanza(t *testing.T) (s vector.Stanza) {
	whole := func(frames ...frame) []byte {
		var b bytes.Buffer
		for _, f := range frames {
			if err := framing.NewWriter(&b).WriteFrame(f.typ, f.body); err != nil {
				t.Fatal(err)
			}
		}
		return b.Bytes()
	}
	said := v.said()
	s.Add("name", v.name)
	s.AddNumber("flags", uint64(v.flags))
	s.AddBytes("offer", whole(v.offer()))
	s.AddBytes("frames", whole(said...))
	if v.broken {
		s.Add("expect", "violation")
	} else {
		s.Add("expect", "ok")
	}
	return s
}

// said are the frames behind the offer.
func (v *followed) said() []frame {
	s := &speech{next: 1}
	v.says(s)
	return s.frames
}

// framesOf takes whole frames apart.
func framesOf(t *testing.T, v *vector.Stanza, key string) (all []frame) {
	t.Helper()
	text, err := v.Bytes(key)
	if err != nil {
		t.Fatal(err)
	}
	r := framing.NewReader(bytes.NewReader(text))
	for {
		typ, _, err := r.Next()
		if err != nil {
			return all
		}
		body, err := r.Body()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, frame{from: fromSender, typ: typ, body: bytes.Clone(body)})
	}
}

// TestOfferVectors makes the vectors, and plays those of the file to a real receiver.
func TestOfferVectors(t *testing.T) {
	var made []vector.Stanza
	for _, v := range offers() {
		made = append(made, v.stanza(t))
	}
	vector.Compare(t, offerVectors, "What may follow an offer that was accepted. Frames are said one after another, each when the one before\nwas dealt with. A violation is in the last one; ok are all.\n", made, *update)
	stored, err := vector.Read(offerVectors)
	if err != nil {
		t.Fatal(err)
	}
	for i := range stored {
		v := &stored[i]
		name, _ := v.Text("name")
		expect, _ := v.Text("expect")
		flags, err := v.Number("flags")
		if err != nil {
			t.Fatal(err)
		}
		dst := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			got := followOffer(t, dst, uint32(flags), append(framesOf(t, v, "offer"), framesOf(t, v, "frames")...))
			if got != expect {
				t.Errorf("%s: %s, want %s", name, got, expect)
			}
		})
	}
}

// followOffer says frames to a real receiver, and tells whether the last one, and none
// before, broke a rule for it.
func followOffer(t *testing.T, dst string, flags uint32, frames []frame) string {
	folder, err := local.NewFolder(dst, local.FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	a, done := receiverOf(t, receive.Options{Destination: folder, Metadata: tree.Metadata{HardLinks: flags&framing.FlagHardLinks != 0}})
	said, read := hear(a)
	got := "ok"
	for i, f := range frames {
		if err := a.Stream(0).Send(true, f.typ, f.body); err != nil && got == "ok" {
			t.Fatal(err)
		}
		synctest.Wait()
		if left := said.farewell(); left != "" && got == "ok" {
			got = left
			if left == "BYE {Code:65}" {
				got = "violation"
			}
			if i != len(frames)-1 {
				got += " too early"
			}
		}
	}
	a.Abort(errors.New("enough"))
	_ = a.Close()
	<-read
	<-done
	return got
}

// farewell is the BYE that came, or nothing.
func (l *ledger) farewell() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, text := range l.said["the delivery"] {
		if strings.HasPrefix(text, "BYE ") {
			return text
		}
	}
	return ""
}
