package hostile

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/storage"
)

// rule is a script of a sender that breaks a rule.
type rule struct {
	name   string
	script func(*peer)
}

// large offers a file of 3 MiB and waits until it is asked for.
func large(p *peer) {
	p.offer()
	p.entries(1, file(0, "f", 3<<20))
	p.until(framing.TypeWant)
}

// raw sends body as it is once large was asked for.
func raw(t framing.Type, body ...byte) func(*peer) {
	return func(p *peer) { large(p); p.send(t, body) }
}

func TestHostileSenderBreaksRules(t *testing.T) {
	part := make([]byte, 200<<10)
	for _, rules := range [][]rule{orderRules(part), entryRules(), dataRules(part), bodyRules()} {
		for _, c := range rules {
			t.Run(c.name, func(t *testing.T) {
				dst, res, told, err := hostile(t, victim{}, c.script)
				wantCode(t, err, told, framing.CodeProtocol)
				if res.Files != 0 || res.Acknowledged {
					t.Errorf("delivered %d files", res.Files)
				}
				names, rerr := os.ReadDir(dst)
				deliverytest.Must(t, rerr)
				for _, d := range names { // folders and links are made as they come
					if d.Type().IsRegular() {
						t.Errorf("%s was published", d.Name())
					}
				}
			})
		}
	}
}

// orderRules are frames at the wrong time or from the wrong side.
func orderRules(part []byte) []rule {
	return []rule{
		{"H06 no offer", func(p *peer) { p.entries(1, file(0, "f", 1)) }},
		{"H06 an offer twice", func(p *peer) { p.offer(); p.offer() }},
		{"H06 a frame of the receiver", func(p *peer) {
			p.offer()
			c := framing.Credit{Bytes: 1}
			p.send(framing.TypeCredit, c.Append(nil))
		}},
		{"H06 ACCEPT from the sender", func(p *peer) {
			p.offer()
			a := framing.Accept{EntryWindow: 256, EntryBytes: 1, Streams: 1}
			p.send(framing.TypeAccept, a.Append(nil))
		}},
		{"H06 RECEIPT from the sender", func(p *peer) { p.offer(); p.send(framing.TypeReceipt, new(framing.Receipt).Append(nil)) }},
		{"H06 entries after END", func(p *peer) {
			p.offer()
			p.entries(1, folderEntry(0, "d"))
			p.end(1)
			p.entries(2, file(0, "f", 1))
		}},
		{"H06 END twice", func(p *peer) { p.offer(); p.entries(1, folderEntry(0, "d")); p.end(1); p.end(1) }},
		{"H06 END that miscounts", func(p *peer) { p.offer(); p.entries(1, file(0, "f", 1)); p.end(2) }},
		{"H06 FILEEND that was not asked for", func(p *peer) {
			p.offer()
			p.entries(1, folderEntry(0, "d"))
			p.fileEnd(framing.FileEnd{ID: 1})
		}},
		{"H06 CHECKED without a page", func(p *peer) {
			large(p)
			c := framing.Checked{ID: 1, Count: 1, Bitmap: []byte{1}}
			p.send(framing.TypeChecked, c.Append(nil))
		}},
		{"H06 CHANGED for what was not asked for", func(p *peer) {
			p.offer()
			p.entries(1, folderEntry(0, "d"))
			c := framing.Changed{ID: 1, Attempt: 1}
			p.send(framing.TypeChanged, c.Append(nil))
		}},
		{"H06 CHANGED to an attempt that is over", func(p *peer) {
			large(p)
			for _, attempt := range []uint8{2, 1} {
				c := framing.Changed{ID: 1, Attempt: attempt, Size: 3 << 20}
				p.send(framing.TypeChanged, c.Append(nil))
				p.until(framing.TypeWant)
			}
		}},
		{"H06 FAULT for an entry that was not announced", func(p *peer) {
			p.offer()
			f := framing.Fault{ID: 5, Code: framing.CodeUnreadable}
			p.send(framing.TypeFault, f.Append(nil))
		}},
		{"H15 too much at once about an entry", func(p *peer) {
			p.offer()
			for i := range uint64(70) { // more large files than are taken at once
				p.entries(i+1, file(0, string('A'+rune(i)), 3<<20))
			}
			for range 100 {
				f := framing.Fault{ID: 70, Code: framing.CodeUnreadable}
				p.send(framing.TypeFault, f.Append(nil))
			}
		}},
		{"H16 data that was not asked for", func(p *peer) {
			p.offer()
			p.entries(1, folderEntry(0, "d"))
			p.until(framing.TypeAccept)
			p.data(lastPiece(1, 0, part), part)
		}},
		{"H16 data of an unknown entry", func(p *peer) { p.offer(); p.until(framing.TypeAccept); p.data(lastPiece(7, 0, part), part) }},
		{"H16 a pack of what was not asked for", func(p *peer) {
			large(p)
			p.entries(2, folderEntry(0, "d"))
			p.pack(packed(2, "four"))
		}},
	}
}

