package admission

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeConn has an address and remembers that it was closed.
type fakeConn struct {
	net.Conn
	addr   net.Addr
	closed atomic.Bool
}

func (c *fakeConn) RemoteAddr() net.Addr { return c.addr }
func (c *fakeConn) LocalAddr() net.Addr  { return nil }
func (c *fakeConn) Close() error         { c.closed.Store(true); return nil }

// visitor is a connection in a table of slots.
type visitor struct {
	*Slot
	placed chan bool // what begin returned
}

// visit admits a connection of addr ("ip:port").
func visit(table *Slots, addr string) *visitor {
	c := &fakeConn{addr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))}
	return &visitor{table.Admit(c, ""), make(chan bool, 1)}
}

// speak is visit by one that speaks at once.
func speak(table *Slots, addr string) *visitor {
	v := visit(table, addr)
	go func() { v.placed <- table.Begin(v.Slot) }()
	synctest.Wait()
	return v
}

// state tells how it stands with a visitor: "waits", "in", "out" for one that
// was in, "dropped".
func (v *visitor) state() string {
	closed := v.Conn.(*fakeConn).closed.Load()
	select {
	case in := <-v.placed:
		v.placed <- in
		switch {
		case in && closed:
			return "out"
		case in:
			return "in"
		}
		return "dropped"
	default:
	}
	if closed {
		return "dropped"
	}
	return "waits"
}

func wantStates(t *testing.T, what, want string, of ...*visitor) {
	t.Helper()
	got := make(map[string]int)
	for _, v := range of {
		got[v.state()]++
	}
	if s := fmt.Sprint(got); s != want {
		t.Errorf("%s: %s, want %s", what, s, want)
	}
}

// all is the state of n visitors with places.
func all(n int) string { return fmt.Sprintf("map[in:%d]", n) }

// What a source may have of the places.
func TestSlotsOfSources(t *testing.T) {
	trySlots(t, map[string]func(*testing.T, *Slots){
		"the silent take no place": func(t *testing.T, table *Slots) {
			for range maxPending {
				visit(table, "192.0.2.1:1")
			}
			wantStates(t, "one that speaks", "map[in:1]", speak(table, "192.0.2.1:2"))
		},
		"a source has what nobody else wants": func(t *testing.T, table *Slots) {
			var in []*visitor
			for range maxPending {
				in = append(in, speak(table, "192.0.2.1:1"))
			}
			more := speak(table, "[::ffff:192.0.2.1]:1") // the same in other clothes
			wantStates(t, "all places", all(maxPending), in...)
			wantStates(t, "one more", "map[waits:1]", more)
			table.Shook(in[0].Slot)
			var others []*visitor
			for range maxPerSource {
				others = append(others, speak(table, "192.0.2.2:1"))
			}
			wantStates(t, "another source", all(maxPerSource), others...)
			wantStates(t, "one more of it", "map[waits:1]", speak(table, "192.0.2.2:1"))
			wantStates(t, "the more advanced", "map[in:1]", in[0])
			wantStates(t, "the oldest of the less advanced", fmt.Sprintf("map[out:%d]", maxPerSource), in[1:1+maxPerSource]...)
			wantStates(t, "the rest", all(maxPending-maxPerSource-1), in[1+maxPerSource:]...)
			time.Sleep(grace)
			synctest.Wait()
			wantStates(t, "one more, after the grace of its own", "map[in:1]", more)
			wantStates(t, "the other source", fmt.Sprintf("map[in:%d out:1]", maxPerSource-1), others...)
		},
		"a source keeps its share": func(t *testing.T, table *Slots) {
			var in []*visitor
			for i := range maxPending {
				in = append(in, speak(table, fmt.Sprintf("[2001:db8:0:%d::%d]:1", i/maxPerSource, i)))
			}
			neighbour := speak(table, "[2001:db8:0:ff::1]:1")
			wantStates(t, "another /64", "map[waits:1]", neighbour)
			wantStates(t, "those with places", all(maxPending), in...)
			time.Sleep(grace)
			synctest.Wait()
			wantStates(t, "another /64, after their grace", "map[in:1]", neighbour)
			wantStates(t, "the oldest", "map[out:1]", in[0])
		},
		"who joins a session is neither counted nor thrown out": func(t *testing.T, table *Slots) {
			var in []*visitor
			for range maxPending {
				in = append(in, speak(table, "192.0.2.1:1"))
				table.Exempt(in[len(in)-1].Slot)
			}
			last := speak(table, "192.0.2.1:2")
			time.Sleep(2 * grace)
			wantStates(t, "those who join", all(maxPending), in...)
			wantStates(t, "one more", "map[waits:1]", last)
			table.Release(in[0].Slot)
			synctest.Wait()
			wantStates(t, "one more, then", "map[in:1]", last)
		},
	})
}

