package hostile

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree/treetest"
)

var (
	relaySeeds = flag.Int("relay.seeds", 150, "how many deliveries TestDamagedFrames runs")
	relaySeed  = flag.Uint64("relay.seed", 0, "the only seed that TestDamagedFrames runs")
)

// relay passes frames on between a real sender and a real receiver, and damages one frame.
// Each of the two takes the relay for the other side: so each meets a peer that knows the
// code and breaks a rule somewhere.
type relay struct {
	mu     sync.Mutex
	rng    *rand.Rand
	left   int // frames until the damage
	what   string
	before []byte // the frame before, of whichever direction
}

// pass returns the frames that go on in place of body.
func (r *relay) pass(from string, t framing.Type, body []byte) [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.before
	r.before = body
	if r.left--; r.left != 0 {
		return [][]byte{body}
	}
	damaged := append([]byte(nil), body...)
	at := r.rng.IntN(min(len(damaged), 64)) // where the fields are
	kind := r.rng.IntN(8)
	r.what = fmt.Sprintf("%v from the %s, damage %d at %d of %d bytes", t, from, kind, at, len(body))
	switch kind {
	case 0:
		damaged[at] ^= 1 << r.rng.IntN(8)
	case 1:
		damaged[at] = byte(r.rng.IntN(256))
	case 2:
		damaged[at] = 0xff
	case 3:
		damaged = append(damaged[:at], damaged[at+1:]...)
	case 4:
		damaged = append(damaged[:at], append([]byte{byte(r.rng.IntN(256))}, damaged[at:]...)...)
	case 5:
		return nil
	case 6:
		return [][]byte{body, body}
	case 7:
		return [][]byte{before}
	}
	return [][]byte{damaged}
}

// copy passes on what comes from one link to another until either ends.
func (r *relay) copy(name string, from, to *link.Link) {
	for {
		t, _, err := from.Stream(0).Next()
		if err != nil {
			return
		}
		body, err := from.Stream(0).Body()
		if err != nil {
			return
		}
		for _, b := range r.pass(name, t, append([]byte(nil), body...)) {
			if len(b) == 0 || len(b) > framing.Limit(t) {
				continue // no frame at all
			}
			if to.Stream(0).Send(true, t, b) != nil {
				return
			}
		}
	}
}

// One damaged, lost, repeated or exchanged frame in a delivery, at a place that
// the seed says: both sides end by themselves, with nothing touched outside, and
// the sender believes no other end than the receiver's own.
func TestDamagedFrames(t *testing.T) {
	src := t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "large"), 3*deliverytest.MiB+5, 1)
	for i := range 20 {
		deliverytest.Write(t, filepath.Join(src, fmt.Sprint("small", i)), 100*i, uint64(i))
	}
	deliverytest.Must(t, os.Mkdir(filepath.Join(src, "d"), 0o755))
	treetest.Symlink(t, "d", filepath.Join(src, "l"))
	first, last := uint64(1), uint64(*relaySeeds)
	if *relaySeed != 0 {
		first, last = *relaySeed, *relaySeed
	}
	for seed := first; seed <= last; seed++ {
		synctest.Test(t, func(t *testing.T) { damage(t, seed, src) })
		if t.Failed() {
			t.Fatalf("again: go test ./transfer/hostile -run TestDamagedFrames -relay.seed=%d -v", seed)
		}
	}
}

func damage(t *testing.T, seed uint64, src string) {
	rng := rand.New(rand.NewPCG(seed, 1))
	r := &relay{rng: rng, left: 1 + rng.IntN(28)}
	outer := t.TempDir()
	dst := filepath.Join(outer, "dst")
	deliverytest.Must(t, os.Mkdir(dst, 0o755))
	if seed%3 == 0 { // an older version, so that pages are compared
		deliverytest.Write(t, filepath.Join(dst, "large"), 3*deliverytest.MiB, 1)
	}
	before := outside(t, outer)
	d, err := local.NewFolder(dst, local.FolderOptions{})
	deliverytest.Must(t, err)
	var sent, received transfer.Result
	var sendErr, receiveErr error
	bounded(t, 0, func(ctx context.Context) {
		a, x := deliverytest.Pair(t)
		y, b := deliverytest.Pair(t)
		var wg sync.WaitGroup
		leave := func() { // one side has left, and so the relay leaves the other
			wg.Go(func() { _ = x.Close() })
			wg.Go(func() { _ = y.Close() })
		}
		wg.Go(func() { r.copy("sender", x, y); leave() })
		wg.Go(func() { r.copy("receiver", y, x); leave() })
		wg.Go(func() {
			received, receiveErr = receive.Receive(ctx, b, receive.Options{Destination: d, OnConflict: transfer.ConflictOverwrite})
		})
		sent, sendErr = send.Send(ctx, a, send.Options{Sources: deliverytest.Contents(src)})
		wg.Wait()
	})
	deliverytest.Must(t, d.Close())
	t.Logf("seed %d: %s: sender %v, receiver %v", seed, r.what, sendErr, receiveErr)
	if after := outside(t, outer); after != before {
		t.Errorf("outside was\n%s and is\n%s", before, after)
	}
	// What the sender says it left out is the sender's to know.
	failed := receiveErr != nil && !errors.Is(receiveErr, transfer.ErrIncomplete)
	if sendErr == nil && (failed || sent.Delivered != received.Delivered || sent.Digest != received.Digest) {
		t.Errorf("the sender has a receipt for %d items, the receiver delivered %d: %v", sent.Delivered, received.Delivered, receiveErr)
	}
}
