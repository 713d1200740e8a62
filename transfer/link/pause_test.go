package link

import (
	"flag"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ferry/framing"
)

var pauseMiB = flag.Int64("pause.mib", 64, "MiB that TestPauseOfAMove sends")

// gaps notes the longest time without a frame, on each stream and on all together.
type gaps struct {
	base time.Time
	last atomic.Int64
	most atomic.Int64
}

func (g *gaps) mark() {
	now := int64(time.Since(g.base))
	gap := now - g.last.Swap(now)
	for most := g.most.Load(); gap > most && !g.most.CompareAndSwap(most, gap); most = g.most.Load() {
	}
}

func (g *gaps) longest() time.Duration { return time.Duration(g.most.Load()) }

// How long nothing comes while a link with three streams moves over loopback, at one third
// of what is sent. The time is told and not required: the machine may be busy.
func TestPauseOfAMove(t *testing.T) {
	cfg := Config{Role: Receiver, Code: code(t, "7-right"), RetryFor: time.Minute}
	ln := listenOn(t, "127.0.0.1:0", cfg)
	defer ln.Close()
	cfg.Role = Sender
	a, err := Dial(t.Context(), ln.Addr().String(), cfg, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	b, err := ln.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const streams = 3
	if err := a.Grow(t.Context(), streams); err != nil {
		t.Fatal(err)
	}
	if err := b.Grow(t.Context(), streams); err != nil {
		t.Fatal(err)
	}
	back := read(a, 0)
	frames := *pauseMiB << 20 / benchFrame / streams
	all := gaps{base: time.Now()}
	var own [streams]gaps
	var got atomic.Int64
	third := make(chan struct{})
	var wg sync.WaitGroup
	began := time.Now()
	for i := range streams {
		own[i].base = all.base
		wg.Go(func() {
			head, payload := make([]byte, 20), make([]byte, benchFrame)
			for range frames {
				if err := a.Stream(i).Send(true, framing.TypeData, head, payload); err != nil {
					t.Error(err)
					return
				}
			}
		})
		wg.Go(func() {
			body := make([]byte, benchFrame+20)
			for range frames {
				if _, _, err := b.Stream(i).Next(); err != nil {
					t.Error(err)
					return
				}
				if err := b.Stream(i).ReadFull(body); err != nil {
					t.Error(err)
					return
				}
				all.mark()
				own[i].mark()
				if got.Add(1) == streams*frames/3 {
					close(third)
				}
			}
		})
	}
	<-third
	before := time.Duration(all.most.Swap(0))
	start := time.Now()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err == nil {
		err = a.Move(t.Context(), conn)
	}
	if err != nil {
		t.Error(err)
	}
	took := time.Since(start)
	wg.Wait()
	t.Logf("%d MiB in %v; the move took %v; longest pause of all streams %v (%v before it), of one stream %v %v %v; %d KiB sent again",
		*pauseMiB, time.Since(began), took, all.longest(), before, own[0].longest(), own[1].longest(), own[2].longest(), a.Resent()>>10)
	a.Abort(nil)
	b.Abort(nil)
	_, _ = a.Close(), b.Close()
	<-back
}