// entryRules are announcements that contradict what went before.
func entryRules() []rule {
	return []rule{
		{"H06 ids that skip", func(p *peer) { p.offer(); p.entries(2, file(0, "f", 1)) }},
		{"H06 ids that repeat", func(p *peer) { p.offer(); p.entries(1, file(0, "f", 1)); p.entries(1, file(0, "g", 1)) }},
		{"H11 more entries than the window", func(p *peer) {
			p.offer()
			for first := uint64(1); first < 20_000; first += 1000 {
				var all []framing.Entry
				for i := range uint64(1000) {
					name := []byte{'a' + byte(i%26), 'a' + byte(i/26%26), 'a' + byte(i/676), byte('A' + first/1000)}
					all = append(all, file(0, string(name), 5))
				}
				p.entries(first, all...)
			}
		}},
		{"H11 more failed folders than the window", func(p *peer) {
			p.offer()
			for i := range uint64(20) {
				var bad []framing.Entry
				for range 1000 {
					bad = append(bad, folderEntry(0, ".."))
				}
				p.entries(i*1000+1, bad...)
			}
		}},
		{"H21 a parent that ended", func(p *peer) { p.offer(); p.entries(1, folderEntry(0, "d"), folderEnd(1), file(1, "f", 1)) }},
		{"H21 a parent that is a file", func(p *peer) { p.offer(); p.entries(1, file(0, "f", 1), file(1, "g", 1)) }},
		{"H21 a parent that is a link", func(p *peer) { p.offer(); p.entries(1, symlink(0, "l", "x"), file(1, "g", 1)) }},
		{"H21 a parent that comes later", func(p *peer) { p.offer(); p.entries(1, file(2, "g", 1), folderEntry(0, "d")) }},
		{"H21 a parent that is the entry itself", func(p *peer) { p.offer(); p.entries(1, folderEntry(1, "d")) }},
		{"H21 the end of a file", func(p *peer) { p.offer(); p.entries(1, file(0, "f", 1), folderEnd(1)) }},
		{"H21 the end of a folder twice", func(p *peer) {
			p.offer()
			p.entries(1, folderEntry(0, "d"), file(1, "f", 5), folderEnd(1), folderEnd(1))
		}},
		{"H26 a hard link that was not agreed on", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 1), framing.Entry{Kind: framing.KindHardLink, Name: []byte("h"), LinkTo: 1})
		}},
		{"H29 a device that was not agreed on", func(p *peer) {
			p.offer()
			p.entries(1, framing.Entry{Kind: framing.KindBlockDevice, Name: []byte("sda"), Mode: 0o666, Major: 8})
		}},
		{"H29 a FIFO that was not agreed on", func(p *peer) {
			p.offer()
			p.entries(1, framing.Entry{Kind: framing.KindFIFO, Name: []byte("p"), Mode: 0o666})
		}},
	}
}

