package transfer_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
)

// peer plays one side by hand, over a link that is proven: what a stranger with
// the code could do.
type peer struct {
	t *testing.T
	l *link.Link
}

func pair(t *testing.T) (sender, receiver *link.Link) {
	t.Helper()
	a, b, err := link.Pipe(link.Config{Role: link.Sender}, link.Config{Role: link.Receiver})
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

func (p *peer) send(ty framing.Type, body []byte) {
	// The other side may have left by now, which is what most cases want.
	_ = p.l.Stream(0).Send(true, ty, body)
}

// until reads frames until one of type ty came, and returns its body.
func (p *peer) until(ty framing.Type) []byte {
	for {
		got, _, err := p.l.Stream(0).Next()
		if err != nil {
			return nil
		}
		body, err := p.l.Stream(0).Body()
		if err != nil {
			return nil
		}
		if got == ty {
			return append([]byte(nil), body...)
		}
	}
}

// answer plays a sender to the end: answers each WANT, and the receipt with BYE.
func (p *peer) answer(want func(framing.Want)) {
	for {
		t, _, err := p.l.Stream(0).Next()
		if err != nil {
			return
		}
		body, err := p.l.Stream(0).Body()
		if err != nil {
			return
		}
		switch t {
		case framing.TypeWant:
			for w, err := range framing.ParseWants(body) {
				if err == nil {
					want(w)
				}
			}
		case framing.TypeReceipt:
			var bye framing.Bye
			p.send(framing.TypeBye, bye.Append(nil))
			return
		case framing.TypeBye:
			return
		}
	}
}

func (p *peer) offer() {
	o := framing.Offer{Items: 1}
	p.send(framing.TypeOffer, o.Append(nil))
}

func (p *peer) entries(first uint64, entries ...framing.Entry) {
	b := framing.AppendEntryHeader(nil, first)
	for _, e := range entries {
		b = e.Append(b)
	}
	p.send(framing.TypeEntry, b)
}

func (p *peer) end(entries uint64) {
	e := framing.End{Entries: entries}
	p.send(framing.TypeEnd, e.Append(nil))
}

func (p *peer) pack(records ...framing.Packed) {
	var b []byte
	for _, r := range records {
		b = r.Append(b)
	}
	p.send(framing.TypePack, b)
}

func (p *peer) data(h framing.DataHeader, payload []byte) {
	p.send(framing.TypeData, append(framing.AppendDataHeader(nil, &h), payload...))
}

func (p *peer) fileEnd(f framing.FileEnd) { p.send(framing.TypeFileEnd, f.Append(nil)) }

func file(parent uint64, name string, size uint64) framing.Entry {
	return framing.Entry{Parent: parent, Kind: framing.KindFile, Name: []byte(name), Mode: 0o644, Size: size}
}

func folderEntry(parent uint64, name string) framing.Entry {
	return framing.Entry{Parent: parent, Kind: framing.KindFolder, Name: []byte(name), Mode: 0o755}
}

func symlink(parent uint64, name, target string) framing.Entry {
	return framing.Entry{Parent: parent, Kind: framing.KindSymlink, Name: []byte(name), Mode: 0o777, Target: []byte(target)}
}

func packed(id uint64, data string) framing.Packed {
	return framing.Packed{ID: id, Root: checksum.Sum([]byte(data)), Data: []byte(data)}
}

// lastPiece is the header of a chunk that comes in one piece, rightly hashed.
func lastPiece(id, index uint64, payload []byte) framing.DataHeader {
	return framing.DataHeader{ID: id, Flags: framing.DataLast, Offset: index << 20, Check: checksum.Check(payload, index, false)}
}

// hostile runs script against a receiver whose destination is inside a folder
// with a canary, and returns what Receive made of it.
func hostile(t *testing.T, prepare func(dst string), script func(*peer)) (dst string, res transfer.Result, err error) {
	t.Helper()
	outer := t.TempDir()
	dst = filepath.Join(outer, "dst")
	must(t, os.Mkdir(dst, 0o755))
	must(t, os.WriteFile(filepath.Join(outer, "canary"), []byte("alive"), 0o644))
	if prepare != nil {
		prepare(dst)
	}
	d, derr := transfer.NewFolder(dst, transfer.FolderOptions{})
	must(t, derr)
	a, b := pair(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := &peer{t, a}
		script(p)
		p.answer(func(framing.Want) {}) // the verdict, before the end of the connection is one
		if cerr := a.Close(); cerr != nil {
			t.Logf("the peer closed with %v", cerr)
		}
	}()
	res, err = transfer.Receive(ctx, b, transfer.ReceiveOptions{Destination: d, OnConflict: transfer.ConflictOverwrite})
	<-done
	must(t, d.Close())
	if ctx.Err() != nil {
		t.Error("it did not end by itself")
	}
	names, rerr := os.ReadDir(outer)
	must(t, rerr)
	if len(names) != 2 {
		t.Errorf("beside the destination: %v", names)
	}
	if b, err := os.ReadFile(filepath.Join(outer, "canary")); err != nil || string(b) != "alive" {
		t.Errorf("the canary says %q, %v", b, err)
	}
	return dst, res, err
}

func TestHostileSenderBreaksRules(t *testing.T) {
	chunk := make([]byte, 200<<10)
	for _, c := range []struct {
		name   string
		script func(*peer)
	}{
		{"no offer", func(p *peer) { p.entries(1, file(0, "f", 1)) }},
		{"a frame of the receiver", func(p *peer) {
			p.offer()
			c := framing.Credit{Bytes: 1}
			p.send(framing.TypeCredit, c.Append(nil))
		}},
		{"ids that skip", func(p *peer) { p.offer(); p.entries(2, file(0, "f", 1)) }},
		{"ids that repeat", func(p *peer) { p.offer(); p.entries(1, file(0, "f", 1)); p.entries(1, file(0, "g", 1)) }},
		{"a parent that ended", func(p *peer) {
			p.offer()
			p.entries(1, folderEntry(0, "d"), framing.Entry{Kind: framing.KindFolderEnd, ID: 1}, file(1, "f", 1))
		}},
		{"a parent that is a file", func(p *peer) { p.offer(); p.entries(1, file(0, "f", 1), file(1, "g", 1)) }},
		{"the end of a file", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 1), framing.Entry{Kind: framing.KindFolderEnd, ID: 1})
		}},
		{"entries after END", func(p *peer) { p.offer(); p.end(0); p.entries(1, file(0, "f", 1)) }},
		{"END that miscounts", func(p *peer) { p.offer(); p.entries(1, file(0, "f", 1)); p.end(2) }},
		{"more entries than the window", func(p *peer) {
			p.offer()
			for first := uint64(1); first < 20_000; first += 1000 {
				var all []framing.Entry
				for i := range uint64(1000) {
					all = append(all, file(0, string(binary.BigEndian.AppendUint64([]byte("f"), first+i)[:1])+"x", 5))
					all[i].Name = []byte{'a' + byte(i%26), 'a' + byte(i/26%26), 'a' + byte(i/676), byte('A' + first/1000)}
				}
				p.entries(first, all...)
			}
		}},
		{"data that was not asked for", func(p *peer) {
			p.offer()
			p.entries(1, folderEntry(0, "d"))
			p.until(framing.TypeAccept)
			p.data(lastPiece(1, 0, chunk), chunk)
		}},
		{"data of an unknown entry", func(p *peer) { p.offer(); p.until(framing.TypeAccept); p.data(lastPiece(7, 0, chunk), chunk) }},
		{"data past the end", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 3<<20))
			p.until(framing.TypeWant)
			p.data(lastPiece(1, 3, chunk), chunk)
		}},
		{"a chunk that ends early", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 3<<20))
			p.until(framing.TypeWant)
			p.data(lastPiece(1, 0, chunk), chunk)
		}},
		{"pieces with a gap", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 3<<20))
			p.until(framing.TypeWant)
			p.data(framing.DataHeader{ID: 1}, chunk)
			p.data(framing.DataHeader{ID: 1, Offset: 2 * uint64(len(chunk))}, chunk)
		}},
		{"two chunks at once", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 3<<20))
			p.until(framing.TypeWant)
			p.data(framing.DataHeader{ID: 1}, chunk)
			p.data(framing.DataHeader{ID: 1, Offset: 1 << 20}, chunk)
		}},
		{"an encoding that was not agreed on", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 3<<20))
			p.until(framing.TypeWant)
			p.data(framing.DataHeader{ID: 1, Encoding: framing.EncodingZstd}, chunk)
		}},
		{"zeros of another length", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 3<<20))
			p.until(framing.TypeWant)
			p.data(framing.DataHeader{ID: 1, Flags: framing.DataLast, Encoding: framing.EncodingZeros}, framing.AppendZeros(nil, 5))
		}},
		{"a pack of another size", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 5))
			p.until(framing.TypeWant)
			p.pack(packed(1, "four"))
		}},
		{"FILEEND before all data", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 3<<20))
			p.until(framing.TypeWant)
			p.fileEnd(framing.FileEnd{ID: 1, Size: 4 << 20})
		}},
		{"more than the credit", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 1<<40))
			p.until(framing.TypeWant)
			for i := range uint64(1 << 10) {
				for from := range uint64(4) {
					p.data(framing.DataHeader{ID: 1, Offset: i<<20 + from*uint64(len(chunk))}, chunk)
				}
				p.data(framing.DataHeader{ID: 1, Offset: i<<20 + 4*uint64(len(chunk)), Flags: framing.DataLast}, make([]byte, 1<<20-4*len(chunk)))
			}
		}},
		{"CHANGED for what was not asked for", func(p *peer) {
			p.offer()
			p.entries(1, folderEntry(0, "d"))
			c := framing.Changed{ID: 1, Attempt: 1}
			p.send(framing.TypeChanged, c.Append(nil))
		}},
		{"CHECKED without a page", func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 3<<20))
			p.until(framing.TypeWant)
			c := framing.Checked{ID: 1, Count: 1, Bitmap: []byte{1}}
			p.send(framing.TypeChecked, c.Append(nil))
		}},
		{"the end of a folder twice", func(p *peer) {
			p.offer()
			e := framing.Entry{Kind: framing.KindFolderEnd, ID: 1}
			p.entries(1, folderEntry(0, "d"), file(1, "f", 5), e, e)
		}},
		{"too much at once about an entry", func(p *peer) {
			p.offer()
			for i := range uint64(70) { // more large files than are taken at once
				p.entries(i+1, file(0, string('A'+rune(i)), 3<<20))
			}
			for range 100 {
				f := framing.Fault{ID: 70, Code: framing.CodeUnreadable}
				p.send(framing.TypeFault, f.Append(nil))
			}
		}},
		{"more failed folders than the window", func(p *peer) {
			p.offer()
			for i := range uint64(20) {
				var bad []framing.Entry
				for range 1000 {
					bad = append(bad, folderEntry(0, ".."))
				}
				p.entries(i*1000+1, bad...)
			}
		}},
		{"a size that overflows", func(p *peer) { p.offer(); p.entries(1, file(0, "a", 5), file(0, "b", 1<<63-1)) }},
		{"a hard link", func(p *peer) { p.offer(); p.send(framing.TypeEntry, []byte{1, 4, 0, 0, 1, 'h'}) }},
		{"garbage", func(p *peer) { p.offer(); p.send(framing.TypeEntry, []byte{0xff, 0xff, 0xff}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, res, err := hostile(t, nil, c.script)
			var e *transfer.Error
			if !errors.As(err, &e) || e.Code != framing.CodeProtocol && e.Code != framing.CodeNoSpace {
				t.Errorf("ended with %v", err)
			}
			if res.Files != 0 || res.Acknowledged {
				t.Errorf("delivered %d files", res.Files)
			}
		})
	}
}

