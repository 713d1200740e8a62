package receive

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/tree"
)

// script reads decisions off fuzzed bytes; zeros follow them.
type script struct{ b []byte }

func (s *script) next(n int) int {
	if len(s.b) == 0 {
		return 0
	}
	v := int(s.b[0])
	s.b = s.b[1:]
	return v % n
}

var (
	someNames = []string{"a", "b", "c", ".a", ".b", "..", "A"}
	someKinds = []tree.Kind{tree.File, tree.Folder, tree.Symlink, tree.Stream, tree.Root, tree.FIFO}
	someSizes = []int64{0, 1, 5, 100, math.MaxInt64 - 1, math.MaxInt64}
)

func (s *script) offer() framing.Offer {
	o := framing.Offer{Exact: s.next(2) == 1, Bytes: uint64(someSizes[s.next(len(someSizes))])}
	n := s.next(4)
	if s.next(4) == 3 {
		n = framing.MaxListed
	}
	for range n {
		it := framing.OfferItem{Kind: framing.EntryKind(someKinds[s.next(len(someKinds))])}
		if it.Kind != framing.KindRoot {
			it.Name = []byte(someNames[s.next(len(someNames))])
		}
		o.Listed = append(o.Listed, it)
	}
	if o.Items = uint64(n); n == framing.MaxListed {
		o.Items += uint64(s.next(3))
	}
	return o
}

// agreed is an oracle for consent: it keeps all that came, and judges anew each time.
type agreed struct {
	offer framing.Offer
	most  limits
	top   []tree.Entry
	items int64
	bytes big.Int // what is beyond a number counts as the largest one
}

// breaks tells whether what came breaks the offer.
func (a *agreed) breaks() bool {
	o := a.offer
	if uint64(len(a.top)) > o.Items || o.Exact && (uint64(a.items) > o.Items || nearest(&a.bytes) > int64(o.Bytes)) {
		return true
	}
	rooted, onlyHidden := false, len(o.Listed) == framing.MaxListed
	listed := make(map[string]framing.EntryKind)
	for _, it := range o.Listed {
		if it.Kind == framing.KindRoot {
			rooted = true
			continue
		}
		listed[string(it.Name)] = it.Kind
		onlyHidden = onlyHidden && it.Name[0] == '.'
	}
	met := make(map[string]bool)
	for _, e := range a.top {
		kind, there := listed[e.Name]
		switch {
		case e.Kind == tree.Root:
			if !rooted {
				return true
			}
			continue
		case there && !met[e.Name]:
			if kind != framing.EntryKind(e.Kind) {
				return true
			}
		case o.Items <= framing.MaxListed, e.Name[0] == '.' && !onlyHidden:
			return true
		}
		met[e.Name] = true
	}
	return false
}

func (a *agreed) limited() bool {
	return a.most.items > 0 && a.items > a.most.items || a.most.bytes > 0 && nearest(&a.bytes) > a.most.bytes
}

// nearest is n as near as an int64 comes to it.
func nearest(n *big.Int) int64 {
	switch {
	case n.IsInt64():
		return n.Int64()
	case n.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// FuzzConsent holds consent against a plain reading of its rules.
func FuzzConsent(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 3, 2, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5})
	f.Add([]byte{1, 5, 3, 0, 4, 0, 3, 0, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 5, 2, 1, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &script{b}
		o := s.offer()
		most := limits{int64(s.next(4)), someSizes[s.next(len(someSizes))]}
		c, a := newConsent(o, most, nil), &agreed{offer: o, most: most}
		if refused := c.refuse(false) != nil; refused != (most.items > 0 && int64(o.Items) > most.items || most.bytes > 0 && int64(o.Bytes) > most.bytes) {
			t.Fatalf("the offer is refused: %v", refused)
		}
		for id := uint64(1); len(s.b) > 0; id++ {
			var err error
			size := someSizes[s.next(len(someSizes))]
			switch what := s.next(4); what {
			case 0, 1:
				e := tree.Entry{ID: id, Kind: someKinds[s.next(len(someKinds))], Size: size, Parent: uint64(what)}
				if e.Kind != tree.File {
					e.Size = -1
				}
				if e.Kind != tree.Root {
					e.Name = someNames[s.next(len(someNames))]
				}
				if err = c.item(&e, e.Kind); what == 0 {
					a.top = append(a.top, e)
				}
				a.items++
				a.bytes.Add(&a.bytes, big.NewInt(max(e.Size, 0)))
			case 2:
				n := int(min(size, 1<<20))
				err = c.content(n)
				a.bytes.Add(&a.bytes, big.NewInt(int64(n)))
			case 3:
				// Of a file that had that size at the most.
				after := someSizes[s.next(len(someSizes))]
				err = c.resize(size, after)
				a.bytes.Add(&a.bytes, big.NewInt(max(after-size, 0)))
			}
			want := framing.CodeNone
			if a.breaks() {
				want = framing.CodeProtocol
			} else if a.limited() {
				want = framing.CodeDeclined
			}
			got := framing.CodeNone
			var own *transfer.Error
			if errors.As(err, &own) {
				got = own.Code
			}
			if got != want {
				t.Fatalf("%+v, entry %d: %v, want %v (%d items, %s bytes)", o, id, err, want, a.items, &a.bytes)
			}
			if err != nil {
				return // it ends the delivery
			}
		}
	})
}
