package relay

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ferry/framing"
)

// world plays a core's connections in a time of its own.
type world struct {
	t    *testing.T
	c    *core
	now  time.Time
	last id
	said map[id][]framing.Type // by connection
	nos  map[id]framing.Code
	mate map[id]id
	call map[id][16]byte // of OK
	// knocks are the calls of each control connection, the oldest first.
	knocks map[id][][16]byte
}

func newWorld(t *testing.T, limits Limits) *world {
	now := time.Unix(1_000_000, 0)
	return &world{
		t: t, c: newCore(limits, seeded{rand.New(rand.NewPCG(1, 2))}, now), now: now,
		said: make(map[id][]framing.Type), nos: make(map[id]framing.Code), mate: make(map[id]id), call: make(map[id][16]byte), knocks: make(map[id][][16]byte),
	}
}

// seeded is a source of the same bytes in every run.
type seeded struct{ r *rand.Rand }

func (s seeded) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s.r.Uint32())
	}
	return len(p), nil
}

// do notes what an event led to.
func (w *world) do() {
	w.t.Helper()
	for _, a := range w.c.take() {
		switch a.kind {
		case actEnd:
			w.nos[a.to] = a.code
			w.c.gone(w.now, a.to)
		case actPair:
			w.mate[a.to], w.mate[a.mate] = a.mate, a.to
			m, err := framing.ParseOK(a.body)
			if err != nil {
				w.t.Fatal(err)
			}
			w.call[a.to] = m.Call
		case actSay:
			w.said[a.to] = append(w.said[a.to], a.frame)
			if a.frame == framing.TypeKnock {
				m, err := framing.ParseKnock(a.body)
				if err != nil {
					w.t.Fatal(err)
				}
				w.knocks[a.to] = append(w.knocks[a.to], m.Call)
			}
		}
	}
}

// peer is a new connection from 192.0.2.n.
func (w *world) peer(n byte) peer {
	w.last++
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, n}), 4000)
	return peer{id: w.last, source: prefixOf(at.Addr()), seen: at}
}

func (w *world) claim(from byte, room, ticket byte) id {
	p := w.peer(from)
	m := framing.Claim{Ticket: [32]byte{ticket}, Instance: instance}
	if m.Allocate = room == 0; !m.Allocate {
		m.Room = [16]byte{room}
	}
	w.c.claim(w.now, p, m)
	w.do()
	return p.id
}

func (w *world) seek(from byte, room byte, call [16]byte) id {
	p := w.peer(from)
	w.c.seek(w.now, p, framing.Seek{Room: [16]byte{room}, Call: call})
	w.do()
	return p.id
}

// join answers the oldest KNOCK of a control connection.
func (w *world) join(control id, from byte) id {
	p := w.peer(from)
	call := [16]byte{1}
	if k := w.knocks[control]; len(k) > 0 {
		call, w.knocks[control] = k[0], k[1:]
	}
	w.c.join(w.now, p, framing.Join{Call: call})
	w.do()
	return p.id
}

func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.c.tick(w.now)
	w.do()
}

func (w *world) wantNo(who id, want framing.Code) {
	w.t.Helper()
	if got, refused := w.nos[who]; !refused || got != want {
		w.t.Errorf("connection %d: NO with %v (%v) instead of %v", who, got, refused, want)
	}
}

