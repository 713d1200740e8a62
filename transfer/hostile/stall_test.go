package hostile

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/receive"
)

// states is what a peer's heartbeats say; grows makes it claim progress.
func states(l *link.Link, state framing.State, grows bool) {
	progress := uint64(0)
	l.SetState(func() (uint8, uint64) {
		if grows {
			progress++
		}
		return uint8(state), progress
	})
}

// wantStall is what both sides are told of a delivery that stood still for limit.
func wantStall(t *testing.T, err error, told framing.Code, took, limit time.Duration) {
	t.Helper()
	wantCode(t, err, told, framing.CodeGaveUp)
	if took < limit || took > limit+20*time.Second {
		t.Errorf("ended after %v, want %v", took, limit)
	}
}

// H19: a peer that lives and gets nothing done is given up after the time that
// what it says it is doing may take.
func TestPeerThatOnlyHeartbeats(t *testing.T) {
	for _, c := range []struct {
		name  string
		state framing.State
		limit time.Duration
	}{
		{"idle", framing.StateIdle, 2 * time.Minute},
		{"sending", framing.StateSending, 2 * time.Minute},
		{"hashing", framing.StateHashing, 2 * time.Minute},
		{"disk", framing.StateDisk, 30 * time.Minute},
		{"user", framing.StateUser, time.Hour},
		{"source", framing.StateSource, 24 * time.Hour},
	} {
		t.Run("H19 receiver, "+c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, told, err := against(t, func(p *peer) {
					states(p.l, c.state, false)
					accepted(p)
					p.until(framing.TypeBye)
				})
				wantStall(t, err, told, time.Since(start), c.limit)
			})
		})
		t.Run("H19 sender, "+c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, _, told, err := hostile(t, victim{}, func(p *peer) {
					states(p.l, c.state, false)
					large(p)
				})
				wantStall(t, err, told, time.Since(start), c.limit)
			})
		})
	}
}

// H15: chunks that nobody needs, for ever, are no progress.
func TestUselessDataIsNoProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		content := make([]byte, 1<<20)
		_, _, _, err := hostile(t, victim{memory: 1 << 30}, func(p *peer) {
			large(p)
			for p.l.Err() == nil && p.told == 0 && time.Since(start) < 10*time.Minute {
				p.chunk(1, 0, content)
				if _, _, ok := p.next(); !ok { // the credit for it
					return
				}
				time.Sleep(time.Second)
			}
		})
		var e *transfer.Error
		if took := time.Since(start); !errors.As(err, &e) || e.Code != framing.CodeGaveUp || took > 3*time.Minute {
			t.Errorf("ended with %v after %v", err, took)
		}
	})
}

// slowOutput takes ten minutes for each write.
type slowOutput struct{}

func (slowOutput) Write(b []byte) (int, error) { time.Sleep(10 * time.Minute); return len(b), nil }

// What takes its time and says so is waited for.
func TestSlowIsNotStalled(t *testing.T) {
	released := make(chan struct{})
	for name, c := range map[string]struct {
		options func(*receive.Options)
		script  func(*peer)
	}{
		"a peer that makes progress": {nil, func(p *peer) {
			states(p.l, framing.StateHashing, true)
			p.offer()
			p.entries(1, file(0, "f", 4))
			p.until(framing.TypeWant)
			time.AfterFunc(5*time.Hour, func() { p.pack(packed(1, "late")); p.end(1) })
		}},
		"a person who thinks": {func(o *receive.Options) {
			o.Accept = func(context.Context, transfer.Offer, <-chan transfer.Extent) error {
				time.Sleep(50 * time.Minute)
				return nil
			}
		}, give(file(0, "f", 4))},
		"an output that is taken slowly": {func(o *receive.Options) {
			o.Destination, o.Output = nil, slowOutput{}
		}, give(file(0, "f", 4))},
		"a disk that stands still": {func(o *receive.Options) {
			released = make(chan struct{})
			o.Destination = stuckDestination{o.Destination, released}
		}, func(p *peer) {
			time.AfterFunc(20*time.Minute, func() { close(released) })
			large(p)
			content := make([]byte, 1<<20)
			for i := range uint64(3) {
				p.chunk(1, i, content)
			}
			p.fileEnd(framing.FileEnd{ID: 1, Size: 3 << 20, Root: zerosRoot(t, 3), Chunks: 3})
			p.end(1)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, res, _, err := hostile(t, victim{options: c.options}, c.script)
				if err != nil || res.Delivered != 1 {
					t.Errorf("ended with %v, %d delivered", err, res.Delivered)
				}
			})
		})
	}
}