func TestHostileNamesAreRefused(t *testing.T) {
	for _, name := range []string{".", "..", "a/b", "/etc/passwd", "../x", "a\x00b", "a/", ".ferry-partial"} {
		dst, res, err := hostile(t, nil, func(p *peer) {
			p.offer()
			p.entries(1, file(0, name, 4), folderEntry(0, name), file(2, "inside", 4), framing.Entry{Kind: framing.KindFolderEnd, ID: 2},
				symlink(0, name, "fine"), file(0, "good", 4))
			p.end(5)
			p.answer(func(framing.Want) { p.pack(packed(5, "good")) })
		})
		if !errors.Is(err, transfer.ErrIncomplete) || res.Failed != 4 || res.Delivered != 1 {
			t.Errorf("%q: %v, %d failed, %d delivered", name, err, res.Failed, res.Delivered)
		}
		names, err := os.ReadDir(dst)
		if err != nil || len(names) != 1 || names[0].Name() != "good" {
			t.Errorf("%q: the destination has %v, %v", name, names, err)
		}
	}
}

// A link that is in the way, planted before or sent by the peer, is never
// written through.
func TestNoWriteGoesThroughALink(t *testing.T) {
	run := func(prepare func(dst string), entries ...framing.Entry) (string, transfer.Result, error) {
		return hostile(t, prepare, func(p *peer) {
			p.offer()
			p.entries(1, entries...)
			p.end(uint64(len(entries) - 1))
			p.answer(func(w framing.Want) { p.pack(packed(w.ID, "evil")) })
		})
	}
	dst, _, _ := run(func(dst string) { must(t, os.Symlink("..", filepath.Join(dst, "d"))) },
		folderEntry(0, "d"), file(1, "canary", 4), framing.Entry{Kind: framing.KindFolderEnd, ID: 1})
	if target, err := os.Readlink(filepath.Join(dst, "d")); err != nil || target != ".." {
		t.Errorf("the planted link is %q, %v", target, err)
	}
	run(nil, symlink(0, "d", "sub"), folderEntry(0, "d"), file(2, "canary", 4), framing.Entry{Kind: framing.KindFolderEnd, ID: 2})
	run(func(dst string) { must(t, os.Symlink("../canary", filepath.Join(dst, "f"))) }, file(0, "f", 4), file(0, "f", 4))
}

