package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// untilStreams waits until the link has n streams.
func untilStreams(ctx context.Context, l *link.Link, n int) {
	for {
		have, more := l.Growth()
		if have >= n {
			return
		}
		select {
		case <-more:
		case <-l.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// A delivery gets the number of streams that both sides want, whoever dials, and
// uses them for one file and for many.
func TestStreams(t *testing.T) {
	src := t.TempDir()
	write(t, filepath.Join(src, "large"), 24*mib+5, 1)
	for i := range 200 {
		write(t, filepath.Join(src, "many", string(rune('a'+i%20)), string(rune('a'+i/20))), i*97, uint64(i))
	}
	for name, c := range map[string]struct {
		send, receive int
		want          int
		dials         bool // the receiver
	}{
		"both the same":                  {4, 4, 4, false},
		"the smaller holds":              {2, 5, 2, false},
		"the receiver's number":          {0, 3, 3, false},
		"as many as there can be":        {16, 0, 16, false},
		"the receiver dials":             {4, 4, 4, true},
		"the receiver dials, its number": {0, 3, 3, true},
		"one":                            {1, 0, 1, true},
		"auto on this machine":           {0, 0, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			dst := t.TempDir()
			a, b, _ := cuttable(t, time.Minute, c.dials)
			d, err := local.NewFolder(dst, local.FolderOptions{})
			must(t, err)
			// Nothing more is sent before all streams are there.
			held := &recorder{act: func(e transfer.Event) {
				if _, ok := e.(transfer.ItemStarted); ok {
					untilStreams(t.Context(), a, c.want)
				}
			}}
			var res transfer.Result
			received := make(chan error, 1)
			go func() {
				var err error
				res, err = receive.Receive(t.Context(), b, receive.Options{Destination: d, Streams: c.receive})
				received <- err
			}()
			sent, err := send.Send(t.Context(), a, send.Options{
				Sources: []send.Source{{Source: tree.Source{Path: src, Name: "src"}}}, Streams: c.send, Observer: held})
			must(t, errors.Join(err, <-received, d.Close()))
			sameTree(t, src, filepath.Join(dst, "src"))
			if sent.Streams != c.want || res.Streams != c.want {
				t.Errorf("%d and %d streams, want %d", sent.Streams, res.Streams, c.want)
			}
			if !sent.Acknowledged || !res.Acknowledged {
				t.Error("receipt or goodbye missing")
			}
		})
	}
}

// To an output everything comes in order, so on one stream.
func TestStreamsNotToAnOutput(t *testing.T) {
	src := t.TempDir()
	content := write(t, filepath.Join(src, "f"), 5*mib, 1)
	out := new(sink)
	s := deliver(t, t.Context(), "", named(filepath.Join(src, "f")), func(so *send.Options, ro *receive.Options, _ *sides) {
		so.Streams, ro.Streams, ro.Output = 4, 4, out
	}).ok(t)
	if s.sent.Streams != 1 || checksum.Sum(out.b) != checksum.Sum(content) {
		t.Errorf("%d streams, %d bytes", s.sent.Streams, len(out.b))
	}
}

type sink struct{ b []byte }

func (s *sink) Write(b []byte) (int, error) { s.b = append(s.b, b...); return len(b), nil }

// Whether all connections are lost, or one of them that carries data only, the
// delivery over several goes on, whoever dials, and moves nothing twice.
func TestCutsOfSeveralStreams(t *testing.T) {
	for name, receiverDials := range map[string]bool{"the sender dials": false, "the receiver dials": true} {
		t.Run(name, func(t *testing.T) {
			src, dst := t.TempDir(), t.TempDir()
			write(t, filepath.Join(src, "large"), 40*mib, 1)
			a, b, w := cuttable(t, time.Minute, receiverDials)
			d, err := local.NewFolder(dst, local.FolderOptions{})
			must(t, err)
			c, alone := &cutter{wire: w, step: 5 * mib}, &onlyLast{wire: w}
			last := &recorder{act: func(e transfer.Event) {
				switch e := e.(type) {
				case transfer.ItemStarted:
					untilStreams(t.Context(), a, 4)
				case transfer.Progress:
					if e.Moved > 20*mib {
						alone.now()
					}
				}
			}}
			received := make(chan error, 1)
			go func() {
				_, err := receive.Receive(t.Context(), b, receive.Options{Destination: d, Observer: c, Streams: 4})
				received <- err
			}()
			res, err := send.Send(t.Context(), a, send.Options{
				Sources: []send.Source{{Source: tree.Source{Path: src, Name: "src"}}}, Streams: 4, Observer: last})
			must(t, errors.Join(err, <-received, d.Close()))
			sameTree(t, src, filepath.Join(dst, "src"))
			if c.cuts < 3 || w.losses < 3 || !alone.cut {
				t.Errorf("%d cuts and %d losses, one connection alone: %v", c.cuts, w.losses, alone.cut)
			}
			if res.Moved != res.Bytes || res.Streams != 4 {
				t.Errorf("%d bytes of content moved for %d, on %d streams", res.Moved, res.Bytes, res.Streams)
			}
		})
	}
}

// onlyLast resets the connection that was made last, once.
type onlyLast struct {
	wire *wire
	cut  bool // under wire.mu
}

// now does nothing while there is only stream 0.
func (o *onlyLast) now() {
	o.wire.mu.Lock()
	defer o.wire.mu.Unlock()
	if n := len(o.wire.conns); !o.cut && !o.wire.lost && n >= 2 {
		o.cut = true
		_ = o.wire.conns[n-1].(*net.TCPConn).SetLinger(0)
		_ = o.wire.conns[n-1].Close()
	}
}

// Of credit that is granted again only for whole chunks, and is for fewer than
// there are streams, no writer keeps a part that another waits for.
func TestCreditForFewerChunksThanStreams(t *testing.T) {
	const chunks, streams = 24, 8
	src := t.TempDir()
	write(t, filepath.Join(src, "f"), chunks*mib, 1)
	bounded(t, 256*mib, func(ctx context.Context) {
		a, b := pair(t)
		p := &peer{t: t, l: b}
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.until(framing.TypeOffer)
			p.accept(framing.Accept{EntryWindow: 1 << 20, EntryBytes: 1 << 30, Streams: streams})
			b.AllowStreams(streams)
			p.until(framing.TypeEntry)
			p.want(framing.Want{ID: 1, Kind: framing.WantAll})
			untilStreams(ctx, b, streams)
			p.credit(5 * mib / 2)
			whole := make(chan int, chunks)
			for i := range streams {
				go takeChunks(p, i, whole)
			}
			for range chunks {
				select {
				case cost := <-whole:
					p.credit(uint32(cost))
				case <-ctx.Done():
					t.Error("not all chunks came")
				}
			}
			p.fault(framing.Fault{ID: 1, Code: framing.CodeNoSpace})
			bye := framing.Bye{Code: framing.CodeNoSpace}
			p.send(framing.TypeBye, bye.Append(nil))
			_ = b.Close() // the sender has left by then
		}()
		_, err := send.Send(ctx, a, send.Options{Sources: named(filepath.Join(src, "f")), Streams: streams})
		<-done
		var own *transfer.Error
		if !errors.As(err, &own) || own.Code != framing.CodeNoSpace {
			t.Errorf("ended with %v", err)
		}
	})
}

// takeChunks reads one stream, and tells the cost of each chunk when it is whole.
func takeChunks(p *peer, stream int, whole chan<- int) {
	in := p.l.Stream(stream)
	cost := 0
	for {
		t, n, err := in.Next()
		if err != nil {
			return
		}
		body, err := in.Body()
		if err != nil {
			return
		}
		if t != framing.TypeData {
			continue
		}
		const flags = 9 // behind the id and the attempt
		if cost += n; body[flags]&framing.DataLast != 0 {
			whole <- cost
			cost = 0
		}
	}
}

// A sender gets no stream beyond those that it may have, and one besides the first
// at the most before its offer is accepted.
func TestStreamsThatAreNotAllowed(t *testing.T) {
	for _, allowed := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(allowed), func(t *testing.T) { streamsNotAllowed(t, allowed) })
	}
}

