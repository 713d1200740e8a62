package send

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/parcel"
)

// lanes are lanes of one purse, whose frames a receiver takes that grants again what it has
// taken, and never more than window in all.
type lanes struct {
	t      *testing.T
	purse  *purse
	window int64
	held   atomic.Int32

	mu    sync.Mutex
	taken int64         // credit that frames used and that was not granted again
	begun map[int]bool  // lanes that are in the middle of a chunk
	waits chan struct{} // a frame came
}

func newLanes(t *testing.T, ctx context.Context, window int64) *lanes {
	l := &lanes{t: t, purse: newPurse(ctx, nil), window: window, begun: make(map[int]bool), waits: make(chan struct{}, 1)}
	l.purse.grant(window)
	return l
}

func (l *lanes) lane(i int) *lane {
	out := &fakeStream{sent: func(_ framing.Type, body []byte) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.taken += flow.FrameCost(len(body)); l.taken > l.window {
			l.t.Errorf("%d bytes of credit are used, and %d are granted", l.taken, l.window)
		}
		l.begun[i] = body[9]&framing.DataLast == 0
		select {
		case l.waits <- struct{}{}:
		default:
		}
	}}
	return &lane{out: out, purse: l.purse, held: &l.held}
}

// grantAgain gives back all that was taken, until ctx ends.
func (l *lanes) grantAgain(ctx context.Context) {
	for {
		select {
		case <-l.waits:
		case <-ctx.Done():
			return
		}
		l.mu.Lock()
		n := l.taken
		l.taken = 0
		l.mu.Unlock()
		l.purse.grant(n)
	}
}

// Credit never goes below 0, however many lanes share it, and the least that a receiver may
// grant is enough for all of them: they do not wait for each other.
func TestLanesKeepToTheCredit(t *testing.T) {
	const least = 256 << 10
	for name, window := range map[string]int64{"the least": least, "less than a chunk": 3 * least, "more than a chunk": 9 * least} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				l := newLanes(t, ctx, window)
				var receiver, senders sync.WaitGroup
				receiver.Go(func() { l.grantAgain(ctx) })
				var owner heard
				var total atomic.Int64
				for i := range 16 {
					senders.Go(func() {
						out, r := l.lane(i), rand.New(rand.NewPCG(1, uint64(i)))
						for range 20 {
							n := 1 + r.IntN(checksum.ChunkSize)
							c := &parcel.Chunk{Entry: 1, Size: n, Data: pattern(n), Last: true, Owner: &owner}
							if _, err := out.Chunk(ctx, c); err != nil {
								t.Error(err)
							}
							total.Add(int64(n))
						}
					})
				}
				senders.Wait()
				if owner.moved != total.Load() || owner.freed != 16*20 {
					t.Errorf("%d of %d bytes moved, and %d chunks are free again", owner.moved, total.Load(), owner.freed)
				}
				cancel()
				receiver.Wait()
			})
		})
	}
}

// What a chunk was allotted and did not need is there for the next one.
func TestLaneGivesBackWhatIsLeft(t *testing.T) {
	l := newLanes(t, t.Context(), 8<<20)
	out := l.lane(0)
	for _, n := range []int{1, 70_000, checksum.ChunkSize} {
		if _, err := out.Chunk(t.Context(), &parcel.Chunk{Entry: 1, Size: n, Data: pattern(n), Last: true, Owner: &heard{}}); err != nil {
			t.Fatal(err)
		}
	}
	if left := l.window - l.taken; !l.purse.credit.Try(left) || l.purse.credit.Try(1) {
		t.Errorf("the purse has not the %d bytes that are left", left)
	}
}

// Of many lanes that want more credit than there is, one at a time is in the middle of a
// chunk; the others have not begun.
func TestOneLaneWaitsInAChunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		l := newLanes(t, ctx, 300<<10) // one piece, and part of another
		var senders sync.WaitGroup
		ended := make([]error, 8)
		for i := range ended {
			senders.Go(func() {
				_, ended[i] = l.lane(i).Chunk(ctx, &parcel.Chunk{Entry: 1, Size: checksum.ChunkSize, Data: pattern(checksum.ChunkSize), Last: true, Owner: &heard{}})
			})
		}
		synctest.Wait()
		if begun := len(l.begun); begun != 1 {
			t.Errorf("%d lanes are in the middle of a chunk", begun)
		}
		why := errors.New("cancelled")
		cancel(why)
		senders.Wait()
		for i, err := range ended {
			if !errors.Is(err, why) {
				t.Errorf("lane %d ended with %v", i, err)
			}
		}
	})
}

// The receipt ends every wait for credit: those of now, in a chunk or for the turn, and
// those to come.
func TestPurseCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLanes(t, t.Context(), 0)
		var senders sync.WaitGroup
		var ended [3]error
		var owner heard
		send := func(i int) {
			_, ended[i] = l.lane(i).Chunk(t.Context(), &parcel.Chunk{Entry: 1, Size: 10, Data: pattern(10), Last: true, Owner: &owner})
		}
		senders.Go(func() { send(0) })
		senders.Go(func() { send(1) })
		synctest.Wait()
		l.purse.close()
		senders.Wait()
		send(2)
		for i, err := range ended {
			if !errors.Is(err, errSettled) {
				t.Errorf("lane %d ended with %v", i, err)
			}
		}
		if owner.freed != len(ended) || l.taken != 0 {
			t.Errorf("%d of %d buffers are free again, and %d bytes of credit were used", owner.freed, len(ended), l.taken)
		}
	})
}

// The smaller of both sides' limits holds, whichever changes.
func TestPurseLimits(t *testing.T) {
	p := newPurse(t.Context(), nil)
	if p.frame(pieceBytes) != pieceBytes || !p.unlimited() {
		t.Error("there is a limit from the start")
	}
	p.limit(64 << 10)
	if got := p.pace.Rate(); got != 64<<10 || p.frame(pieceBytes) >= pieceBytes {
		t.Errorf("the rate is %d under the receiver's limit", got)
	}
	p.limit(0)
	if !p.unlimited() {
		t.Error("the receiver's limit stays when it is gone")
	}
}
