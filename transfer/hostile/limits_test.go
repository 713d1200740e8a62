package hostile

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/storage"
)

// limit is what a receiver's user allows; 0 is any number.
type limit struct{ items, bytes int64 }

type limitCase struct {
	name   string
	limit  limit
	want   framing.Code
	script func(*peer)
}

func limitCases() []limitCase {
	return []limitCase{
		{"items offered", limit{items: 2}, framing.CodeDeclined, func(p *peer) { p.offered(0, false, 0, crowd(3)...) }},
		{"bytes offered", limit{bytes: 9}, framing.CodeDeclined, func(p *peer) { p.offered(0, false, 10, crowd(1)...) }},
		{"as many items, as many bytes", limit{2, 8}, framing.CodeNone, func(p *peer) {
			p.offered(0, true, 8, crowd(2)...)
			p.entries(1, file(0, "crowd0", 4), file(0, "crowd1", 4))
			p.end(2)
			p.all()
		}},
		{"items in a folder", limit{items: 2}, framing.CodeDeclined, func(p *peer) {
			p.offered(0, false, 0, item(framing.KindFolder, "d"))
			p.entries(1, folderEntry(0, "d"), file(1, "a", 4), file(1, "b", 4), folderEnd(1))
			p.end(3)
			p.all()
		}},
		{"bytes in a folder", limit{bytes: 7}, framing.CodeDeclined, func(p *peer) {
			p.offered(0, false, 0, item(framing.KindFolder, "d"))
			p.entries(1, folderEntry(0, "d"), file(1, "a", 4), file(1, "b", 4), folderEnd(1))
			p.end(3)
			p.all()
		}},
		{"bytes that wrap", limit{bytes: 7}, framing.CodeDeclined, func(p *peer) {
			p.offered(0, false, 0, item(framing.KindFolder, "d"))
			p.entries(1, folderEntry(0, "d"), file(1, "a", math.MaxInt64), file(1, "b", math.MaxInt64), folderEnd(1))
			p.end(3)
			p.all()
		}},
		{"bytes of a stream", limit{bytes: 2 << 20}, framing.CodeDeclined, func(p *peer) {
			p.offered(0, false, 0, item(framing.KindStream, "s"))
			p.entries(1, streamEntry("s"))
			p.until(framing.TypeWant)
			for i := range uint64(3) {
				p.chunk(1, i, make([]byte, deliverytest.MiB))
			}
		}},
		{"bytes of a file that changed", limit{bytes: 3 << 20}, framing.CodeDeclined, func(p *peer) {
			p.offered(0, false, 3<<20, item(framing.KindFile, "f"))
			p.entries(1, file(0, "f", 3<<20))
			p.until(framing.TypeWant)
			ch := framing.Changed{ID: 1, Attempt: 1, Size: 3<<20 + 1}
			p.send(framing.TypeChanged, ch.Append(nil))
		}},
		{"bytes of files that then shrink", limit{bytes: 4 << 20}, framing.CodeDeclined, func(p *peer) {
			p.offered(0, false, 0, item(framing.KindFolder, "d"))
			p.entries(1, folderEntry(0, "d"))
			for id := uint64(2); id < 4; id++ {
				p.entries(id, file(1, fmt.Sprint("f", id), 3<<20))
				p.until(framing.TypeWant)
				p.chunk(id, 0, make([]byte, deliverytest.MiB))
				ch := framing.Changed{ID: id, Attempt: 1, Size: 4}
				p.send(framing.TypeChanged, ch.Append(nil))
			}
		}},
		{"what is in a folder, under names that were not told", limit{}, framing.CodeDeclined, func(p *peer) {
			p.offered(0, false, 0, framing.OfferItem{Kind: framing.KindRoot})
		}},
	}
}

// This side's own limits decline an offer, and end a delivery that was offered as
// less: with the code of a refusal, since the sender broke no rule.
func TestLimitsOfTheReceiver(t *testing.T) {
	for _, c := range limitCases() {
		t.Run(c.name, func(t *testing.T) {
			dst, res, told, err := hostile(t, victim{options: func(o *receive.Options) {
				o.Most.MaxItems, o.Most.MaxBytes, o.Most.OnlyNamed = c.limit.items, c.limit.bytes, true
			}}, c.script)
			if c.want == framing.CodeNone {
				if err != nil || res.Delivered != 2 {
					t.Errorf("%d delivered, %v", res.Delivered, err)
				}
				return
			}
			wantCode(t, err, told, c.want)
			if _, err := os.Lstat(filepath.Join(dst, "d", "b")); err == nil {
				t.Error("what was too much stands there")
			}
		})
	}
}

// END's count of failed items does not turn a failure into a success.
func TestHostileEndFailedOverflow(t *testing.T) {
	for _, failed := range []uint64{1, math.MaxInt64 - 2, math.MaxInt64 - 1, math.MaxInt64} {
		_, res, _, err := hostile(t, victim{}, func(p *peer) {
			p.offer()
			p.entries(1, file(0, "..", 4), file(0, "ok", 4))
			e := framing.End{Entries: 2, Failed: failed}
			p.send(framing.TypeEnd, e.Append(nil))
			p.all()
		})
		if err == nil || res.Failed < 0 || failed < math.MaxInt64-1 && !errors.Is(err, transfer.ErrIncomplete) {
			t.Errorf("END with %d failed: %d failed, %v", failed, res.Failed, err)
		}
	}
}

// Sizes that add up to more than a number holds are a large total and not a negative
// one, in a dry run too, where what is a hole needs no space.
func TestHostileTotalsDoNotWrap(t *testing.T) {
	var mu sync.Mutex // several goroutines tell
	least := int64(0)
	_, res, _, err := hostile(t, victim{options: func(o *receive.Options) {
		o.Observer = told(func(e transfer.Event) {
			if p, ok := e.(transfer.Progress); ok {
				mu.Lock()
				defer mu.Unlock()
				least = min(least, p.Total, p.Bytes, p.Items)
			}
		})
		o.Rehearse = func() (storage.Destination, error) { return rehearsal(t) }
	}}, func(p *peer) {
		p.dry = true
		p.offer()
		for i, name := range []string{"a", "b", "c"} {
			e := file(0, name, math.MaxInt64)
			e.Holes = math.MaxInt64
			p.entries(uint64(i+1), e)
		}
		p.end(3)
	})
	if least < 0 || res.Bytes != math.MaxInt64 || err != nil {
		t.Errorf("the totals went down to %d; %d bytes would be delivered, %v", least, res.Bytes, err)
	}
}

// rehearsal looks at a new folder, and lets go of it before the test's folders are removed,
// which Windows asks for.
func rehearsal(t *testing.T) (storage.Destination, error) {
	r, err := local.NewRehearsal(t.TempDir(), local.FolderOptions{})
	if err == nil {
		t.Cleanup(func() { _ = r.Close() })
	}
	return r, err
}

type told func(transfer.Event)

func (f told) Observe(e transfer.Event) { f(e) }
