package hostile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// peer plays one side by hand, over a link that is proven: what a stranger with
// the code could do. Case names begin with the number of the rule that the case
// is about, in the catalogue of hostile peers.
type peer struct {
	t *testing.T
	l *link.Link
	// told is the code of the other side's BYE, or of its DECLINE, once it came.
	told framing.Code
	dry  bool // what it offers is a dry run
}

func (p *peer) send(ty framing.Type, body []byte) {
	// The other side may have left by now, which is what most cases want.
	_ = p.l.Stream(0).Send(true, ty, body)
}

// next reads a frame, and notes a BYE; ok is false at the end of the link.
func (p *peer) next() (ty framing.Type, body []byte, ok bool) {
	ty, _, err := p.l.Stream(0).Next()
	if err == nil {
		body, err = p.l.Stream(0).Body()
	}
	if err != nil {
		return 0, nil, false
	}
	switch ty {
	case framing.TypeBye:
		if b, err := framing.ParseBye(body); err == nil {
			p.told = b.Code
		}
	case framing.TypeDecline:
		if d, err := framing.ParseDecline(body); err == nil {
			p.told = d.Code
		}
	}
	return ty, append([]byte(nil), body...), true
}

// until reads frames until one of type want came, and returns its body.
func (p *peer) until(want framing.Type) []byte {
	for {
		ty, body, ok := p.next()
		if !ok || ty == want {
			return body
		}
	}
}

