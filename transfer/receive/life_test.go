package receive

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/tree"
)

var stateNames = map[state]string{announced: "announced", planned: "planned", asked: "asked", sealed: "sealed", ready: "ready", settled: "settled"}

func (s state) String() string { return stateNames[s] }

// content of one small chunk, and what a sender says of it.
var (
	bytesOf = []byte("content")
	rootOf  = checksum.Sum(bytesOf)
)

// arrow is a method of ledger that changes states, with what it needs to be called on an
// entry of which an attempt may be under way.
type arrow struct {
	name string
	from []state // from which it leads
	to   state
	take func(l *ledger, e *entry) bool // reports whether it was taken
}

func arrows() []arrow {
	return []arrow{
		{"plan", []state{announced}, planned, func(l *ledger, e *entry) bool { return l.plan(e) }},
		{"ask", []state{planned}, asked, func(l *ledger, e *entry) bool {
			return l.ask(&attempt{of: e, number: e.number, item: e.item, form: lone})
		}},
		{"change", []state{asked}, planned, func(l *ledger, e *entry) bool {
			_, _, err := l.change(e, &framing.Changed{ID: e.id, Attempt: e.number + 1}, e.item)
			return err == nil
		}},
		{"seal", []state{asked}, sealed, func(l *ledger, e *entry) bool {
			a := e.attempt
			if a == nil {
				a = &attempt{of: e, item: e.item, form: lone}
			}
			return l.sealSmall(a, sum{true, rootOf, int64(len(bytesOf))})
		}},
		{"hand", []state{sealed}, ready, func(l *ledger, e *entry) bool {
			return l.hand(orNone(e))
		}},
		{"giveUp", []state{announced, planned, asked}, settled, func(l *ledger, e *entry) bool {
			_, ok := l.giveUp(e)
			return ok
		}},
		{"settle", []state{announced, planned, asked, sealed, ready}, settled, func(l *ledger, e *entry) bool {
			_, ok := l.settle(e)
			return ok
		}},
	}
}

func orNone(e *entry) *attempt {
	if e.attempt != nil {
		return e.attempt
	}
	return &attempt{of: e, item: e.item, form: passing}
}

func announceFile(t *testing.T, l *ledger, id uint64) *entry {
	t.Helper()
	e := &entry{id: id, kind: tree.File, name: fmt.Sprint(id), weight: 10, item: &tree.Entry{ID: id, Kind: tree.File, Size: int64(len(bytesOf))}}
	if err := l.announce([]message{arrival{e}}); err != nil {
		t.Fatal(err)
	}
	return e
}

// in returns an entry that was brought into a state by the arrows that lead there.
func in(t *testing.T, l *ledger, id uint64, s state) *entry {
	t.Helper()
	e := announceFile(t, l, id)
	ways := map[state][]string{planned: {"plan"}, asked: {"plan", "ask"}, sealed: {"plan", "ask", "seal"}, ready: {"plan", "ask", "seal", "hand"}, settled: {"settle"}}
	for _, name := range ways[s] {
		for _, a := range arrows() {
			if a.name == name && !a.take(l, e) {
				t.Fatalf("%s was refused in %v", name, e.state)
			}
		}
	}
	if e.state != s {
		t.Fatalf("the entry is %v, want %v", e.state, s)
	}
	return e
}

// Every arrow is taken from the states that it leads from, and refused in all others,
// which it leaves as they are.
func TestArrows(t *testing.T) {
	for s := announced; s <= settled; s++ {
		for _, a := range arrows() {
			l := newLedger()
			e := in(t, l, 1, s)
			before := e.attempt
			taken := a.take(l, e)
			switch {
			case taken != slices.Contains(a.from, s):
				t.Errorf("%s in %v: taken %v", a.name, s, taken)
			case taken && e.state != a.to:
				t.Errorf("%s in %v leads to %v, want %v", a.name, s, e.state, a.to)
			case !taken && (e.state != s || e.attempt != before):
				t.Errorf("%s was refused in %v, and changed the entry: it is %v", a.name, s, e.state)
			}
			if open := l.isOpen(e); open != (e.state != settled) || open != (l.entries[1] == e) {
				t.Errorf("%s in %v: the entry is open %v and known %v", a.name, s, open, l.entries[1] == e)
			}
		}
	}
}

// A comparison that differs leads back to planned, and only when it was ended, once.
func TestDiffer(t *testing.T) {
	l := newLedger()
	e := in(t, l, 1, planned)
	a := &attempt{of: e, item: e.item, form: comparing, compared: &comparison{name: e.name}}
	l.ask(a)
	if _, _, ok := l.differ(a); ok {
		t.Error("it differs before it was compared")
	}
	if !l.compares(a, 7) {
		t.Error("what is compared does not count")
	}
	if l.compared(a, checksum.Sum(nil), false) {
		t.Error("it is whole without the sender's word")
	}
	got, whole, err := l.fileEnd(framing.FileEnd{ID: 1, Size: uint64(e.item.Size), Root: rootOf})
	if got != a || !whole || err != nil || e.state != sealed {
		t.Fatalf("FILEEND: %v %v %v, the entry is %v", got, whole, err, e.state)
	}
	if _, same := l.equal(a); same || l.hand(a) {
		t.Error("other bytes are equal, or a comparison is published")
	}
	if end, kept, ok := l.differ(a); !ok || kept != 7 || end.Root != rootOf || e.state != planned || e.attempt != nil {
		t.Errorf("differ: %v %v, the entry is %v", end, ok, e.state)
	}
	if _, _, ok := l.differ(a); ok {
		t.Error("it differs twice")
	}
}