func TestWrongBytesAreNeverPublished(t *testing.T) {
	dst, res, err := hostile(t, nil, func(p *peer) {
		p.offer()
		p.entries(1, file(0, "small", 4), file(0, "large", 2<<20))
		p.end(2)
		p.answer(func(w framing.Want) {
			if w.ID == 1 {
				p.pack(framing.Packed{ID: 1, Root: checksum.Sum([]byte("good")), Data: []byte("evil")})
				return
			}
			part := make([]byte, 1<<18-1024)
			base := w.First << 20
			for from := range uint64(4) {
				p.data(framing.DataHeader{ID: 2, Attempt: w.Attempt, Offset: base + from*uint64(len(part))}, part)
			}
			p.data(framing.DataHeader{ID: 2, Attempt: w.Attempt, Offset: base + 4*uint64(len(part)), Flags: framing.DataLast}, part[:4096])
		})
	})
	if err == nil || res.Delivered != 0 {
		t.Errorf("ended with %v, %d delivered", err, res.Delivered)
	}
	var digest int
	for _, f := range res.Failures {
		if f.Code == framing.CodeDigest {
			digest++
		}
	}
	if digest != 2 {
		t.Errorf("failures %v", res.Failures)
	}
	for _, n := range []string{"small", "large"} {
		if _, err := os.Stat(filepath.Join(dst, n)); err == nil {
			t.Errorf("%s was published", n)
		}
	}
}