// dataRules are contents that do not fit what was announced or asked for.
func dataRules(part []byte) []rule {
	return []rule{
		{"H03 past the end", func(p *peer) { large(p); p.data(lastPiece(1, 3, part), part) }},
		{"H03 a chunk that ends early", func(p *peer) { large(p); p.data(lastPiece(1, 0, part), part) }},
		{"H03 a chunk that ends late", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 1<<20+5))
			p.until(framing.TypeWant)
			p.data(lastPiece(1, 1, part), part)
		}},
		{"H03 pieces with a gap", func(p *peer) {
			large(p)
			p.data(framing.DataHeader{ID: 1}, part)
			p.data(framing.DataHeader{ID: 1, Offset: 2 * uint64(len(part))}, part)
		}},
		{"H03 pieces that overlap", func(p *peer) {
			large(p)
			p.data(framing.DataHeader{ID: 1}, part)
			p.data(framing.DataHeader{ID: 1, Offset: uint64(len(part)) - 1}, part)
		}},
		{"H03 a piece in the middle first", func(p *peer) { large(p); p.data(framing.DataHeader{ID: 1, Offset: 4096}, part) }},
		{"H03 two chunks at once", func(p *peer) {
			large(p)
			p.data(framing.DataHeader{ID: 1}, part)
			p.data(framing.DataHeader{ID: 1, Offset: 1 << 20}, part)
		}},
		{"H03 a piece across the end of its chunk", func(p *peer) { large(p); p.data(framing.DataHeader{ID: 1, Offset: 1<<20 - 10}, part) }},
		{"H03 an offset that overflows", func(p *peer) { large(p); p.data(framing.DataHeader{ID: 1, Offset: math.MaxInt64}, part[:1]) }},
		{"H03 a pack of another size", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 5))
			p.until(framing.TypeWant)
			p.pack(packed(1, "four"))
		}},
		{"H03 a pack of a large file", func(p *peer) { large(p); p.pack(packed(1, "four")) }},
		{"H03 FILEEND of another size", func(p *peer) { large(p); p.fileEnd(framing.FileEnd{ID: 1, Size: 4 << 20}) }},
		{"H03 FILEEND twice", func(p *peer) {
			large(p)
			p.fileEnd(framing.FileEnd{ID: 1, Size: 3 << 20})
			p.fileEnd(framing.FileEnd{ID: 1, Size: 3 << 20})
		}},
		{"H03 a stream with a hole", func(p *peer) {
			p.offer()
			p.entries(1, streamEntry("s"))
			p.until(framing.TypeWant)
			p.data(lastPiece(1, 5, part), part)
			p.fileEnd(framing.FileEnd{ID: 1, Size: uint64(len(part)), Chunks: 1})
		}},
		{"H08 an encoding that was not agreed on", func(p *peer) {
			large(p)
			p.data(framing.DataHeader{ID: 1, Encoding: framing.EncodingZstd}, part)
		}},
		{"H10 zeros of another length", func(p *peer) {
			large(p)
			p.data(framing.DataHeader{ID: 1, Flags: framing.DataLast, Encoding: framing.EncodingZeros}, framing.AppendZeros(nil, 5))
		}},
		{"H10 zeros for a stream", func(p *peer) {
			p.offer()
			p.entries(1, streamEntry("s"))
			p.until(framing.TypeWant)
			p.data(framing.DataHeader{ID: 1, Flags: framing.DataLast, Encoding: framing.EncodingZeros}, framing.AppendZeros(nil, 1<<20))
		}},
	}
}

// bodyRules are bodies that do not parse, each for another reason.
func bodyRules() []rule {
	ones := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01} // 2^64-1
	return []rule{
		{"H01 an overlong number", raw(framing.TypeEntry, 0x82, 0x00)},
		{"H01 a number of 65 bits", raw(framing.TypeEntry, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02)},
		{"H01 garbage", raw(framing.TypeEntry, 0xff, 0xff, 0xff)},
		{"H02 a name longer than its body", raw(framing.TypeEntry, 2, 1, 0, 0, 200, 'x')},
		{"H02 a name of 2^64-1 bytes", raw(framing.TypeEntry, append([]byte{2, 1, 0, 0}, ones...)...)},
		{"H02 a name of no bytes", raw(framing.TypeEntry, 2, 1, 0, 0, 0, 0, 0, 0, 0)},
		{"H02 a link to nothing", raw(framing.TypeEntry, 2, 3, 0, 0, 1, 'l', 0, 0, 0, 0)},
		{"H02 a pack longer than its body", raw(framing.TypePack, append([]byte{1}, ones...)...)},
		{"H02 END with bytes left over", raw(framing.TypeEnd, 1, 1, 1, 0, 0)},
		{"H02 CHECKED with another bitmap", raw(framing.TypeChecked, 1, 0, 0, 9, 1)},
		{"H02 a code of 0", raw(framing.TypeFault, 1, 0, 0)},
		{"H06 an unknown kind", raw(framing.TypeEntry, 2, 14, 0, 0, 1, 'x', 0, 0, 0)},
		{"H08 an unknown encoding", raw(framing.TypeData, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'x')},
		{"H08 flags that are not known", func(p *peer) {
			p.send(framing.TypeOffer, []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0})
		}},
		{"H15 a piece of nothing", raw(framing.TypeData, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)},
		{"H29 a mode beyond 07777", raw(framing.TypeEntry, 2, 1, 0, 0, 1, 'x', 0x80, 0x20, 0, 0, 0)},
	}
}