// check holds what is always true.
func (w *world) check() {
	w.t.Helper()
	fail := func(format string, args ...any) { w.t.Helper(); w.t.Fatalf(format, args...) }
	parked, links := map[netip.Prefix]int{}, map[netip.Prefix]int{}
	waiting := 0
	for key, r := range w.c.rooms {
		if r.key != key || !r.held && len(r.waiting) == 0 {
			fail("room %x is there for nothing", key)
		}
		if r.held {
			parked[r.source]++
			if w.c.tickets[r.ticket] != r || r.control != 0 && w.c.controls[r.control] != r {
				fail("room %x is not found by its ticket or connection", key)
			}
		}
		of := map[netip.Prefix]int{}
		open := 0
		for _, k := range r.waiting {
			waiting++
			parked[k.seeker.source]++
			if k.room != r || w.c.calls[k.id] != k || w.c.seekers[k.seeker.id] != k {
				fail("a call of room %x is not found", key)
			}
			if !k.knocked.IsZero() {
				if r.control == 0 {
					fail("a KNOCK to nobody")
				}
				if !k.further {
					open++
					of[k.seeker.source]++
				}
			}
		}
		for source, n := range of {
			if n > sourceKnocks || open > roomKnocks {
				fail("%d KNOCKs, %d of %v", open, n, source)
			}
		}
		if len(r.passes) > roomPasses {
			fail("%d passes", len(r.passes))
		}
	}
	for _, l := range w.c.links {
		links[l.seeker]++
		if l.listener != l.seeker {
			links[l.listener]++
		}
	}
	for p, s := range w.c.sources {
		if s.parked != parked[p] || s.links != links[p] || s.parked > w.c.limits.PerSource+roomFurther || s.links > linksOf*w.c.limits.PerSource+1 {
			fail("%v has %d of %d parked, %d of %d links", p, s.parked, parked[p], s.links, links[p])
		}
	}
	if waiting != len(w.c.calls) || waiting != len(w.c.seekers) || len(w.c.tickets) > w.c.limits.Rooms || len(w.c.links) > w.c.limits.Links {
		fail("%d waiting, %d calls, %d seekers, %d rooms, %d links", waiting, len(w.c.calls), len(w.c.seekers), len(w.c.tickets), len(w.c.links))
	}
}

// TestCoreAtRandom: whatever comes in whatever order, the counts agree, the limits hold,
// and in the end nothing is left.
func TestCoreAtRandom(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t, Limits{Rooms: 6, Links: 8, PerSource: 4})
			var controls, others []id
			var calls [][16]byte
			pick := func(ids []id) id {
				if len(ids) == 0 {
					return 0
				}
				return ids[r.IntN(len(ids))]
			}
			for range 1500 {
				from := byte(r.IntN(5))
				switch r.IntN(12) {
				case 0, 1:
					controls = append(controls, w.claim(from, byte(r.IntN(8)), byte(1+r.IntN(12))))
				case 2, 3, 4:
					call := [16]byte{}
					if len(calls) > 0 && r.IntN(2) == 0 {
						call = calls[r.IntN(len(calls))]
					}
					others = append(others, w.seek(from, byte(1+r.IntN(8)), call))
				case 5, 6, 7:
					j := w.join(pick(controls), from)
					if s := w.mate[j]; s != 0 {
						calls = append(calls, w.call[s])
					}
				case 8:
					w.c.gone(w.now, pick(slices.Concat(controls, others)))
					w.do()
				case 9:
					w.c.ended(w.now, pick(others))
				case 10:
					w.c.leave(w.now, pick(controls), []framing.Code{0, framing.CodeCodeRefused}[r.IntN(2)])
					w.do()
				case 11:
					w.pass(time.Duration(r.IntN(20_000)) * time.Millisecond)
				}
				w.check()
			}
			for _, who := range slices.Concat(controls, others) {
				w.c.gone(w.now, who)
				w.c.ended(w.now, who)
			}
			w.do()
			w.pass(keepTime)
			w.pass(2 * burntWindow)
			w.check()
			if n := len(w.c.rooms) + len(w.c.calls) + len(w.c.links) + len(w.c.sources) + len(w.c.controls); n != 0 {
				t.Errorf("%d things are left", n)
			}
		})
	}
}

func TestCoreLimits(t *testing.T) {
	w := newWorld(t, Limits{Rooms: 3, Links: 2, PerSource: 2})
	w.claim(1, 1, 1)
	w.claim(1, 2, 2)
	w.wantNo(w.claim(1, 3, 3), framing.CodeBusy) // of one source
	room := w.claim(2, 4, 4)
	w.wantNo(w.claim(3, 5, 5), framing.CodeBusy)   // in all
	w.wantNo(w.claim(3, 4, 5), framing.CodeLocked) // taken
	w.c.gone(w.now, room)
	w.do()
	if again := w.claim(9, 4, 4); w.nos[again] != 0 {
		t.Error("the ticket was refused")
	}
	w.c.leave(w.now, w.last, 0)
	control := w.claim(2, 4, 6)
	for range 2 {
		w.seek(5, 4, [16]byte{})
		w.join(control, 2)
	}
	third := w.seek(6, 4, [16]byte{})
	w.wantNo(w.join(control, 2), framing.CodeBusy) // links
	w.wantNo(third, framing.CodeBusy)
	late := w.seek(6, 4, [16]byte{})
	w.pass(knockTime)
	w.wantNo(late, framing.CodeTimeout)
	w.wantNo(w.join(control, 2), framing.CodeVanished)
	w.check()
}