func streamsNotAllowed(t *testing.T, allowed int) {
	asked, tried := make(chan struct{}), make(chan struct{})
	_, _, _, err := hostile(t, victim{options: func(o *receive.Options) {
		o.Streams = allowed
		o.Accept = func(context.Context, transfer.Offer) error {
			close(asked)
			<-tried
			return nil
		}
	}}, func(p *peer) {
		p.offer()
		<-asked
		refused := func(what string, n int) {
			var le *link.Error
			if err := p.l.Grow(p.t.Context(), n); !errors.As(err, &le) || le.Code != framing.CodeDeclined {
				t.Errorf("%s: %v", what, err)
			}
		}
		refused("a stream too many before ACCEPT", min(allowed, 2)+1)
		if allowed > 1 {
			if err := p.l.Grow(p.t.Context(), 2); err != nil {
				t.Errorf("a stream that is allowed before ACCEPT: %v", err)
			}
		}
		close(tried)
		p.entries(1, file(0, "f", 3))
		p.until(framing.TypeWant)
		if err := p.l.Grow(p.t.Context(), allowed); err != nil {
			t.Errorf("a stream that is allowed: %v", err)
		}
		refused("one too many", allowed+1)
		p.pack(packed(1, "abc"))
		p.end(1)
	})
	must(t, err)
}

