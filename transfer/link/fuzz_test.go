package link

import (
	"io"
	"testing"

	"ferry/framing"
	"ferry/transfer/link/cpace"
)

// FuzzStranger speaks bytes on a connection that got through TLS. Whatever they
// are, the listener ends it, believes nothing and counts at most a wrong guess.
func FuzzStranger(f *testing.F) {
	frame := func(t framing.Type, body []byte) []byte {
		return append([]byte{0, 0, byte((1 + len(body)) >> 8), byte(1 + len(body)), byte(t)}, body...)
	}
	hello := newHelloFor(Sender)
	hello.Share = append([]byte{9}, make([]byte, cpace.ShareSize-1)...)
	good := frame(framing.TypeHello, hello.Append(nil))
	f.Add(good)
	f.Add(append(good, frame(framing.TypeProof, make([]byte, macSize))...))
	join := hello
	join.Purpose, join.Method, join.Session[3], join.Stream = framing.PurposeStream, framing.MethodSession, 7, 1
	f.Add(frame(framing.TypeHello, join.Append(nil)))
	old := hello
	old.MinVersion, old.MaxVersion = 5, 6
	f.Add(frame(framing.TypeHello, old.Append(nil)))
	keyed := hello
	keyed.Method = framing.MethodKey
	f.Add(frame(framing.TypeHello, keyed.Append(nil)))
	f.Add(append(frame(framing.TypeHello, keyed.Append(nil)), frame(framing.TypeKeyProof, []byte{1, 2, 1, 3})...))
	f.Add(frame(framing.TypeRefuse, []byte{byte(framing.CodeBusy)}))
	f.Add([]byte{0, 0, 0, 0})

	c, err := ParseCode("7-right")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		cfg := Config{Role: Receiver, Code: c, Keys: admitting(newTestKey(1), newTestKey(3))}
		wrong := wrongAnswers(&cfg)
		l, inner := memoryServer(t, cfg)
		ch := stranger(t, inner.dial)
		if _, err := ch.tls.Write(said); err != nil {
			t.Fatal(err)
		}
		if err := ch.tls.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if err := ch.raw.Flush(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, ch.raw); err == nil {
			t.Error("an end below TLS looks like an orderly one")
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if len(l.seats.taken) > 0 || wrong.Load() > 1 {
			t.Errorf("believed %v, %d wrong confirmations", len(l.seats.taken) > 0, wrong.Load())
		}
	})
}