// Nothing that comes before the offer is accepted has an effect, and what may
// not come ends the question.
func TestHostileSenderBeforeAccept(t *testing.T) {
	part := make([]byte, 4096)
	for _, c := range []rule{
		{"H16 data", func(p *peer) { p.offer(); p.entries(1, file(0, "f", 4096)); p.data(lastPiece(1, 0, part), part) }},
		{"H16 a pack", func(p *peer) { p.offer(); p.entries(1, file(0, "f", 4)); p.pack(packed(1, "evil")) }},
		{"H06 a frame of the receiver", func(p *peer) { p.offer(); p.send(framing.TypeDone, []byte{1, 1}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := func(ctx context.Context, _ transfer.Offer, _ <-chan transfer.Extent) error {
				<-ctx.Done()
				return ctx.Err()
			}
			opened := false
			dst, _, told, err := hostile(t, victim{options: func(o *receive.Options) {
				d := o.Destination
				o.Accept, o.Open = asked, func() (storage.Destination, error) { opened = true; return d, nil }
			}}, c.script)
			wantCode(t, err, told, framing.CodeProtocol)
			if names, err := os.ReadDir(dst); err != nil || len(names) != 0 || opened {
				t.Errorf("before ACCEPT the destination was opened: %v; it has %v, %v", opened, names, err)
			}
		})
	}
}

// A sender that announces for ever before ACCEPT is held to the window, which is wide only if
// both sides offer that: what it announced is counted, nothing is written, and the question can be answered all the while.
func TestHostileSenderAnnouncesForEver(t *testing.T) {
	no := errors.New("no")
	batch := func(first, n uint64) (all []framing.Entry) {
		for i := range n {
			e := file(0, fmt.Sprint("f", first+i), 1<<60)
			if i%2 == 0 {
				e = folderEntry(0, fmt.Sprint("d", first+i))
			}
			all = append(all, e)
		}
		return all
	}
	for _, c := range []struct {
		about string
		caps  uint64
		most  int64
		over  bool // it goes on beyond the window
	}{
		{"to the end of the window", 0, 256, false}, {"beyond it", 0, 256, true},
		{"to the end of the wide window", framing.CapWide, 16384, false}, {"beyond that", framing.CapWide, 16384, true},
	} {
		t.Run(c.about, func(t *testing.T) {
			dst, _, told, err := hostile(t, victim{caps: c.caps, options: func(o *receive.Options) {
				o.Accept = func(ctx context.Context, _ transfer.Offer, grown <-chan transfer.Extent) error {
					var last transfer.Extent
					for last.Files+last.Folders < c.most || c.over {
						select {
						case last = <-grown:
							continue
						case <-ctx.Done():
						}
						return ctx.Err()
					}
					if want := (transfer.Extent{Files: c.most / 2, Folders: c.most / 2, Bytes: math.MaxInt64}); last != want {
						t.Errorf("%+v were counted, want %+v", last, want)
					}
					return no
				}
			}}, func(p *peer) {
				p.offer()
				first, n := uint64(1), uint64(c.most/16)
				for range 16 {
					p.entries(first, batch(first, n)...)
					first += n
				}
				if c.over {
					p.entries(first, file(0, "more", 1))
				} else if p.until(framing.TypeDecline) == nil {
					t.Error("the answer did not come")
				}
			})
			if c.over {
				wantCode(t, err, told, framing.CodeProtocol)
			} else if !errors.Is(err, no) {
				t.Errorf("it ended with %v", err)
			}
			if names, err := os.ReadDir(dst); err != nil || len(names) != 0 {
				t.Errorf("the destination has %v, %v", names, err)
			}
		})
	}
}
