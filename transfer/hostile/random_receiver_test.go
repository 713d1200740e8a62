package hostile

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// outsideSecret is the content of a file beside what is sent.
const outsideSecret = "TOP-SECRET-OUTSIDE"

// randomReceiver is a receiver that keeps the layout of each frame and little else.
//
// The test's goroutine moves; the goroutine that listens notes what is announced,
// under mu.
type randomReceiver struct {
	p       *peer
	is      chooser
	checked map[uint64]bool // entries that were asked for with WANT check

	copying    bool        // it may ask about the sources
	requests   int         // how often it asks for the delivery
	unanswered atomic.Bool // a question

	mu     sync.Mutex
	open   []framing.Entry // announced, and not settled by this side
	leaked bool            // outsideSecret came
}

// TestHostileRandomReceiver: whatever a receiver says, the sender sends nothing from
// outside its sources, believes no receipt that does not agree with what it sent,
// ends by itself within its memory and leaves no goroutine.
func TestHostileRandomReceiver(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the sources have links")
	}
	src := t.TempDir()
	folder := filepath.Join(src, "tree")
	for i := range 12 {
		deliverytest.Write(t, filepath.Join(folder, fmt.Sprint("small", i)), 100*i, uint64(i))
	}
	deliverytest.Write(t, filepath.Join(folder, "sub", "mid"), 700<<10, 5)
	deliverytest.Write(t, filepath.Join(src, "big"), 5<<20+17, 6)
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "secret"), []byte(outsideSecret), 0o600))
	deliverytest.Must(t, os.Symlink("../secret", filepath.Join(folder, "link")))
	deliverytest.Must(t, os.Link(filepath.Join(folder, "small3"), filepath.Join(folder, "small3b")))
	campaign(t, func(t *testing.T, seed uint64) error { return hostileReceiverRun(t, seed, src) })
}

func hostileReceiverRun(t *testing.T, seed uint64, src string) error {
	r := &randomReceiver{is: newChooser(seed, 99), checked: make(map[uint64]bool)}
	o := send.Options{
		Sources: deliverytest.Named(filepath.Join(src, "tree"), filepath.Join(src, "big")), Checksum: r.is.oneIn(3),
		Metadata: tree.Metadata{Owner: r.is.oneIn(2), Xattrs: r.is.oneIn(2), HardLinks: r.is.oneIn(2)},
		// The goroutine that closes a link waits for the mutex of a stream that nobody
		// reads until a deadline, and a wait for a mutex stops virtual time.
		Streams: 1,
	}
	var caps uint64
	if r.is.oneIn(2) {
		caps = framing.CapZstd
	}
	var ended error
	bounded(t, hostileMemory, func(ctx context.Context) {
		more, run := r.served(o)
		a, b := deliverytest.PairWith(t, caps|more)
		r.p = &peer{t: t, l: b}
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.play()
		}()
		var res transfer.Result
		res, ended = run(ctx, a)
		<-done
		// RECEIPT carries a digest of all contents, which this peer never has.
		if ended == nil || res.Acknowledged {
			t.Errorf("a false receipt was believed: %v, acknowledged %v", ended, res.Acknowledged)
		}
	})
	if r.leaked {
		t.Error("the sender read outside of its sources")
	}
	return ended
}

// play is the delivery as the receiver sees it.
func (r *randomReceiver) play() {
	offered, heard := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(heard)
		r.listen(offered)
	}()
	r.request()
	<-offered
	r.p.accept(framing.Accept{EntryWindow: 256 + r.is.Uint64N(1<<20), EntryBytes: 1 + r.is.Uint64N(1<<22),
		Streams: uint16(1 + r.is.IntN(3)), Ordered: r.is.oneIn(4), RetrySeconds: uint32(r.is.IntN(3))})
	moves := append(r.moves(), r.copyMoves()...)
	for range 10 + r.is.IntN(250) {
		if r.p.l.Err() != nil {
			break
		}
		r.is.step(moves)
	}
	if r.is.oneIn(3) {
		r.p.l.Abort(nil)
	}
	_ = r.p.l.Close() // the sender may have left long ago
	<-heard
}

// listen notes the entries, and closes offered at the first frame.
func (r *randomReceiver) listen(offered chan<- struct{}) {
	first := true
	for {
		ty, body, ok := r.p.next()
		if first {
			first = false
			close(offered)
		}
		if !ok {
			return
		}
		r.mu.Lock()
		r.leaked = r.leaked || bytes.Contains(body, []byte(outsideSecret))
		if ty == framing.TypeListing {
			r.hearListing(body)
		}
		if ty == framing.TypeEntry {
			for e, err := range framing.ParseEntries(body) {
				if err == nil && e.Kind != framing.KindFolderEnd {
					e.Name, e.Target = nil, nil // they alias the body
					r.open = append(r.open, e)
				}
			}
		}
		r.mu.Unlock()
	}
}

