//go:build unix

package conform

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"ferry/checksum"
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

// stream is all of the only entry, of one chunk.
func (s *speech) stream(content string) {
	h := framing.DataHeader{ID: 1, Flags: framing.DataLast, Check: [32]byte(checksum.NewNode([]byte(content), 0).CV())}
	s.say(framing.TypeData, append(framing.AppendDataHeader(nil, &h), content...))
	f := framing.FileEnd{ID: 1, Size: uint64(len(content)), Chunks: 1, Root: [32]byte(checksum.Sum([]byte(content)))}
	s.say(framing.TypeFileEnd, f.Append(nil))
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
	o := receive.Options{Destination: folder, Metadata: tree.Metadata{HardLinks: flags&framing.FlagHardLinks != 0}}
	o.Text = func(_, text string) error {
		if text != "hello" {
			t.Errorf("the text is %q", text)
		}
		return nil
	}
	a, done := receiverOf(t, o)
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
