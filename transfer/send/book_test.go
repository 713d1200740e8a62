package send

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/flow"
	"ferry/transfer/tree"
)

// enter announces an entry of that kind, and of so many bytes, in a book.
func enter(t *testing.T, b *book, id uint64, kind tree.Kind, size int64) *entry {
	t.Helper()
	e := &entry{item: &tree.Item{Entry: tree.Entry{ID: id, Kind: kind, Size: size}, Display: fmt.Sprint("item ", id)}, cost: 10}
	if !b.window.try(e.cost) {
		t.Fatal("the window is full")
	}
	b.announce(e)
	return e
}

func newTestBook(t *testing.T) *book { return newBook(newWindow(t.Context(), 0, 0)) }

// breaks fails the test unless err says that the peer broke the protocol.
func breaks(t *testing.T, what string, err error) {
	t.Helper()
	var own *transfer.Error
	if !errors.As(err, &own) || own.Code != framing.CodeProtocol {
		t.Errorf("%s: %v", what, err)
	}
}

// Each entry has one verdict, and none that claims content which was not sent.
func TestEachEntryHasOneVerdict(t *testing.T) {
	b := newTestBook(t)
	enter(t, b, 1, tree.File, 5)
	enter(t, b, 2, tree.Folder, 0)
	enter(t, b, 3, tree.File, 5)
	for what, status := range map[string]framing.DoneStatus{"delivered": framing.DoneDelivered, "replaced": framing.DoneReplaced, "renamed": framing.DoneRenamed, "equal": framing.DoneEqual} {
		_, err := b.done(1, status, false)
		breaks(t, what+" before it was sent", err)
	}
	_, err := b.done(2, framing.DoneEqual, false)
	breaks(t, "a folder with equal content", err)
	if _, err := b.done(1, framing.DoneSame, false); err != nil {
		t.Fatal(err)
	}
	_, err = b.done(1, framing.DoneSame, false)
	breaks(t, "a second verdict", err)
	_, err = b.fault(1)
	breaks(t, "a FAULT after the verdict", err)
	_, err = b.done(4, framing.DoneSame, false)
	breaks(t, "a verdict on nothing", err)
	_, _, err = b.ask(&framing.Want{ID: 1, Kind: framing.WantAll}, false)
	breaks(t, "a WANT after the verdict", err)
	if _, err := b.fault(3); err != nil {
		t.Fatal(err)
	}
	breaks(t, "a receipt before everything is settled", b.compare(framing.Receipt{}))
	if v, err := b.done(2, framing.DoneDelivered, false); err != nil || v.last {
		t.Errorf("%+v, %v", v, err)
	}
	breaks(t, "a receipt before END", b.compare(framing.Receipt{}))
}

// What may be asked of an entry, in each of its states.
func TestWhatMayBeAsked(t *testing.T) {
	for name, c := range map[string]struct {
		kind  tree.Kind
		dry   bool
		asks  []framing.Want
		fails bool // at the last
	}{
		"a file":                      {tree.File, false, []framing.Want{{Kind: framing.WantAll}, {Kind: framing.WantAgain}, {Kind: framing.WantPage}}, false},
		"a folder":                    {tree.Folder, false, []framing.Want{{Kind: framing.WantAll}}, true},
		"a stream":                    {tree.Stream, false, []framing.Want{{Kind: framing.WantAll}}, false},
		"a stream twice":              {tree.Stream, false, []framing.Want{{Kind: framing.WantAll}, {Kind: framing.WantAll}}, true},
		"a part of a stream":          {tree.Stream, false, []framing.Want{{Kind: framing.WantAgain}}, true},
		"a digest":                    {tree.File, false, []framing.Want{{Kind: framing.WantCheck}}, false},
		"a digest twice":              {tree.File, false, []framing.Want{{Kind: framing.WantCheck}, {Kind: framing.WantCheck}}, true},
		"a digest of each attempt":    {tree.File, false, []framing.Want{{Kind: framing.WantCheck}, {Kind: framing.WantCheck, Attempt: 1}}, false},
		"a digest of an attempt back": {tree.File, false, []framing.Want{{Kind: framing.WantCheck, Attempt: 1}, {Kind: framing.WantCheck}}, true},
		"content in a dry run":        {tree.File, true, []framing.Want{{Kind: framing.WantAll}}, true},
		"a digest in a dry run":       {tree.File, true, []framing.Want{{Kind: framing.WantCheck}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBook(t)
			enter(t, b, 1, c.kind, 5)
			for i, w := range c.asks {
				w.ID = 1
				_, _, err := b.ask(&w, c.dry)
				if i < len(c.asks)-1 && err != nil {
					t.Fatal(err)
				}
				if i == len(c.asks)-1 && (err != nil) != c.fails {
					t.Errorf("ended with %v", err)
				}
			}
		})
	}
}

// An entry that this side gave up: what crossed with its FAULT is ignored, and the verdict
// says what this side said first.
func TestEntryThatWasGivenUp(t *testing.T) {
	b := newTestBook(t)
	e := enter(t, b, 1, tree.File, 5)
	cause := &transfer.Error{Code: framing.CodeVanished}
	if !b.giveUp(e, cause) || b.giveUp(e, &transfer.Error{Code: framing.CodeIO}) {
		t.Error("the first cause does not hold")
	}
	if _, givenUp, err := b.ask(&framing.Want{ID: 1, Kind: framing.WantAll}, false); err != nil || !givenUp {
		t.Errorf("asked: %v, %v", givenUp, err)
	}
	if v, err := b.fault(1); err != nil || v.failed != cause {
		t.Errorf("%+v, %v", v, err)
	}
}

