package hostile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// Of credit that is granted again only for whole chunks, and is for fewer than
// there are streams, no writer keeps a part that another waits for.
func TestCreditForFewerChunksThanStreams(t *testing.T) {
	const chunks, streams = 24, 8
	src := t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "f"), chunks*deliverytest.MiB, 1)
	bounded(t, 256*deliverytest.MiB, func(ctx context.Context) {
		a, b := deliverytest.Pair(t)
		p := &peer{t: t, l: b}
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.until(framing.TypeOffer)
			p.accept(framing.Accept{EntryWindow: 1 << 20, EntryBytes: 1 << 30, Streams: streams})
			b.AllowStreams(streams)
			p.until(framing.TypeEntry)
			p.want(framing.Want{ID: 1, Kind: framing.WantAll})
			deliverytest.UntilStreams(ctx, b, streams)
			p.credit(5 * deliverytest.MiB / 2)
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
		_, err := send.Send(ctx, a, send.Options{Sources: deliverytest.Named(filepath.Join(src, "f")), Streams: streams})
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

// A sender gets no stream beyond those that it may have, and none besides the first
// before its offer is accepted.
func TestStreamsThatAreNotAllowed(t *testing.T) {
	for _, allowed := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(allowed), func(t *testing.T) { streamsNotAllowed(t, allowed) })
	}
}

func streamsNotAllowed(t *testing.T, allowed int) {
	asked, tried := make(chan struct{}), make(chan struct{})
	_, _, _, err := hostile(t, victim{options: func(o *receive.Options) {
		o.Streams = allowed
		o.Accept = func(context.Context, transfer.Offer, <-chan transfer.Extent) error {
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
		refused("a stream before ACCEPT", 2)
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
	deliverytest.Must(t, err)
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
		deliverytest.Write(t, filepath.Join(src, "f"), 3*deliverytest.MiB, 1)
		a, b := deliverytest.Pair(t)
		p := &peer{t: t, l: b}
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.until(framing.TypeOffer)
			p.accept(framing.Accept{EntryWindow: 1 << 20, EntryBytes: 1 << 30, Streams: 2})
			deliverytest.UntilStreams(t.Context(), b, 2)
			c := framing.Credit{Bytes: 1}
			_ = b.Stream(1).Send(true, framing.TypeCredit, c.Append(nil))
			p.until(framing.TypeBye)
			_ = b.Close()
		}()
		_, err := send.Send(t.Context(), a, send.Options{Sources: deliverytest.Named(filepath.Join(src, "f")), Streams: 2})
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
			deliverytest.Must(t, err)
			a, b, err := link.Pipe(link.Config{Role: link.Receiver}, link.Config{Role: link.Sender})
			deliverytest.Must(t, err)
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
					deliverytest.UntilStreams(t.Context(), b, int(c.counts[len(c.counts)-1]))
				}
				p.pack(packed(1, "abc"))
				p.end(1)
				p.answer(func(framing.Want) {})
				_ = b.Close()
			}()
			_, err = receive.Receive(t.Context(), a, receive.Options{Destination: d, Streams: 3})
			<-done
			deliverytest.Must(t, d.Close())
			if c.ok {
				deliverytest.Must(t, err)
				return
			}
			wantCode(t, err, p.told, framing.CodeProtocol)
		})
	}
}