// The table that life.go draws is the one that the code has: previous states of each.
func TestDrawnTable(t *testing.T) {
	text, err := os.ReadFile("life.go")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^//\tprevious +(.*)$`)
	drawn := make(map[string]bool)
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		to, from, ok := strings.Cut(m[1], ": ")
		if !ok {
			t.Fatalf("no state in %q", m[0])
		}
		for f := range strings.SplitSeq(from, ", ") {
			f, _, _ = strings.Cut(f, " (") // by which arrow
			drawn[f+" → "+to] = true
		}
	}
	for from := announced; from <= settled; from++ {
		for to := announced; to <= settled; to++ {
			key := fmt.Sprintf("%v → %v", from, to)
			if from.may(to) != drawn[key] {
				t.Errorf("%s: the code has it %v, and the drawing %v", key, from.may(to), drawn[key])
			}
			delete(drawn, key)
		}
	}
	if len(drawn) > 0 {
		t.Errorf("drawn, and of no state: %v", drawn)
	}
}

// Whatever the order of the calls, states follow the arrows, the books are right, and the
// delivery is complete when every entry was settled and retired, and not before.
func TestRandomLives(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 0))
		l := newLedger()
		n := 1 + rng.IntN(8)
		var entries []*entry
		model := make(map[*entry]state)
		retired := 0
		ended := false
		for step := 0; retired < n || !ended; step++ {
			if len(entries) < n && rng.IntN(3) == 0 {
				e := announceFile(t, l, uint64(len(entries)+1))
				entries, model[e] = append(entries, e), announced
			}
			if len(entries) == n && !ended && rng.IntN(10) == 0 {
				ended = true
				l.announcedAll(framing.End{Entries: uint64(n)})
			}
			if len(entries) == 0 {
				continue
			}
			e := entries[rng.IntN(len(entries))]
			all := arrows()
			a := all[rng.IntN(len(all))]
			if (a.to == settled) && rng.IntN(4) > 0 {
				continue
			}
			taken := a.take(l, e)
			if taken != slices.Contains(a.from, model[e]) {
				t.Fatalf("seed %d, step %d: %s in %v: taken %v", seed, step, a.name, model[e], taken)
			}
			if taken {
				model[e] = a.to
			}
			if taken && a.to == settled {
				retired++
				l.retire(e)
			}
			check(t, l, model, seed)
			if closed(l.complete) != (ended && retired == n) {
				t.Fatalf("seed %d: complete is %v after %d of %d and END %v", seed, closed(l.complete), retired, n, ended)
			}
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func check(t *testing.T, l *ledger, model map[*entry]state, seed uint64) {
	t.Helper()
	open, held := 0, int64(0)
	for e, s := range model {
		if e.state != s {
			t.Fatalf("seed %d: entry %d is %v, want %v", seed, e.id, e.state, s)
		}
		if s != settled {
			open, held = open+1, held+e.weight
		}
		if (s == asked || s == sealed || s == ready) && e.attempt == nil {
			t.Fatalf("seed %d: entry %d is %v without an attempt", seed, e.id, s)
		}
	}
	if len(l.entries) != open || l.held != held {
		t.Fatalf("seed %d: %d entries of %d bytes, want %d of %d", seed, len(l.entries), l.held, open, held)
	}
}

// What is done for an attempt that is over changes nothing of the next one, and what it
// had is given back once.
func TestAttemptIsOver(t *testing.T) {
	const size = 3 * checksum.ChunkSize
	l := newLedger()
	e := in(t, l, 1, planned)
	e.item.Size = size
	begin := func() *attempt {
		a := &attempt{of: e, number: e.number, item: e.item, form: chunked, chunks: checksum.NewTree(size), basis: &basis{pages: make(map[uint64]*claimPage)}}
		if !l.keep(e, holdings{slot: true, room: 100}) || !l.ask(a) {
			t.Fatal("it was not asked for")
		}
		return a
	}
	first := begin()
	page := newClaimPage(0, 3)
	if !l.stated(first, page) {
		t.Fatal("the page was refused")
	}
	over, had, err := l.change(e, &framing.Changed{ID: 1, Attempt: 1}, e.item)
	if over != first || had.pages != 1 || had.room != 100 || err != nil {
		t.Fatalf("change: %v %+v %v", over == first, had, err)
	}
	second := begin()
	node := checksum.NewNode(make([]byte, checksum.ChunkSize), 1)
	if w, err := l.wrote(first, 1, node, checksum.ChunkSize, 0); err != nil || w.paid != 0 || w.whole {
		t.Errorf("wrote for the first: %+v %v", w, err)
	}
	if !l.wants(second, 1) || l.wants(first, 2) || l.stated(first, page) || second.got != 0 {
		t.Error("the second has what came for the first, or the first still wants")
	}
	if again, spoiled := l.retry(first, 1); again || spoiled {
		t.Error("the first asks again")
	}
	if a, err := l.expect(1, 0); a != nil || err != nil {
		t.Errorf("DATA of the first: %v %v", a, err)
	}
	if a, err := l.expect(1, 1); a != second || err != nil {
		t.Errorf("DATA of the second: %v %v", a == second, err)
	}
	if f, ok := l.settle(e); !ok || f.attempt != second {
		t.Error("it was not settled")
	}
	if had, last := l.retire(e); had.room != 100 || !had.slot || had.pages != 0 || last != nil {
		t.Errorf("retire: %+v %v", had, last)
	}
	if l.keep(e, holdings{room: 1}) || l.ask(second) {
		t.Error("a settled entry is given something")
	}
}
