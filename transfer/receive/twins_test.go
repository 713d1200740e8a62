package receive

import (
	"fmt"
	"strings"
	"testing"

	"ferry/transfer"
	"ferry/transfer/internal/flow"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// relatingDisk has names, and tells them apart or not.
type relatingDisk struct {
	has   map[string]bool
	folds bool
	asked int
	told  func() // is called once, after the disk was looked at
}

func (d *relatingDisk) Relate(e *tree.Entry, other string, _ bool) (storage.Relation, error) {
	d.asked++
	key := func(name string) string {
		if d.folds {
			return strings.ToLower(name)
		}
		return name
	}
	one, two := d.has[key(e.Name)], d.has[key(other)]
	if told := d.told; told != nil {
		d.told = nil
		told()
	}
	switch {
	case !one && !two:
		return storage.Unknown, nil
	case key(e.Name) == key(other):
		return storage.Together, nil
	}
	return storage.Apart, nil
}

func (d *relatingDisk) Borrowed(*tree.Entry) (bool, error) { return false, nil }

// meeting has entries meet, and hears of those that are settled.
type meeting struct {
	*twins
	settle *settler
}

func newMeeting(d *relatingDisk, policy transfer.ConflictPolicy) meeting {
	d.has = make(map[string]bool)
	t := newTwins(&site{Landing: storage.Landing{Twins: d}}, policy, nil)
	return meeting{t, &settler{twins: t, plans: flow.NewQueue[message]()}}
}

func entryNamed(id uint64, name string) *entry {
	return &entry{id: id, name: name, kind: tree.File, item: &tree.Entry{ID: id, Name: name, Kind: tree.File}}
}

func meets(t *testing.T, m meeting, e *entry) (wait bool) {
	t.Helper()
	wait, err := m.meet(e)
	if err != nil {
		t.Fatal(err)
	}
	return wait
}

// A twin waits until the entry before it is settled, and is a conflict only where
// the file system takes one name for the other and something came of that entry.
func TestTwinWaits(t *testing.T) {
	for _, c := range []struct {
		folds, stands, twin bool
	}{{true, true, true}, {true, false, false}, {false, true, false}} {
		d := &relatingDisk{folds: c.folds}
		r := newMeeting(d, transfer.ConflictOverwrite)
		first, second, other := entryNamed(1, "Same"), entryNamed(2, "same"), entryNamed(3, "other")
		if meets(t, r, first) || d.asked != 0 {
			t.Error("the first waits, or the disk was asked")
		}
		if !meets(t, r, second) {
			t.Fatal("the second does not wait")
		}
		if meets(t, r, other) || d.asked != 1 {
			t.Errorf("another waits, or the disk was asked %d times", d.asked)
		}
		at := ""
		if c.stands {
			at = "Same"
			d.has[map[bool]string{true: "same", false: "Same"}[c.folds]] = true
		}
		r.settle.stands(first, at)
		if m, ok, _ := r.settle.plans.Try(); !ok || m != (released{second}) {
			t.Fatal("the second is not planned again")
		}
		if meets(t, r, second) || second.isTwin() != c.twin {
			t.Errorf("%+v: it waits, or is a twin: %v", c, second.isTwin())
		}
	}
}

// An entry that is settled after the disk was looked at, and before the twin waits
// for it, is what the twin would replace.
func TestTwinSettledMeanwhile(t *testing.T) {
	for _, folds := range []bool{true, false} {
		d := &relatingDisk{folds: folds}
		r := newMeeting(d, transfer.ConflictOverwrite)
		first, second := entryNamed(1, "Same"), entryNamed(2, "same")
		meets(t, r, first)
		d.told = func() {
			d.has[map[bool]string{true: "same", false: "Same"}[folds]] = true
			r.settle.stands(first, "Same")
		}
		if meets(t, r, second) || second.isTwin() != folds {
			t.Errorf("folds %v: it waits, or is a twin: %v", folds, second.isTwin())
		}
	}
}

// Of a folder that tells names apart no table of them is kept; of one that does
// not, up to the limit.
func TestTwinsForget(t *testing.T) {
	for _, folds := range []bool{false, true} {
		d := &relatingDisk{folds: folds}
		r := newMeeting(d, transfer.ConflictOverwrite)
		const n = maxNames + 1000
		for i := range uint64(n) {
			name := fmt.Sprintf("name-%d", i)
			e := entryNamed(i+1, name)
			if meets(t, r, e) || e.isTwin() {
				t.Fatal("it waits, or is a twin")
			}
			if !folds && e.unsure() || folds && e.unsure() != (i >= maxNames) {
				t.Fatalf("entry %d is unsure: %v", i, e.unsure())
			}
			d.has[name] = true
			r.settle.stands(e, name)
		}
		most := maxNames
		if !folds {
			most = maxUnsure
		}
		if r.top.count > most || d.asked > 200 {
			t.Errorf("folds %v: %d names are kept, and the disk was asked %d times", folds, r.top.count, d.asked)
		}
	}
}

// A name is hashed by its key, whichever way that is made.
func TestTwinsHash(t *testing.T) {
	tw := newTwins(&site{Landing: storage.Landing{Twins: &relatingDisk{}}}, transfer.ConflictOverwrite, nil)
	for _, pair := range [][2]string{{"Same. .", "same"}, {"É", "e\u0301"}, {"\u212a", "k"}} {
		if tw.hash(pair[0]) != tw.hash(pair[1]) {
			t.Errorf("%q and %q have two hashes", pair[0], pair[1])
		}
	}
	if tw.hash("a") == tw.hash("b") {
		t.Error("a and b have one hash")
	}
}

func BenchmarkTwinsOfAName(b *testing.B) {
	tw := newTwins(&site{Landing: storage.Landing{Twins: &relatingDisk{}}}, transfer.ConflictOverwrite, nil)
	b.ReportAllocs()
	for i := range b.N {
		e := entryNamed(uint64(i+1), "Abc-file-1.txt")
		h := tw.hash(e.name)
		tw.note(&tw.top, h, e, e.name)
		tw.others(&tw.top, h, e, false)
		tw.settled(e, "")
	}
}
