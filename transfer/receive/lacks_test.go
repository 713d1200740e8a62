package receive

import (
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
)

// lackingOf is an attempt of which chunks differ from an old file of that many bytes, and a pace
// that was told of the reading of old files at 1 GiB a second.
func lackingOf(size int64) (*ledger, *attempt, *pace) {
	e := &entry{id: 1, state: asked}
	a := &attempt{of: e, basis: &basis{lacks: &lacks{size: size, out: make(map[uint64]framing.WantKind)}}}
	e.attempt = a
	p := &pace{agreed: true, heard: func() uint64 { return 0 }, read: 1 << 30, took: time.Second}
	return newLedger(), a, p
}

// measured says that what is asked for came, at that many bytes a second.
func (k *lacks) measured(rate float64) {
	chunks := uint64(len(k.out))
	for i := range k.out {
		k.came(i, k.probe.heard+chunks<<20)
	}
	k.probe.ended = k.probe.began.Add(time.Duration(float64(chunks<<20) / rate * float64(time.Second)))
}

// differ has the chunks from first to last differ.
func (k *lacks) differ(first, last uint64) {
	for i := first; i <= last; i++ {
		k.add(i)
	}
}

func (l *ledger) wantStep(t *testing.T, a *attempt, p *pace, want step) {
	t.Helper()
	got, ok := l.lacking(a, p)
	if got != want || ok != (want != step{}) {
		t.Fatalf("the next step is %+v, %v, want %+v", got, ok, want)
	}
}

// On a slow link one chunk measures it, and the old file is listed once that is worth it.
func TestLacksOnSlowLink(t *testing.T) {
	l, a, p := lackingOf(1 << 30)
	k := a.basis.lacks
	l.wantStep(t, a, p, step{})
	k.differ(0, 0)
	l.wantStep(t, a, p, step{span: span{0, 1}, kind: framing.WantAgain})
	k.differ(5, 6)
	l.wantStep(t, a, p, step{})
	k.measured(6e6)
	l.wantStep(t, a, p, step{}) // two chunks cross sooner than the old file is read
	if !p.looks() || k.mode != weighing {
		t.Fatalf("a slow link is not taken for one: %v", k.mode)
	}
	k.differ(10, 300)
	l.wantStep(t, a, p, step{list: true})
	l.wantStep(t, a, p, step{})
	l.listed(a, 1<<30)
	l.wantStep(t, a, p, step{span: span{5, 2}, kind: framing.WantPatch})
	l.wantStep(t, a, p, step{span: span{10, askAhead - 2}, kind: framing.WantPatch})
	l.wantStep(t, a, p, step{})
	if k.came(11, 0) {
		t.Error("more is asked for although there is enough under way")
	}
	for i := range uint64(askAhead/2 - 1) {
		if more := k.came(12+i, 0); more != (len(k.out) <= askAhead/2) {
			t.Fatalf("%d are under way, and more is asked for: %v", len(k.out), more)
		}
	}
	l.wantStep(t, a, p, step{span: span{10 + askAhead - 2, askAhead / 2}, kind: framing.WantPatch})
}

// What was changed in place, in few chunks, comes as it is once that is certain.
func TestLacksFew(t *testing.T) {
	l, a, p := lackingOf(1 << 30)
	k := a.basis.lacks
	k.open = 1
	k.differ(7, 8)
	l.wantStep(t, a, p, step{span: span{7, 1}, kind: framing.WantAgain})
	k.measured(6e6)
	l.wantStep(t, a, p, step{})
	if l.allStated(a) {
		t.Error("a page is not answered, and all is known")
	}
	l.wantStep(t, a, p, step{})
	k.open = 0
	l.wantStep(t, a, p, step{span: span{8, 1}, kind: framing.WantAgain})
}

// A fast link is measured by more than one chunk, and known from then on.
func TestLacksOnFastLink(t *testing.T) {
	l, a, p := lackingOf(1 << 30)
	k := a.basis.lacks
	k.differ(0, 99)
	l.wantStep(t, a, p, step{span: span{0, 1}, kind: framing.WantAgain})
	k.measured(400e6)
	l.wantStep(t, a, p, step{span: span{1, probeMore}, kind: framing.WantAgain})
	k.measured(400e6)
	l.wantStep(t, a, p, step{span: span{1 + probeMore, 99 - probeMore}, kind: framing.WantAgain})
	if p.looks() {
		t.Error("a fast link is looked at again")
	}
	l, a, _ = lackingOf(1 << 30)
	a.basis.lacks.differ(3, 3)
	l.wantStep(t, a, p, step{span: span{3, 1}, kind: framing.WantAgain})
	if a.basis.lacks.mode != whole {
		t.Error("it is measured again")
	}
}