// A listener that was started again has no ticket. It gets the room that it has left alone,
// and nobody else does.
func TestCoreStartedAgain(t *testing.T) {
	w := newWorld(t, Limits{Rooms: 3, Links: 2, PerSource: 2})
	first := w.claim(1, 1, 1)
	seeker := w.seek(2, 1, [16]byte{})
	w.wantNo(w.claim(1, 1, 2), framing.CodeLocked) // it is there
	w.c.gone(w.now, first)
	w.do()
	w.wantNo(w.claim(3, 1, 3), framing.CodeLocked) // of another source
	again := w.claim(1, 1, 2)
	if w.nos[again] != 0 || len(w.knocks[again]) != 1 {
		t.Fatalf("NO %v, %d KNOCKs", w.nos[again], len(w.knocks[again]))
	}
	if w.join(again, 1); w.mate[seeker] == 0 {
		t.Error("who waited was not joined")
	}
	w.wantNo(w.claim(1, 1, 1), framing.CodeLocked) // the old ticket is worth nothing
	w.check()
}

// One source's crowd at a room leaves a place for another.
func TestCoreCrowd(t *testing.T) {
	w := newWorld(t, Limits{Rooms: 100, Links: 100, PerSource: 16})
	control := w.claim(1, 1, 1)
	for range 200 {
		w.seek(2, 1, [16]byte{})
	}
	if n := len(w.knocks[control]); n != sourceKnocks {
		t.Fatalf("%d KNOCKs of a crowd", n)
	}
	honest := w.seek(3, 1, [16]byte{})
	w.knocks[control] = w.knocks[control][sourceKnocks:]
	if w.join(control, 1); w.mate[honest] == 0 {
		t.Fatal("the other one was not joined")
	}
	further := w.seek(3, 1, w.call[honest])
	w.knocks[control] = w.knocks[control][len(w.knocks[control])-1:]
	if w.join(control, 1); w.mate[further] == 0 {
		t.Fatal("a further connection was not joined")
	}
	w.check()
}

// Who burns rooms is refused, who met well is not, and a while later all may come again.
func TestCoreBurnt(t *testing.T) {
	w := newWorld(t, Limits{Rooms: 100, Links: 100, PerSource: 16})
	for room := byte(1); room <= burntRooms; room++ {
		control := w.claim(1, room, room)
		for _, from := range []byte{2, 3} {
			s := w.seek(from, room, [16]byte{})
			w.join(control, 1)
			if from == 3 {
				w.pass(shortLink)
			}
			w.c.ended(w.now, s)
		}
		w.c.leave(w.now, control, framing.CodeCodeRefused)
		w.do()
	}
	w.wantNo(w.seek(2, 1, [16]byte{}), framing.CodeCodeRefused)
	if who := w.seek(3, 1, [16]byte{}); w.nos[who] != 0 {
		t.Errorf("who was joined for long is refused: %v", w.nos[who])
	}
	w.pass(burntWindow)
	if who := w.seek(2, 1, [16]byte{}); w.nos[who] != 0 {
		t.Errorf("refused for ever: %v", w.nos[who])
	}
}

// Numbers are short, are not below firstLate at the start, and half of a length stays free.
func TestAllocate(t *testing.T) {
	w := newWorld(t, Limits{Rooms: 1000, Links: 1, PerSource: 1000})
	if _, n := w.c.allocate(w.now, nil); n < firstLate || n >= 10*firstLate {
		t.Errorf("%d at the start", n)
	}
	w.now = w.now.Add(quietStart)
	lengths := map[int]int{}
	for i := range 60 {
		p := w.peer(1)
		w.c.claim(w.now, p, framing.Claim{Allocate: true, Ticket: [32]byte{1, byte(i)}})
		lengths[len(fmt.Sprint(w.c.controls[p.id].number))]++
	}
	if lengths[1] != 5 || lengths[2] != 45 || lengths[3] != 10 {
		t.Errorf("numbers by length: %v", lengths)
	}
}