// Which connection gets a place that another has.
func TestSlotsChangeHands(t *testing.T) {
	trySlots(t, map[string]func(*testing.T, *Slots){
		"the newest and the oldest take turns": func(t *testing.T, table *Slots) {
			var in, wait []*visitor
			for range maxPending {
				in = append(in, speak(table, "192.0.2.1:1"))
			}
			for range 5 {
				wait = append(wait, speak(table, "192.0.2.1:1"))
			}
			first := table.oldest
			for i := range 4 {
				table.Release(in[i].Slot)
			}
			synctest.Wait()
			wantStates(t, "two from each end", "map[in:4]", wait[0], wait[1], wait[3], wait[4])
			wantStates(t, "the one between", "map[waits:1]", wait[2])
			if table.oldest != first {
				t.Error("they did not take turns")
			}
		},
		"few are thrown out at a time": func(t *testing.T, table *Slots) {
			var in, wait []*visitor
			for range maxPending {
				in = append(in, speak(table, "192.0.2.1:1"))
			}
			time.Sleep(2 * grace)
			for range evictBurst + 3 {
				wait = append(wait, speak(table, "192.0.2.1:1"))
			}
			wantStates(t, "those thrown out at once", fmt.Sprintf("map[in:%d out:%d]", maxPending-evictBurst, evictBurst), in...)
			for i := range 3 {
				time.Sleep(evictStep)
				synctest.Wait()
				out := evictBurst + i + 1
				wantStates(t, "those thrown out", fmt.Sprintf("map[in:%d out:%d]", maxPending-out, out), in...)
			}
			wantStates(t, "those who waited", all(evictBurst+3), wait...)
		},
		"many sources": func(t *testing.T, table *Slots) {
			var in []*visitor
			for i := range maxPending {
				in = append(in, speak(table, fmt.Sprintf("198.51.100.%d:1", i)))
				table.Shook(in[i].Slot)
			}
			last := speak(table, "203.0.113.1:1")
			wantStates(t, "fresh handshakes", all(maxPending), in...)
			wantStates(t, "one more", "map[waits:1]", last)
			time.Sleep(grace)
			synctest.Wait()
			wantStates(t, "the oldest", "map[out:1]", in[0])
			wantStates(t, "one more, then", "map[in:1]", last)
			if n := len(table.busy); n != maxPending {
				t.Errorf("%d places are taken", n)
			}
		},
	})
}

// Which connections are dropped, and when.
func TestSlotsAreBounded(t *testing.T) {
	trySlots(t, map[string]func(*testing.T, *Slots){
		"the silent are dropped before those who wait": func(t *testing.T, table *Slots) {
			var held []*visitor
			for range maxPending {
				held = append(held, speak(table, "192.0.2.1:1"))
			}
			waits := speak(table, "192.0.2.1:1")
			var silent []*visitor
			for range maxWaiting {
				silent = append(silent, visit(table, "192.0.2.1:1"))
			}
			wantStates(t, "who spoke", "map[waits:1]", waits)
			wantStates(t, "the oldest silent", "map[dropped:1]", silent[0])
			wantStates(t, "the others", fmt.Sprintf("map[waits:%d]", maxWaiting-1), silent[1:]...)
			if table.Begin(silent[0].Slot) {
				t.Error("one that was dropped got a place")
			}
			table.Shed()
			wantStates(t, "after shedding", "map[waits:1]", waits)
			wantStates(t, "the silent after shedding", fmt.Sprintf("map[dropped:%d waits:%d]", maxWaiting/2+1, maxWaiting/2-1), silent...)
			wantStates(t, "those with places", all(maxPending), held...)
		},
		"with nobody waiting, half of the places are shed": func(t *testing.T, table *Slots) {
			var in []*visitor
			for range 10 {
				in = append(in, speak(table, "192.0.2.1:1"))
			}
			table.Shook(in[0].Slot)
			table.Exempt(in[1].Slot)
			table.Shed()
			wantStates(t, "the more advanced, and one that joins", all(2), in[0], in[1])
			wantStates(t, "the oldest of the others", "map[out:5]", in[2:7]...)
			wantStates(t, "the newest", all(3), in[7:]...)
		},
		"a delivery keeps its file descriptors where they are few": func(t *testing.T, table *Slots) {
			var in []*visitor
			for range maxSpared + 2 {
				in = append(in, speak(table, "192.0.2.1:1"))
			}
			silent := visit(table, "192.0.2.1:1")
			table.Spare()
			wantStates(t, "as long as there are enough", all(maxSpared+2), in...)
			table.scarce = true
			table.Exempt(in[0].Slot)
			table.Spare()
			wantStates(t, "the silent", "map[dropped:1]", silent)
			wantStates(t, "who joins", all(1), in[0])
			wantStates(t, "the oldest", "map[out:2]", in[1:3]...)
			wantStates(t, "the others", all(maxSpared-1), in[3:]...)
		},
		"nobody waits longer than the limit for TLS": func(t *testing.T, table *Slots) {
			for range maxPending {
				table.Exempt(speak(table, "192.0.2.1:1").Slot)
			}
			last := speak(table, "192.0.2.1:1")
			time.Sleep(TLSLimit)
			synctest.Wait()
			wantStates(t, "after that", "map[dropped:1]", last)
		},
	})
}

// trySlots runs each with slots of its own, and closes them.
func trySlots(t *testing.T, tries map[string]func(*testing.T, *Slots)) {
	t.Helper()
	for name, run := range tries {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := new(Slots)
				run(t, table)
				table.Close()
				synctest.Wait()
				for _, s := range append(table.busy, table.waiting...) {
					if !s.Conn.(*fakeConn).closed.Load() {
						t.Error("Close left a connection open")
					}
				}
			})
		})
	}
}