func TestHostileReceiverBreaksRules(t *testing.T) {
	accept := func(p *peer) {
		p.until(framing.TypeOffer)
		a := framing.Accept{EntryWindow: 1 << 20, EntryBytes: 1 << 30, Streams: 1}
		p.send(framing.TypeAccept, a.Append(nil))
		p.until(framing.TypeEntry)
	}
	done := func(p *peer, d framing.Done) { p.send(framing.TypeDone, d.Append(nil)) }
	want := func(p *peer, w framing.Want) { p.send(framing.TypeWant, w.Append(nil)) }
	receipt := func(p *peer, r framing.Receipt) { p.send(framing.TypeReceipt, r.Append(nil)) }
	for _, c := range []struct {
		name   string
		leaves bool
		script func(*peer)
	}{
		{"WANT before ACCEPT", false, func(p *peer) { want(p, framing.Want{ID: 1, Kind: framing.WantAll}) }},
		{"ACCEPT twice", false, func(p *peer) {
			accept(p)
			a := framing.Accept{EntryWindow: 1 << 20, EntryBytes: 1 << 30, Streams: 1}
			p.send(framing.TypeAccept, a.Append(nil))
		}},
		{"ACCEPT of nothing", false, func(p *peer) {
			a := framing.Accept{EntryWindow: 1, EntryBytes: 1, Streams: 1}
			p.send(framing.TypeAccept, a.Append(nil))
		}},
		{"DONE before the data", false, func(p *peer) { accept(p); done(p, framing.Done{ID: 1, Status: framing.DoneDelivered}) }},
		{"DONE for an unknown entry", false, func(p *peer) { accept(p); done(p, framing.Done{ID: 99, Status: framing.DoneSame}) }},
		{"DONE twice", false, func(p *peer) {
			accept(p)
			done(p, framing.Done{ID: 1, Status: framing.DoneSame})
			done(p, framing.Done{ID: 1, Status: framing.DoneSame})
		}},
		{"RECEIPT at once", false, func(p *peer) { accept(p); receipt(p, framing.Receipt{Delivered: 1}) }},
		{"RECEIPT that lies", false, func(p *peer) {
			accept(p)
			done(p, framing.Done{ID: 1, Status: framing.DoneSame})
			receipt(p, framing.Receipt{Delivered: 1, Durable: true})
		}},
		{"WANT past the end", false, func(p *peer) {
			accept(p)
			want(p, framing.Want{ID: 1, Kind: framing.WantAgain, First: 1 << 40, Count: 1 << 30})
		}},
		{"WANT of a later attempt", false, func(p *peer) { accept(p); want(p, framing.Want{ID: 1, Kind: framing.WantAll, Attempt: 9}) }},
		{"WANT for an unknown entry", false, func(p *peer) { accept(p); want(p, framing.Want{ID: 9, Kind: framing.WantAll}) }},
		{"WANT without end", false, func(p *peer) {
			accept(p)
			for range 1 << 17 {
				want(p, framing.Want{ID: 1, Kind: framing.WantAgain, Count: 3})
				if p.l.Err() != nil {
					return
				}
			}
		}},
		{"pages without end", false, func(p *peer) {
			accept(p)
			for range 200 {
				want(p, framing.Want{ID: 1, Kind: framing.WantPage, Count: 3, Bitmap: []byte{7}, CVs: make([]byte, 96)})
			}
		}},
		{"leaving early", true, func(p *peer) { accept(p) }},
		{"DONE with a path for a name", false, func(p *peer) {
			accept(p)
			done(p, framing.Done{ID: 1, Status: framing.DoneRenamed, Name: []byte("../x")})
		}},
		{"check twice", false, func(p *peer) {
			accept(p)
			for range 2 {
				want(p, framing.Want{ID: 1, Kind: framing.WantCheck})
			}
		}},
		{"a frame of the sender", false, func(p *peer) { accept(p); p.end(0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := t.TempDir()
			write(t, filepath.Join(src, "f"), 3*mib, 1)
			a, b := pair(t)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			finished := make(chan struct{})
			go func() {
				defer close(finished)
				p := &peer{t, b}
				c.script(p)
				if !c.leaves {
					p.until(framing.TypeBye)
				}
				if err := b.Close(); err != nil {
					t.Logf("the peer closed with %v", err)
				}
			}()
			res, err := transfer.Send(ctx, a, transfer.SendOptions{Sources: named(filepath.Join(src, "f"))})
			<-finished
			if ctx.Err() != nil {
				t.Error("it did not end by itself")
			}
			var e *transfer.Error
			if !errors.As(err, &e) || res.Acknowledged {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// A stream that the receiver gives up must not keep the sender waiting for its
// source.
func TestStreamThatIsGivenUpEnds(t *testing.T) {
	a, b := pair(t)
	source, feed, err := os.Pipe() // never closed while Send runs
	must(t, err)
	defer feed.Close()
	defer source.Close()
	go func() {
		p := &peer{t, b}
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
	res, err := transfer.Send(t.Context(), a, transfer.SendOptions{Sources: stream("s", source)})
	if !errors.Is(err, transfer.ErrIncomplete) || len(res.Failures) != 1 || res.Failures[0].Code != framing.CodePermission {
		t.Errorf("ended with %v, %v", err, res.Failures)
	}
}

// A log that trickles in must not use up the credit before its first chunk is
// full.
func TestSlowStreamKeepsItsCredit(t *testing.T) {
	const pieces = 9000 // of 4 KiB credit each: more than there is
	dst, res, err := hostile(t, nil, func(p *peer) {
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
	dst, res, err := hostile(t, nil, func(p *peer) {
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
						must(t, tree.Set(i, h.Check))
					}
					p.data(h, piece)
				}
			}
			root, err := tree.Root()
			must(t, err)
			p.fileEnd(framing.FileEnd{ID: 1, Attempt: 1, Size: uint64(len(content)), Root: root, Chunks: 2})
		})
	})
	got, rerr := os.ReadFile(filepath.Join(dst, "f"))
	if err != nil || res.Delivered != 1 || !bytes.Equal(got, content) {
		t.Errorf("ended with %v, %d delivered, %d bytes, %v", err, res.Delivered, len(got), rerr)
	}
}