// A dry run of an item that cannot be read: the tally, which the receipt is compared with,
// counts it as delivered, as the receiver does.
func TestTrials(t *testing.T) {
	failing := &trial{err: &transfer.Error{}}
	link := &trial{of: failing, err: &transfer.Error{}}
	if (*trial)(nil).fails() {
		t.Error("an item without a trial fails")
	}
	if link.fails() {
		t.Error("a hard link fails whose target does not")
	}
	if !failing.fails() || !link.fails() {
		t.Error("an item with a trial, or a hard link to it, does not fail")
	}
	b := newTestBook(t)
	enter(t, b, 1, tree.File, 7).trial = failing
	enter(t, b, 2, tree.Stream, -1)
	for id := range uint64(2) {
		if v, err := b.done(id+1, framing.DoneDelivered, true); err != nil || v.verified || !v.delivers {
			t.Errorf("%+v, %v", v, err)
		}
	}
	b.close()
	if err := b.compare(framing.Receipt{Delivered: 2, Bytes: 7}); err != nil {
		t.Error(err)
	}
}

// count adds a verdict to what a receipt has to say.
func count(r *framing.Receipt, status framing.DoneStatus, content uint64) {
	switch status {
	case framing.DoneDelivered, framing.DoneRenamed, framing.DoneReplaced:
		r.Delivered++
		r.Bytes += content
	case framing.DoneSkipped:
		r.Skipped++
	default:
		r.Same++
	}
}

// The receipt agrees with the verdicts, whatever they were; and no other one does. All room
// in the window is given back.
func TestReceiptAgreesWithTheVerdicts(t *testing.T) {
	statuses := []framing.DoneStatus{
		framing.DoneDelivered, framing.DoneSame, framing.DoneSkipped, framing.DoneRenamed, framing.DoneEqual, framing.DoneReplaced,
		framing.DoneSameAdjusted, framing.DoneEqualAdjusted,
	}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := newTestBook(t)
		var want framing.Receipt
		var sums checksum.Sumset
		n := uint64(1 + r.IntN(40))
		for id := uint64(1); id <= n; id++ {
			kind := []tree.Kind{tree.File, tree.Folder, tree.Symlink, tree.Stream}[r.IntN(4)]
			size := int64(r.IntN(1 << 20))
			e := enter(t, b, id, kind, size)
			content := e.hasContent()
			if r.IntN(5) == 0 {
				if _, err := b.fault(id); err != nil {
					t.Fatal(err)
				}
				want.Failed++
				continue
			}
			root := checksum.Digest{byte(id), byte(seed)}
			length := int64(r.IntN(1 << 20)) // the content may be another one by now
			if content {
				b.hashed(e, root, length)
			}
			status := statuses[r.IntN(len(statuses))]
			equal := status == framing.DoneEqual || status == framing.DoneEqualAdjusted
			if equal && !content {
				status, equal = framing.DoneSame, false
			}
			v, err := b.done(id, status, false)
			if err != nil {
				t.Fatal(err)
			}
			if !content {
				length = 0
			}
			count(&want, status, uint64(length))
			if verified := content && (v.delivers || equal); verified != v.verified {
				t.Errorf("seed %d: %v of a %v counts as verified: %v", seed, status, kind, v.verified)
			} else if verified {
				sums.Add(id, uint64(length), root)
			}
		}
		if end := b.close(); end.Entries != n {
			t.Errorf("seed %d: END of %d entries", seed, end.Entries)
		}
		want.Digest = sums.Sum()
		for _, durable := range []bool{false, true} {
			want.Durable = durable
			if err := b.compare(want); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		}
		for what, change := range map[string]func(*framing.Receipt){
			"delivered": func(r *framing.Receipt) { r.Delivered++ }, "same": func(r *framing.Receipt) { r.Same++ },
			"skipped": func(r *framing.Receipt) { r.Skipped++ }, "failed": func(r *framing.Receipt) { r.Failed++ },
			"bytes": func(r *framing.Receipt) { r.Bytes++ }, "digest": func(r *framing.Receipt) { r.Digest[31] ^= 1 },
		} {
			got := want
			change(&got)
			var own *transfer.Error
			if err := b.compare(got); !errors.As(err, &own) || own.Code != framing.CodeDigest {
				t.Errorf("seed %d: another number of %s: %v", seed, what, err)
			}
		}
		if !b.window.entries.Try(framing.FirstEntries) || !b.window.bytes.Try(flow.EntryBytes) {
			t.Errorf("seed %d: the window is not empty again", seed)
		}
	}
}

// WARN comes once for an entry, before or after its verdict.
func TestWarnings(t *testing.T) {
	b := newTestBook(t)
	enter(t, b, 1, tree.Root, 0)
	enter(t, b, 2, tree.File, 0)
	if path, err := b.warn(2); path != "item 2" || err != nil {
		t.Errorf("%q, %v", path, err)
	}
	_, err := b.warn(2)
	breaks(t, "a second WARN", err)
	_, err = b.warn(3)
	breaks(t, "a WARN of nothing", err)
	for id := range uint64(2) {
		if _, err := b.done(id+1, framing.DoneSame, false); err != nil {
			t.Fatal(err)
		}
	}
	if path, err := b.warn(1); path != "item 1" || err != nil {
		t.Errorf("of a root that is settled: %q, %v", path, err)
	}
	if path, err := b.warn(2); path != "" || err != nil {
		t.Errorf("of a file that is settled: %q, %v", path, err)
	}
}