// answer plays a sender to the end: answers each WANT, and the receipt with BYE.
func (p *peer) answer(want func(framing.Want)) {
	for {
		t, body, ok := p.next()
		if !ok {
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

// victim is what hostile runs a script against.
type victim struct {
	prepare func(dst string) // what stands in the destination before
	options func(*receive.Options)
	memory  uint64 // bytes allocated in all, by both sides; 0 means memoryBound
	caps    uint64 // capabilities of the link
}

// memoryBound is what both ends of a link in memory and a delivery of little
// content may allocate, all together and whatever is announced.
const memoryBound = 96 << 20

// hostile runs script against a receiver whose destination is inside a folder
// with a canary, and returns what Receive made of it and what the peer was told.
// That it ends by itself, with no goroutine left, within its memory and with
// nothing outside touched holds in every case.
func hostile(t *testing.T, v victim, script func(*peer)) (dst string, res transfer.Result, told framing.Code, err error) {
	t.Helper()
	outer := t.TempDir()
	dst = filepath.Join(outer, "dst")
	deliverytest.Must(t, os.Mkdir(dst, 0o755))
	deliverytest.Must(t, os.WriteFile(filepath.Join(outer, "canary"), []byte("alive"), 0o644))
	if v.prepare != nil {
		v.prepare(dst)
	}
	before := outside(t, outer)
	d, derr := local.NewFolder(dst, local.FolderOptions{})
	deliverytest.Must(t, derr)
	o := receive.Options{Destination: d, OnConflict: transfer.ConflictOverwrite}
	if v.options != nil {
		v.options(&o)
	}
	bounded(t, v.memory, func(ctx context.Context) {
		a, b := deliverytest.PairWith(t, v.caps)
		p := &peer{t: t, l: a}
		done := make(chan struct{})
		go func() {
			defer close(done)
			script(p)
			p.answer(func(framing.Want) {}) // the verdict, before the end of the connection is one
			if cerr := a.Close(); cerr != nil {
				t.Logf("the peer closed with %v", cerr)
			}
		}()
		res, err = receive.Receive(ctx, b, o)
		<-done
		told = p.told
	})
	deliverytest.Must(t, d.Close())
	if after := outside(t, outer); after != before {
		t.Errorf("outside of the destination was\n%s and is\n%s", before, after)
	}
	return dst, res, told, err
}

// against runs script against a sender of a file of 3 MiB.
func against(t *testing.T, script func(*peer)) (res transfer.Result, told framing.Code, err error) {
	t.Helper()
	src := filepath.Join(t.TempDir(), "f")
	deliverytest.Write(t, src, 3*deliverytest.MiB, 1)
	return againstWith(t, send.Options{Sources: deliverytest.Named(src)}, script)
}

func againstWith(t *testing.T, o send.Options, script func(*peer)) (res transfer.Result, told framing.Code, err error) {
	t.Helper()
	return againstCaps(t, 0, o, script)
}

// againstCaps is againstWith over a link with capabilities.
func againstCaps(t *testing.T, caps uint64, o send.Options, script func(*peer)) (res transfer.Result, told framing.Code, err error) {
	t.Helper()
	bounded(t, 0, func(ctx context.Context) {
		a, b := deliverytest.PairWith(t, caps)
		p := &peer{t: t, l: b}
		done := make(chan struct{})
		go func() {
			defer close(done)
			script(p)
			if err := b.Close(); err != nil {
				t.Logf("the peer closed with %v", err)
			}
		}()
		res, err = send.Send(ctx, a, o)
		<-done
		told = p.told
	})
	return res, told, err
}

// bounded runs a delivery that has to end by itself and leave no goroutine, and
// within a bound on all that is allocated meanwhile.
func bounded(t *testing.T, memory uint64, run func(context.Context)) {
	t.Helper()
	if memory == 0 {
		memory = memoryBound
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	late := time.AfterFunc(patience, cancel)
	running := goleak.IgnoreCurrent()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run(ctx)
	runtime.ReadMemStats(&after)
	if !late.Stop() {
		t.Error("it did not end by itself")
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > memory {
		t.Errorf("%d MiB were allocated, at most %d may be", n>>20, memory>>20)
	}
	goleak.VerifyNone(t, append(deliverytest.CertCleanups(), running)...)
}

// patience is longer than any limit of a delivery. Under synctest it costs no
// time, and elsewhere the test as a whole has a shorter one.
const patience = 48 * time.Hour

// outside lists what is beside the folder dst in outer, with contents.
func outside(t *testing.T, outer string) (all string) {
	t.Helper()
	deliverytest.Must(t, filepath.WalkDir(outer, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == filepath.Join(outer, "dst") {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err != nil || path == outer {
			return err
		}
		content := []byte(nil)
		if d.Type().IsRegular() {
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		all += fs.FormatFileInfo(info) + " " + string(content) + "\n"
		return nil
	}))
	return all
}

func wantCode(t *testing.T, err error, told framing.Code, want framing.Code) {
	t.Helper()
	var e *transfer.Error
	if !errors.As(err, &e) || e.Code != want || e.Remote {
		t.Errorf("ended with %v, want %v", err, want)
	}
	if told != want {
		t.Errorf("the peer was told %v, want %v", told, want)
	}
}

// offer makes an offer that nearly everything may follow: cases that are not about
// the offer begin with it.
func (p *peer) offer() { p.offerFlags(0) }

func (p *peer) offerFlags(flags uint32) {
	o := anyOffer()
	o.Flags = flags | p.dryFlag()
	p.send(framing.TypeOffer, o.Append(nil))
}

// anyOffer is an offer that nearly everything may follow.
func anyOffer() framing.Offer {
	o := framing.Offer{Items: 1 << 30}
	for range framing.MaxListed {
		o.Listed = append(o.Listed, framing.OfferItem{Kind: framing.KindRoot})
	}
	return o
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
		b = appendPacked(b, r)
	}
	p.send(framing.TypePack, b)
}

func appendPacked(b []byte, r framing.Packed) []byte {
	b, root := framing.AppendPackedHeader(b, r.ID, len(r.Data))
	copy(b[root:], r.Root[:])
	return append(b, r.Data...)
}

func (p *peer) data(h framing.DataHeader, payload []byte) {
	_ = p.l.Stream(0).Send(true, framing.TypeData, framing.AppendDataHeader(nil, &h), payload)
}

func (p *peer) fileEnd(f framing.FileEnd) { p.send(framing.TypeFileEnd, f.Append(nil)) }

// chunk sends a whole chunk, rightly hashed, in pieces.
func (p *peer) chunk(id, index uint64, content []byte) {
	const piece = 200 << 10
	for from := 0; from < len(content); from += piece {
		part := content[from:min(from+piece, len(content))]
		h := framing.DataHeader{ID: id, Offset: index<<20 + uint64(from)}
		if from+len(part) == len(content) {
			h.Flags, h.Check = framing.DataLast, checksum.Check(content, index, false)
		}
		p.data(h, part)
	}
}

func file(parent uint64, name string, size uint64) framing.Entry {
	return framing.Entry{Parent: parent, Kind: framing.KindFile, Name: []byte(name), Mode: 0o644, Size: size}
}

func folderEntry(parent uint64, name string) framing.Entry {
	return framing.Entry{Parent: parent, Kind: framing.KindFolder, Name: []byte(name), Mode: 0o755}
}

func folderEnd(id uint64) framing.Entry { return framing.Entry{Kind: framing.KindFolderEnd, ID: id} }

func streamEntry(name string) framing.Entry {
	return framing.Entry{Kind: framing.KindStream, Name: []byte(name), Mode: 0o644}
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