func (r *randomReceiver) moves() []move {
	return []move{
		{6, r.ask},
		{3, func() { r.p.credit(pick(r.is, []uint32{1, 4096, 1 << 18, 1 << 20, 1 << 23, math.MaxUint32})) }},
		{1, r.is.rarely(2, r.settle)},
		{1, r.is.rarely(4, func() {
			e := r.entry(true)
			if e.ID == 0 {
				return
			}
			r.p.fault(framing.Fault{ID: e.ID, Code: framing.CodeNoSpace, Message: strings.Repeat("\x1b]0;x\a", 60)})
		})},
		{1, func() {
			l := framing.Limited{Rate: r.is.size(0, 16384, 1<<20, math.MaxInt64)}
			r.p.send(framing.TypeLimit, l.Append(nil))
		}},
		{1, r.is.rarely(10, func() {
			w := framing.Warn{ID: r.entry(false).ID, Attrs: framing.AttrMode, Code: framing.CodePermission}
			if w.ID == 0 {
				return
			}
			if r.is.rude {
				w.Attrs = framing.AttrOwner // which may not have been granted
			}
			r.p.send(framing.TypeWarn, w.Append(nil))
		})},
		{1, r.is.rarely(150, func() { r.p.receipt(framing.Receipt{Delivered: r.is.Uint64N(20), Same: r.is.Uint64N(4)}) })},
		{1, r.is.rarely(150, func() {
			b := framing.Bye{Code: framing.CodeCancelled, Message: "\x1b[31m"}
			r.p.send(framing.TypeBye, b.Append(nil))
		})},
		{1, r.is.rarely(20, func() { time.Sleep(time.Duration(r.is.IntN(40)) * time.Second) })},
		{1, r.is.rarely(40, func() { r.p.send(framing.Type(0x10+r.is.IntN(0x18)), r.is.noise()) })},
		{2, func() { time.Sleep(time.Millisecond) }},
	}
}

// entry is one that is open, or none, with the number 0; settled takes it off. A rude
// receiver may name one that was never announced.
func (r *randomReceiver) entry(settled bool) framing.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.is.slips(60):
		return framing.Entry{ID: r.is.size(1, 99, math.MaxInt64)}
	case len(r.open) == 0:
		return framing.Entry{}
	}
	i := r.is.IntN(len(r.open))
	e := r.open[i]
	if settled {
		r.open = without(r.open, i)
	}
	return e
}

// ask is a WANT of any kind.
func (r *randomReceiver) ask() {
	e := r.entry(false)
	if e.ID == 0 || e.Kind != framing.KindFile && !r.is.slips(20) {
		return
	}
	w := framing.Want{ID: e.ID, Kind: framing.WantKind(1 + r.is.IntN(4))}
	if r.is.slips(30) {
		w.Attempt = uint8(r.is.IntN(3))
	}
	chunks := (e.Size + 1<<20 - 1) >> 20
	switch w.Kind {
	case framing.WantCheck:
		if r.checked[e.ID] && !r.is.slips(5) {
			return
		}
		r.checked[e.ID] = true
	case framing.WantAgain:
		if chunks == 0 {
			return
		}
		w.First = r.is.Uint64N(chunks)
		w.Count = 1 + r.is.Uint64N(chunks-w.First)
		if r.is.slips(30) {
			w.Count += 1 << 30
		}
	case framing.WantPage:
		if chunks == 0 {
			return
		}
		for range chunks {
			var cv []byte
			if r.is.oneIn(2) {
				cv = make([]byte, 32)
			}
			w.AddChunk(cv)
		}
		w.Last = !r.is.oneIn(3)
	}
	r.p.want(w)
}

// settle is a DONE of any status.
func (r *randomReceiver) settle() {
	e := r.entry(true)
	if e.ID == 0 {
		return
	}
	d := framing.Done{ID: e.ID, Status: pick(r.is, []framing.DoneStatus{framing.DoneSame, framing.DoneSkipped})}
	if r.is.slips(3) || e.Kind != framing.KindFile {
		d.Status = framing.DoneStatus(1 + r.is.IntN(8)) // of a file that was not sent, most are wrong
	}
	switch d.Status {
	case framing.DoneRenamed:
		d.Name = []byte("x")
		if r.is.rude {
			d.Name = []byte(pick(r.is, []string{"..", "a/b", "\x1b[2J"}))
		}
	case framing.DoneSkipped:
		d.Code = framing.CodeConflict
	}
	r.p.done(d)
}
