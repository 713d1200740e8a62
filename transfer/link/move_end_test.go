package link

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ferry/transfer/link/memory"
)

// stuck gives one TLS record to each Read, and none any more once the link has another
// epoch: RESUME never comes.
type stuck struct {
	net.Conn
	link *Link
	rest []byte
}

func (s *stuck) Read(p []byte) (int, error) {
	if epoch, _ := s.link.conns.place(); epoch > 0 {
		_, err := io.Copy(io.Discard, s.Conn)
		if err == nil {
			err = io.EOF
		}
		return 0, err
	}
	if len(s.rest) == 0 {
		head := make([]byte, 5)
		if _, err := io.ReadFull(s.Conn, head); err != nil {
			return 0, err
		}
		body := make([]byte, binary.BigEndian.Uint16(head[3:]))
		if _, err := io.ReadFull(s.Conn, body); err != nil {
			return 0, err
		}
		s.rest = append(head, body...)
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// A link that ends waits for no answer on a new way that has died: whoever ends it is gone
// in time.
func TestEndWhileItMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		aEnd, bEnd := read(r.a, 0), read(r.b, 0)
		c := &stuck{Conn: r.onward(t), link: r.a}
		moved := make(chan error)
		go func() { moved <- r.a.Move(t.Context(), c) }()
		for epoch := uint32(0); epoch == 0; epoch, _ = r.a.conns.place() {
			time.Sleep(time.Millisecond)
		}
		began := time.Now()
		r.a.Abort(errors.New("enough"))
		if err := <-moved; err == nil {
			t.Error("it moved")
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the move went on for %v", took)
		}
		r.close()
		<-aEnd
		<-bEnd
	})
}

// gate is the listener's end of a connection for a move. It is held where the listener
// confirms that it takes the move.
type gate struct {
	net.Conn
	link *Link
	at   chan struct{} // closed when it confirms
	open chan struct{}
	once sync.Once
}

func (g *gate) Write(p []byte) (int, error) {
	g.link.conns.mu.Lock()
	confirms := g.link.conns.joining > 0
	g.link.conns.mu.Unlock()
	if confirms {
		g.once.Do(func() { close(g.at) })
		<-g.open
	}
	return g.Conn.Write(p)
}

// A listener that closes the link while it confirms a move takes the move first: the other
// side gives up its old connections then, and has the end from the new ones.
func TestEndWhileTheMoveIsConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		grow(t, r, 3)
		ends := []<-chan error{read(r.a, 0), read(r.a, 1), read(r.a, 2)}
		for i := range 3 {
			read(r.b, i)
		}
		conn, theirs := memory.Pair()
		g := &gate{Conn: theirs, link: r.b, at: make(chan struct{}), open: make(chan struct{})}
		if err := r.inner.offer(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		moved := make(chan error, 1)
		go func() { moved <- r.a.Move(t.Context(), conn) }()
		<-g.at
		r.b.EndWriting()
		closed := make(chan error, 1)
		go func() { closed <- r.b.Close() }()
		synctest.Wait()
		close(g.open)
		if err := <-moved; err != nil {
			t.Errorf("the move: %v", err)
		}
		for i, end := range ends {
			if err := <-end; !errors.Is(err, io.EOF) {
				t.Errorf("stream %d ended with %v", i, err)
			}
		}
		if err := r.a.Close(); err != nil {
			t.Errorf("this side: %v", err)
		}
		if err := <-closed; err != nil {
			t.Errorf("the other side: %v", err)
		}
		if n := r.count(EventLost); n > 0 {
			t.Errorf("%d losses were told", n)
		}
		_ = r.listener.Close()
	})
}

// A listener that closes the link takes no move any more, and leaves it as it was.
func TestMoveToOneThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		end := read(r.a, 0)
		read(r.b, 0)
		r.b.EndWriting()
		r.b.conns.part(closeLimit)
		if err := r.a.Move(t.Context(), r.onward(t)); err == nil {
			t.Error("it moved")
		}
		if err := <-end; !errors.Is(err, io.EOF) {
			t.Errorf("it ended with %v", err)
		}
		if err := errors.Join(r.a.Close(), r.b.Close()); err != nil || r.count(EventLost) > 0 {
			t.Errorf("closed with %v, %d losses", err, r.count(EventLost))
		}
		_ = r.listener.Close()
	})
}
