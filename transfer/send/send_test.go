package send

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/progress"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// played is a delivery of named files and Readers over a link that is none of package link,
// to a receiver that the test plays.
type played struct {
	t    *testing.T
	link *fakeLink
	came chan frame // what the sender sent
	end  chan error
}

func play(t *testing.T, o Options) *played { return playWith(t, 0, o) }

// playWith is play with capabilities that both sides have.
func playWith(t *testing.T, caps uint64, o Options) *played {
	p := &played{t: t, came: make(chan frame, 1000), end: make(chan error, 1)}
	p.link = &fakeLink{
		stream: &fakeStream{come: make(chan frame, 1000), sent: func(ty framing.Type, body []byte) { p.came <- frame{ty, body} }},
		done:   make(chan struct{}), caps: caps,
	}
	go func() {
		_, err := Send(t.Context(), p.link, o)
		close(p.came)
		p.end <- err
	}()
	return p
}

// until returns the body of the next frame of that type. Others are passed over.
func (p *played) until(ty framing.Type) []byte {
	p.t.Helper()
	for f := range p.came {
		if f.t == ty {
			return f.body
		}
	}
	p.t.Fatalf("the sender ended without %v: %v", ty, <-p.end)
	return nil
}

func (p *played) say(ty framing.Type, body []byte) { p.link.stream.come <- frame{ty, body} }

// accept takes the offer, and asks for all of an entry when everything is announced: RECEIPT
// may not come before END.
func (p *played) accept(id uint64) {
	p.until(framing.TypeEntry)
	p.until(framing.TypeEnd)
	a := framing.Accept{EntryWindow: 1000, EntryBytes: 1 << 20, Streams: 1}
	c := framing.Credit{Bytes: 8 << 20}
	w := framing.Want{ID: id, Kind: framing.WantAll}
	p.say(framing.TypeAccept, a.Append(nil))
	p.say(framing.TypeCredit, c.Append(nil))
	p.say(framing.TypeWant, w.Append(nil))
}

// finish settles entry 1, of that content, and returns how the sender ended.
func (p *played) finish(content []byte, delivered uint64) error {
	d := framing.Done{ID: 1, Status: framing.DoneDelivered}
	p.say(framing.TypeDone, d.Append(nil))
	var sums checksum.Sumset
	sums.Add(1, uint64(len(content)), checksum.Sum(content))
	r := framing.Receipt{Delivered: delivered, Bytes: uint64(len(content)), Digest: sums.Sum(), Durable: true}
	p.say(framing.TypeReceipt, r.Append(nil))
	if bye, err := framing.ParseBye(p.until(framing.TypeBye)); err != nil {
		p.t.Errorf("BYE %v: %v", bye, err)
	}
	close(p.link.stream.come)
	return <-p.end
}

// A delivery needs nothing of a link but what the interfaces of package transfer say: here
// one goes over no connection at all.
func TestSendOverAnyLink(t *testing.T) {
	content := pattern(checksum.ChunkSize + 5)
	small := filepath.Join(t.TempDir(), "small")
	if err := os.WriteFile(small, content[:10], 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("a file", func(t *testing.T) {
		p := play(t, Options{Sources: []Source{{Source: tree.Source{Path: small, Name: "small"}}}})
		p.accept(1)
		if pack := p.until(framing.TypePack); !bytes.HasSuffix(pack, content[:10]) {
			t.Errorf("PACK %q", pack)
		}
		if err := p.finish(content[:10], 1); err != nil {
			t.Error(err)
		}
	})
	t.Run("a stream", func(t *testing.T) {
		p := play(t, Options{Sources: []Source{{Source: tree.Source{Name: "s"}, Reader: bytes.NewReader(content)}}})
		p.accept(1)
		var got []byte
		for len(got) < len(content) {
			_, payload := parsed(t, frame{framing.TypeData, p.until(framing.TypeData)})
			got = append(got, payload...)
		}
		p.until(framing.TypeFileEnd)
		if err := p.finish(content, 1); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d of %d bytes crossed: %v", len(got), len(content), err)
		}
	})
	t.Run("a receipt that lies", func(t *testing.T) {
		p := play(t, Options{Sources: []Source{{Source: tree.Source{Path: small, Name: "small"}}}})
		p.accept(1)
		p.until(framing.TypePack)
		var own *transfer.Error
		if err := p.finish(content[:10], 2); !errors.As(err, &own) || own.Code != framing.CodeDigest {
			t.Errorf("ended with %v", err)
		}
	})
}

// What a receiver may ask for ahead of the sending is bounded.
func TestTooManyWants(t *testing.T) {
	e := &entry{item: &tree.Item{Entry: tree.Entry{ID: 1, Kind: tree.File}}}
	page := &framing.Want{Kind: framing.WantPage, Count: 1, Bitmap: []byte{0}}
	for name, c := range map[string]struct {
		want *framing.Want
		most int
	}{
		"wants": {&framing.Want{Kind: framing.WantAgain, Count: 1}, maxWants},
		"pages": {page, 2 * 32},
	} {
		t.Run(name, func(t *testing.T) {
			q := newWants(progress.New(nil))
			for range 2 {
				for i := range c.most {
					if err := q.put(e, c.want); err != nil {
						t.Fatalf("want %d: %v", i, err)
					}
					q.add(want{entry: e, kind: wantDiffer}) // this side's own do not count
				}
				for w, ok, _ := q.try(); ok; w, ok, _ = q.try() {
					q.answered(w)
				}
			}
			for range c.most {
				if err := q.put(e, c.want); err != nil {
					t.Fatal(err)
				}
			}
			breaks(t, "one more", q.put(e, c.want))
		})
	}
}

// A walk that waits for verdicts is told when the delivery ends, and what it gathered has
// left. The window is wide only for a receiver that knows so wide a one.
func TestAnnouncerWaitsForTheWindow(t *testing.T) {
	for caps, want := range map[uint64]int{0: 256, ^framing.CapWide: 256, framing.CapWide: 16384} {
		if want > 256 && treetest.Wine() {
			continue // which makes as many folders in minutes
		}
		announcerWaits(t, caps, want)
	}
}

func announcerWaits(t *testing.T, caps uint64, want int) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		for i := range want + 10 {
			if err := os.Mkdir(filepath.Join(dir, strings.Repeat("d", i/200+1)+string(rune('一'+i%200))), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		p := playWith(t, caps, Options{Sources: []Source{{Source: tree.Source{Path: dir, Contents: true}}}})
		synctest.Wait()
		announced := 0
		for range len(p.came) {
			if f := <-p.came; f.t == framing.TypeEntry {
				for e, err := range framing.ParseEntries(f.body) {
					if err != nil {
						t.Fatal(err)
					}
					if e.Kind != framing.KindFolderEnd {
						announced++
					}
				}
			}
		}
		if announced != want {
			t.Errorf("with capabilities %#x %d entries are announced before ACCEPT, want %d", caps, announced, want)
		}
		bye := framing.Bye{Code: framing.CodeInterrupted}
		p.say(framing.TypeBye, bye.Append(nil))
		close(p.link.stream.come)
		var own *transfer.Error
		if err := <-p.end; !errors.As(err, &own) || own.Code != framing.CodeInterrupted {
			t.Errorf("ended with %v", err)
		}
	})
}
