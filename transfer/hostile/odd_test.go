package hostile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/send"
)

// A stream that the receiver gives up must not keep the sender waiting for its
// source.
func TestStreamThatIsGivenUpEnds(t *testing.T) {
	a, b := deliverytest.Pair(t)
	source, feed, err := os.Pipe() // never closed while Send runs
	deliverytest.Must(t, err)
	defer feed.Close()
	defer source.Close()
	go func() {
		p := &peer{t: t, l: b}
		p.until(framing.TypeOffer)
		acc := framing.Accept{EntryWindow: 1 << 10, EntryBytes: 1 << 20, Streams: 1}
		p.send(framing.TypeAccept, acc.Append(nil))
		p.until(framing.TypeEntry)
		w := framing.Want{ID: 1, Kind: framing.WantAll}
		p.send(framing.TypeWant, w.Append(nil))
		f := framing.Fault{ID: 1, Code: framing.CodePermission}
		p.send(framing.TypeFault, f.Append(nil))
		p.until(framing.TypeEnd)
		r := framing.Receipt{Failed: 1}
		p.send(framing.TypeReceipt, r.Append(nil))
		p.until(framing.TypeBye)
		if err := b.Close(); err != nil {
			t.Logf("the peer closed with %v", err)
		}
	}()
	res, err := send.Send(t.Context(), a, send.Options{Sources: deliverytest.Stream("s", source)})
	if !errors.Is(err, transfer.ErrIncomplete) || len(res.Failures) != 1 || res.Failures[0].Code != framing.CodePermission {
		t.Errorf("ended with %v, %v", err, res.Failures)
	}
}

// A log that trickles in must not use up the credit before its first chunk is
// full.
func TestSlowStreamKeepsItsCredit(t *testing.T) {
	const pieces = 9000 // of 4 KiB credit each: more than there is
	dst, res, _, err := hostile(t, victim{}, func(p *peer) {
		p.offer()
		p.entries(1, framing.Entry{Kind: framing.KindStream, Name: []byte("log"), Mode: 0o644})
		p.end(1)
		credit := int64(0)
		spend := func() {
			for credit < 4<<10 {
				c, err := framing.ParseCredit(p.until(framing.TypeCredit))
				if err != nil {
					return
				}
				credit += int64(c.Bytes)
			}
			credit -= 4 << 10
		}
		spend()
		p.until(framing.TypeWant)
		for i := range uint64(pieces) {
			spend()
			h := framing.DataHeader{ID: 1, Offset: i}
			if i == pieces-1 {
				all := bytes.Repeat([]byte("x"), pieces)
				h.Flags, h.Check = framing.DataLast, checksum.Check(all, 0, false)
				defer p.fileEnd(framing.FileEnd{ID: 1, Size: pieces, Root: checksum.Sum(all), Chunks: 1})
			}
			p.data(h, []byte("x"))
		}
	})
	info, serr := os.Stat(filepath.Join(dst, "log"))
	if serr != nil || info.Size() != pieces || res.Delivered != 1 {
		t.Errorf("ended with %v; %v, %v", err, info, serr)
	}
}

// An attempt may end in the middle of a chunk: what came of it is dropped, and
// the next chunk begins.
func TestAttemptThatEndsInsideAChunk(t *testing.T) {
	content := bytes.Repeat([]byte("new "), 300<<10)
	dst, res, _, err := hostile(t, victim{}, func(p *peer) {
		p.offer()
		p.entries(1, file(0, "f", 3<<20))
		p.until(framing.TypeWant)
		p.data(framing.DataHeader{ID: 1}, make([]byte, 200<<10))
		c := framing.Changed{ID: 1, Attempt: 1, Mode: 0o644, Size: uint64(len(content))}
		p.send(framing.TypeChanged, c.Append(nil))
		p.end(1)
		p.data(framing.DataHeader{ID: 1, Offset: 200 << 10}, make([]byte, 100<<10))
		tree := checksum.NewTree(int64(len(content)))
		p.answer(func(w framing.Want) {
			if w.Attempt != 1 {
				return
			}
			for i := uint64(0); i<<20 < uint64(len(content)); i++ {
				chunk := content[i<<20 : min((i+1)<<20, uint64(len(content)))]
				for from := 0; from < len(chunk); from += 200 << 10 {
					piece := chunk[from:min(from+200<<10, len(chunk))]
					h := framing.DataHeader{ID: 1, Attempt: 1, Offset: i<<20 + uint64(from)}
					if from+len(piece) == len(chunk) {
						h.Flags, h.Check = framing.DataLast, checksum.Check(chunk, i, false)
						deliverytest.Must(t, tree.Set(i, h.Check))
					}
					p.data(h, piece)
				}
			}
			root, err := tree.Root()
			deliverytest.Must(t, err)
			p.fileEnd(framing.FileEnd{ID: 1, Attempt: 1, Size: uint64(len(content)), Root: root, Chunks: 2})
		})
	})
	got, rerr := os.ReadFile(filepath.Join(dst, "f"))
	if err != nil || res.Delivered != 1 || !bytes.Equal(got, content) {
		t.Errorf("ended with %v, %d delivered, %d bytes, %v", err, res.Delivered, len(got), rerr)
	}
}
