package hostile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/send"
)

// taken plays a receiver that is given the file of the sender whole, and says that it
// stored it. It returns the digest of what came.
func taken(p *peer) [32]byte {
	accepted(p)
	p.credit(1 << 30)
	p.want(framing.Want{ID: 1, Kind: framing.WantAll})
	var sums checksum.Sumset
	for end, err := range framing.ParseFileEnds(p.until(framing.TypeFileEnd)) {
		if err != nil {
			p.t.Error(err)
		}
		sums.Add(1, end.Size, end.Root)
	}
	p.done(framing.Done{ID: 1, Status: framing.DoneDelivered})
	return sums.Sum()
}

// What a receiver says has the sender remove a source only if it proves to have had the
// content, and only after a receipt that agrees.
func TestHostileReceiversRemoveNothing(t *testing.T) {
	whole := func(r framing.Receipt) func(*peer) {
		return func(p *peer) {
			if sum := taken(p); r.Digest == [32]byte{} {
				r.Digest = sum
			}
			p.receipt(r)
			p.until(framing.TypeBye)
		}
	}
	right := framing.Receipt{Delivered: 1, Bytes: 3 << 20, Durable: true}
	changed := func(change func(*framing.Receipt)) func(*peer) {
		r := right
		change(&r)
		return whole(r)
	}
	none := new(checksum.Sumset).Sum()
	for _, c := range []struct {
		name    string
		removed bool
		script  func(*peer)
	}{
		{"a receipt that agrees", true, whole(right)},
		{"another digest", false, changed(func(r *framing.Receipt) { r.Digest = [32]byte{1} })},
		{"another count", false, changed(func(r *framing.Receipt) { r.Delivered = 2 })},
		{"not durable", false, changed(func(r *framing.Receipt) { r.Durable = false })},
		{"no receipt", false, func(p *peer) { taken(p) }},
		{"stored without any content", false, func(p *peer) {
			accepted(p)
			p.done(framing.Done{ID: 1, Status: framing.DoneDelivered})
			p.receipt(right)
			p.until(framing.TypeBye)
		}},
		{"equal without any comparison", false, func(p *peer) {
			accepted(p)
			p.done(framing.Done{ID: 1, Status: framing.DoneEqual})
			p.receipt(framing.Receipt{Same: 1, Durable: true, Digest: none})
			p.until(framing.TypeBye)
		}},
		{"there already", false, func(p *peer) {
			accepted(p)
			p.done(same)
			p.receipt(framing.Receipt{Same: 1, Durable: true, Digest: none})
			p.until(framing.TypeBye)
		}},
		{"skipped", false, func(p *peer) {
			accepted(p)
			p.done(framing.Done{ID: 1, Status: framing.DoneSkipped})
			p.receipt(framing.Receipt{Skipped: 1, Durable: true, Digest: none})
			p.until(framing.TypeBye)
		}},
		{"a fault after the content", false, func(p *peer) {
			accepted(p)
			p.credit(1 << 30)
			p.want(framing.Want{ID: 1, Kind: framing.WantAll})
			p.until(framing.TypeFileEnd)
			p.fault(framing.Fault{ID: 1, Code: framing.CodeIO})
			p.receipt(framing.Receipt{Failed: 1, Durable: true, Digest: none})
			p.until(framing.TypeBye)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := filepath.Join(t.TempDir(), "f")
			deliverytest.Write(t, src, 3*deliverytest.MiB, 1)
			res, _, err := againstWith(t, send.Options{Sources: deliverytest.Named(src), Remove: &send.Removal{}}, c.script)
			_, serr := os.Lstat(src)
			if gone := errors.Is(serr, os.ErrNotExist); gone != c.removed || res.Removed > 0 != c.removed {
				t.Errorf("ended with %v: removed %d, gone %v", err, res.Removed, gone)
			}
		})
	}
}