// A chunk may come as copies if it was asked for so, and once.
func TestPatched(t *testing.T) {
	l, a, p := lackingOf(1 << 30)
	limit, err := transfer.NewLimit(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	p.limit = limit
	a.basis.lacks.differ(4, 4)
	l.wantStep(t, a, p, step{}) // nothing is measured, but one is few
	a.basis.lacks.differ(5, 9)
	l.wantStep(t, a, p, step{list: true})
	l.listed(a, 1<<30)
	l.wantStep(t, a, p, step{span: span{4, 6}, kind: framing.WantPatch})
	for _, want := range []struct {
		index         uint64
		wanted, asked bool
	}{{3, false, false}, {4, true, true}, {4, false, false}} {
		if wanted, asked := l.patched(a, want.index); wanted != want.wanted || asked != want.asked {
			t.Errorf("chunk %d is wanted: %v, asked for: %v", want.index, wanted, asked)
		}
	}
	a.of.attempt = nil
	if wanted, asked := l.patched(a, 4); wanted || !asked {
		t.Errorf("of an attempt that is over it is wanted: %v, asked for: %v", wanted, asked)
	}
}

// What slows the link or the reading of old files decides, whichever it is.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		name       string
		read       int64
		took, came time.Duration // of 1 MiB of content
		slow       bool
	}{
		{"50 Mbit/s and a fast disk", 1 << 30, time.Second, 170 * time.Millisecond, true},
		{"50 Mbit/s and a slow disk", 1 << 30, 10 * time.Second, 170 * time.Millisecond, true},
		{"1 Gbit/s and a fast disk", 1 << 30, time.Second, 9 * time.Millisecond, false},
		{"400 Mbit/s and a slow disk", 1 << 30, 10 * time.Second, 21 * time.Millisecond, false},
		{"nothing was read", 0, 0, 170 * time.Millisecond, true},
		{"no time passes", 1 << 30, 0, 0, false},
	} {
		p := &pace{agreed: true, read: c.read, took: c.took}
		p.judge(1<<20, c.came)
		if judged, slow := p.known(); !judged || slow != c.slow {
			t.Errorf("%s: slow is %v", c.name, slow)
		}
	}
}

// What an old file has is taken over at its place, until it is listed and as far as it is: not
// if there is no room for a list, which is known only when its turn has come.
func TestFinds(t *testing.T) {
	l, a, _ := lackingOf(1 << 30)
	k, p := a.basis.lacks, newClaimPage(64, oldPage)
	for _, c := range []struct {
		mode  lackMode
		reach int64
		finds bool
	}{{weighing, 0, false}, {listing, 0, false}, {patching, 128<<20 - 1, false}, {patching, 128 << 20, true}, {whole, 0, false}} {
		if k.mode = c.mode; c.mode == patching || c.mode == whole {
			k.ready = make(chan struct{})
			l.listed(a, c.reach)
		}
		if finds := l.finds(a, p); finds != c.finds || k.mode != c.mode {
			t.Errorf("%v: it is found wherever it is: %v, mode %v", c, finds, k.mode)
		}
	}
}

// Chunks that differ here and there wait for being asked for up to a bound: then they come by
// themselves.
func TestManyRuns(t *testing.T) {
	l, a, _ := lackingOf(1 << 40)
	for i := range uint64(maxRuns) {
		if !l.holds(a) {
			t.Fatalf("with %d runs no page is held any more", i)
		}
		a.basis.lacks.add(2 * i)
	}
	if l.holds(a) {
		t.Error("there are as many runs as may be, and more pages are held")
	}
}

// The chunk that measures the link is asked for at once.
func TestMeasureWaitsForNobody(t *testing.T) {
	l, a, p := lackingOf(1 << 30)
	a.basis.lacks.differ(0, 3)
	sent := &sentFrames{sent: make(map[framing.Type]int)}
	k := &asker{ledger: l, pace: p, requests: &requests{control: sent}}
	if err := k.differing(a); err != nil || sent.sent[framing.TypeWant] != 1 {
		t.Errorf("%v: %d WANTs left", err, sent.sent[framing.TypeWant])
	}
}

// Pages are answered in any order. What measures the link is of the first one, if it differs.
func TestMeasureAwaitsTheFirstPage(t *testing.T) {
	l, a, p := lackingOf(1 << 30)
	k := a.basis.lacks
	k.awaits = true
	k.differ(103, 127)
	l.wantStep(t, a, p, step{})
	k.differ(0, 0)
	k.awaits = false
	l.wantStep(t, a, p, step{span: span{0, 1}, kind: framing.WantAgain})

	l, a, p = lackingOf(1 << 30)
	k = a.basis.lacks
	k.awaits, k.all = true, true // it was not stated, since it was there
	k.differ(103, 127)
	l.wantStep(t, a, p, step{span: span{103, 1}, kind: framing.WantAgain})
}