func TestHostileOnFurtherStreams(t *testing.T) {
	ask := func(n uint16) func(*peer) {
		return func(p *peer) {
			large(p)
			m := framing.Streams{Count: n}
			p.send(framing.TypeStreams, m.Append(nil))
		}
	}
	on1 := func(ty framing.Type, body []byte) func(*peer) {
		return func(p *peer) {
			large(p)
			if err := p.l.Grow(p.t.Context(), 2); err != nil {
				p.t.Errorf("a second stream: %v", err)
				return
			}
			_ = p.l.Stream(1).Send(true, ty, body)
		}
	}
	end, beat := framing.End{Entries: 1}, framing.Heartbeat{State: framing.StateIdle}
	for _, c := range []rule{
		{"STREAMS to a side that cannot open any", ask(2)},
		{"control on stream 1", on1(framing.TypeEnd, end.Append(nil))},
		{"a heartbeat on stream 1", on1(framing.TypeHeartbeat, beat.Append(nil))},
		{"DATA for nothing on stream 1", on1(framing.TypeData, framing.AppendDataHeader(nil, &framing.DataHeader{ID: 7}))},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, res, told, err := hostile(t, victim{}, c.script)
			wantCode(t, err, told, framing.CodeProtocol)
			if res.Files != 0 {
				t.Errorf("delivered %d files", res.Files)
			}
		})
	}
	t.Run("anything from a receiver on stream 1", func(t *testing.T) {
		src := t.TempDir()
		write(t, filepath.Join(src, "f"), 3*mib, 1)
		a, b := pair(t)
		p := &peer{t: t, l: b}
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.until(framing.TypeOffer)
			p.accept(framing.Accept{EntryWindow: 1 << 20, EntryBytes: 1 << 30, Streams: 2})
			untilStreams(t.Context(), b, 2)
			c := framing.Credit{Bytes: 1}
			_ = b.Stream(1).Send(true, framing.TypeCredit, c.Append(nil))
			p.until(framing.TypeBye)
			_ = b.Close()
		}()
		_, err := send.Send(t.Context(), a, send.Options{Sources: named(filepath.Join(src, "f")), Streams: 2})
		<-done
		wantCode(t, err, p.told, framing.CodeProtocol)
	})
}

// A receiver that dialled opens what it is asked for, each time more, and no more
// than it allows.
func TestStreamsAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		counts []uint16
		ok     bool
	}{
		"two, then three": {[]uint16{2, 3}, true},
		"more than asked": {[]uint16{4}, false},
		"two twice":       {[]uint16{2, 2}, false},
		"fewer":           {[]uint16{3, 2}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dst := t.TempDir()
			d, err := local.NewFolder(dst, local.FolderOptions{})
			must(t, err)
			a, b, err := link.Pipe(link.Config{Role: link.Receiver}, link.Config{Role: link.Sender})
			must(t, err)
			p := &peer{t: t, l: b}
			done := make(chan struct{})
			go func() {
				defer close(done)
				p.offer()
				p.entries(1, file(0, "f", 3))
				p.until(framing.TypeWant)
				for _, n := range c.counts {
					m := framing.Streams{Count: n}
					p.send(framing.TypeStreams, m.Append(nil))
				}
				if c.ok {
					untilStreams(t.Context(), b, int(c.counts[len(c.counts)-1]))
				}
				p.pack(packed(1, "abc"))
				p.end(1)
				p.answer(func(framing.Want) {})
				_ = b.Close()
			}()
			_, err = receive.Receive(t.Context(), a, receive.Options{Destination: d, Streams: 3})
			<-done
			must(t, d.Close())
			if c.ok {
				must(t, err)
				return
			}
			wantCode(t, err, p.told, framing.CodeProtocol)
		})
	}
}

// Each source of unknown length has a chunk that keeps its credit until it is
// whole: a dozen of them do not wait for each other.
func TestManySourcesAtOnce(t *testing.T) {
	dst := t.TempDir()
	var sources []send.Source
	var contents [][]byte
	for i := range 24 {
		b := bytes.Repeat([]byte{byte(i), 1, 2}, 1<<20)
		contents = append(contents, b)
		sources = append(sources, send.Source{Source: tree.Source{Name: fmt.Sprint("s", i)}, Reader: bytes.NewReader(b)})
	}
	s := deliver(t, t.Context(), dst, sources)
	if err := errors.Join(s.sendErr, s.receiveErr); err != nil {
		t.Fatal(err)
	}
	for i, b := range contents {
		if got, err := os.ReadFile(filepath.Join(dst, fmt.Sprint("s", i))); err != nil || !bytes.Equal(got, b) {
			t.Errorf("source %d: %d bytes, %v", i, len(got), err)
		}
	}
}
