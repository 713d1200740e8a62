package relay

import (
	"bytes"
	"io"
	"net"
	"testing"

	"ferry/framing"
)

// TestMeeting: either side first, both directions, each with its own end, and further
// connections by the call of the first.
func TestMeeting(t *testing.T) {
	for _, first := range []string{"listener", "dialler"} {
		t.Run(first+" first", func(t *testing.T) {
			_, addr, _, _ := start(t, Config{Limits: plenty()})
			listener, dialler := dial(t, addr), dial(t, addr)
			if first == "listener" {
				listener.claim("7")
				dialler.seek("7", [16]byte{})
			} else {
				dialler.seek("7", [16]byte{})
				if m, err := framing.ParseWait(dialler.hear(framing.TypeWait)); err != nil || m.Instance != [8]byte{} {
					t.Fatalf("%+v, %v", m, err)
				}
				listener.claim("7")
			}
			m, err := framing.ParseWait(dialler.hear(framing.TypeWait))
			if at := m.Seen.AddrPort().String(); err != nil || m.Instance != instance || at != dialler.conn.LocalAddr().String() {
				t.Fatalf("%+v, %s, %v", m, at, err)
			}
			other := listener.joined(addr)
			ok, err := framing.ParseOK(dialler.hear(framing.TypeOK))
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{1, 100_000, 9 << 20} {
				passes(t, dialler.conn, other.conn, n)
				passes(t, other.conn, dialler.conn, n)
			}
			further := dial(t, addr)
			further.seek("7", ok.Call)
			second := listener.joined(addr)
			if again, err := framing.ParseOK(further.hear(framing.TypeOK)); err != nil || again != ok {
				t.Fatalf("%+v instead of %+v, %v", again, ok, err)
			}
			passes(t, further.conn, second.conn, 1000)
			halfCloses(t, dialler.conn, other.conn)
		})
	}
}

// halfCloses checks that an end in one direction passes, and leaves the other alone.
func halfCloses(t *testing.T, a, b net.Conn) {
	t.Helper()
	a.Write([]byte("last"))
	a.(halfCloser).CloseWrite()
	if got, err := io.ReadAll(b); err != nil || string(got) != "last" {
		t.Fatalf("%q, %v", got, err)
	}
	passes(t, b, a, 300_000)
	b.(halfCloser).CloseWrite()
	if got, err := io.ReadAll(a); err != nil || len(got) != 0 {
		t.Fatalf("%q, %v", got, err)
	}
}

// A listener with the ticket has its room again, also at a relay that knows nothing; one
// without has not.
func TestReclaim(t *testing.T) {
	_, addr, _, stop := start(t, Config{Limits: plenty()})
	a := dial(t, addr)
	if c := a.claim(""); c.Number < firstLate || c.Number > 999 || c.Keep != 900 {
		t.Errorf("%+v", c)
	}
	a = dial(t, addr)
	a.claim("7")
	b := dial(t, addr)
	m := framing.Claim{Room: framing.RelayRoom(nil, "7"), Ticket: [32]byte{8}}
	b.say(framing.TypeClaim, m.Append(nil))
	b.refused(framing.CodeLocked)
	again := dial(t, addr)
	again.claim("7") // while the old connection seems to live
	a.refused(framing.CodeVanished)
	stop()
	_, addr, _, _ = start(t, Config{Limits: plenty()})
	again = dial(t, addr)
	again.claim("7")
	again.say(framing.TypePing, (&framing.Ping{Serial: 5}).Append(nil))
	if p := again.hear(framing.TypePong); !bytes.Equal(p, []byte{0, 0, 0, 5}) {
		t.Errorf("PONG %x", p)
	}
	again.say(framing.TypeLeave, []byte{0})
	if _, err := again.conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("%v instead of the end", err)
	}
	b = dial(t, addr)
	b.say(framing.TypeClaim, m.Append(nil))
	b.hear(framing.TypeClaimed)
}

func TestToken(t *testing.T) {
	token := []byte("the token of the relay")
	_, addr, _, _ := start(t, Config{Limits: plenty(), Token: token})
	without := dial(t, addr)
	without.seek("7", [16]byte{})
	without.refused(framing.CodePermission)
	wrong := dial(t, addr)
	mac := framing.RelayMAC([]byte("another"), wrong.hello.Nonce, wrong.own.Nonce)
	wrong.say(framing.TypeAuth, mac[:])
	wrong.refused(framing.CodePermission)
	right := dial(t, addr)
	mac = framing.RelayMAC(token, right.hello.Nonce, right.own.Nonce)
	right.say(framing.TypeAuth, mac[:])
	right.claim("7")
}
