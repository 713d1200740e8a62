package transfer_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// patching is a link of which both sides can make chunks of copies.
func patching() link.Config { return link.Config{Capabilities: framing.CapCopy | framing.CapZstd} }

// limited has the receiver replace what is there, at no more than rate bytes a second; 0 is no
// limit.
func limited(t *testing.T, rate int64) deliverytest.Setup {
	t.Helper()
	limit, err := transfer.NewLimit(rate)
	deliverytest.Must(t, err)
	return func(_ *send.Options, o *receive.Options, _ *deliverytest.Sides) {
		o.Limit, o.OnConflict = limit, transfer.ConflictOverwrite
	}
}

// slow is a rate at which what moved is looked for.
const slow = 32 << 20

// updated has old in dst and now in src, both as f.
func updated(t *testing.T, old, now []byte) (src, dst string) {
	t.Helper()
	src, dst = t.TempDir(), t.TempDir()
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "f"), now, 0o644))
	deliverytest.Must(t, os.WriteFile(filepath.Join(dst, "f"), old, 0o644))
	deliverytest.Must(t, os.Chtimes(filepath.Join(dst, "f"), time.Time{}, time.Unix(1e9, 0)))
	return src, dst
}

func noise(t *testing.T, n int, seed uint64) []byte {
	t.Helper()
	return deliverytest.Write(t, filepath.Join(t.TempDir(), "noise"), n, seed)
}

// What moved within a file is not sent again, whatever moved it.
func TestDelta(t *testing.T) {
	const size = 20*deliverytest.MiB + 4321
	old := noise(t, size, 1)
	for _, c := range []struct {
		name string
		now  []byte
		most int64
	}{
		{"a byte more in front", slices.Concat([]byte{7}, old), 100 << 10},
		{"insertions", slices.Concat(old[:3<<20], []byte("in"), old[3<<20:9<<20], noise(t, 70<<10, 5), old[9<<20:]), 300 << 10},
		{"a deletion", slices.Concat(old[:5<<20], old[5<<20+54321:]), 100 << 10},
		{"swapped halves", slices.Concat(old[size/2:], old[:size/2]), 200 << 10},
		{"appended twice", slices.Concat(old, old[:3<<20], old[1<<20:2<<20]), 200 << 10},
		{"the first MiB is new", slices.Concat(noise(t, 1<<20, 6), old[1<<20:15<<20], []byte("x"), old[15<<20:]), 1<<20 + 100<<10},
		{"zeros in between", slices.Concat(old[:2<<20], make([]byte, 5<<20), old[2<<20:]), 200 << 10},
		{"less than a chunk is left", old[7<<20+1 : 8<<20-1], 1 << 20},
	} {
		src, dst := updated(t, old, c.now)
		s := deliverytest.DeliverOver(t, t.Context(), patching(), dst, deliverytest.Contents(src), limited(t, slow)).OK(t)
		deliverytest.SameTree(t, src, dst)
		if s.Sent.Wire > c.most+150<<10 {
			t.Errorf("%s: %d bytes of content moved, %d on the wire", c.name, s.Received.Moved, s.Sent.Wire)
		}
		if s.Sent.Moved != s.Received.Moved || s.Sent.Reused != s.Received.Reused {
			t.Errorf("%s: the sender counts %d and %d, the receiver %d and %d", c.name, s.Sent.Moved, s.Sent.Reused, s.Received.Moved, s.Received.Reused)
		}
		for _, p := range deliverytest.Find[transfer.Progress](s.ReceiveSaw) {
			if p.Bytes > int64(len(c.now)) || p.Kept > int64(len(c.now)) {
				t.Fatalf("%s: progress of %d bytes, %d kept, of %d", c.name, p.Bytes, p.Kept, len(c.now))
			}
		}
	}
}

// However much is new in front of it, what is old is found.
func TestDeltaBehindMuchThatIsNew(t *testing.T) {
	old := noise(t, 6*deliverytest.MiB, 1)
	src, dst := updated(t, old, slices.Concat(noise(t, 42*deliverytest.MiB, 2), old))
	s := deliverytest.DeliverOver(t, t.Context(), patching(), dst, deliverytest.Contents(src), limited(t, slow)).OK(t)
	deliverytest.SameTree(t, src, dst)
	if s.Received.Moved > 42*deliverytest.MiB+100<<10 {
		t.Errorf("%d bytes moved", s.Received.Moved)
	}
}

// A chunk of which much is new goes compressed, if that is shorter than what is new of it.
func TestDeltaOfTextIsNoLongerThanText(t *testing.T) {
	const half = deliverytest.MiB / 2
	text := func(seed uint64) []byte { // 2 bits a byte
		b := noise(t, 8*deliverytest.MiB, seed)
		for i := range b {
			b[i] = "acgt"[b[i]&3]
		}
		return b
	}
	old, other := text(1), text(2)
	var now []byte
	for at := 0; at < len(old); at += 2 * half {
		now = append(append(now, old[at:at+half+half/4]...), other[at:at+half-half/4]...)
	}
	src, dst := updated(t, old, now)
	s := deliverytest.DeliverOver(t, t.Context(), patching(), dst, deliverytest.Contents(src), limited(t, 4<<20)).OK(t)
	deliverytest.SameTree(t, src, dst)
	if most := int64(len(now)) * 36 / 100; s.Sent.Wire > most {
		t.Errorf("%d bytes on the wire, zstd needs less than %d", s.Sent.Wire, most)
	}
}

// narrow is a connection over which a byte takes its time.
type narrow struct{ net.Conn }

func (c narrow) Write(b []byte) (int, error) {
	time.Sleep(time.Duration(len(b)) * time.Second / (2 << 20))
	return c.Conn.Write(b)
}

// A link that is slow is found to be so.
func TestDeltaMeasures(t *testing.T) {
	old := noise(t, 12*deliverytest.MiB, 1)
	src, dst := updated(t, old, slices.Concat(noise(t, 1<<20, 2), []byte("in between"), old[1<<20:]))
	near, far := patching(), patching()
	near.Role, far.Role = link.Sender, link.Receiver
	a, b, listener := deliverytest.PairOver(t, near, far, func(c net.Conn) net.Conn { return narrow{c} })
	defer listener.Close()
	d, err := local.NewFolder(dst, local.FolderOptions{})
	deliverytest.Must(t, err)
	defer func() { deliverytest.Must(t, d.Close()) }()
	sent := make(chan error, 1)
	go func() {
		_, err := send.Send(t.Context(), a, send.Options{Sources: deliverytest.Contents(src)})
		sent <- err
	}()
	r, err := receive.Receive(t.Context(), b, receive.Options{Destination: d, OnConflict: transfer.ConflictOverwrite})
	deliverytest.Must(t, errors.Join(err, <-sent))
	deliverytest.SameTree(t, src, dst)
	if r.Moved > 2*deliverytest.MiB {
		t.Errorf("%d bytes moved", r.Moved)
	}
}

// Where nothing is found, and where one side does not know how, all that differs comes as it is.
// Of fast links package receive has tests.
func TestDeltaIsOff(t *testing.T) {
	old := noise(t, 6*deliverytest.MiB, 1)
	now := slices.Concat([]byte("x"), old)
	for name, c := range map[string]struct {
		near link.Config
		rate int64
		now  []byte
	}{
		"not agreed": {link.Config{}, slow, now},
		"different":  {patching(), slow, noise(t, 40*deliverytest.MiB, 2)},
	} {
		src, dst := updated(t, old, c.now)
		s := deliverytest.DeliverOver(t, t.Context(), c.near, dst, deliverytest.Contents(src), limited(t, c.rate)).OK(t)
		deliverytest.SameTree(t, src, dst)
		if s.Received.Moved != int64(len(c.now)) || s.Sent.Moved != int64(len(c.now)) {
			t.Errorf("%s: %d and %d of %d bytes moved", name, s.Sent.Moved, s.Received.Moved, len(c.now))
		}
	}
}

// shifty is a destination whose old file is another one each time it is opened.
type shifty struct {
	storage.Destination
	change func()
}

func (d shifty) Start(m tree.Metadata) (*storage.Landing, error) {
	l, err := d.Destination.Start(m)
	if err == nil {
		l.Finder = shiftyFinder{l.Finder, d.change}
	}
	return l, err
}

type shiftyFinder struct {
	storage.Finder
	change func()
}

func (d shiftyFinder) Open(e *tree.Entry) (storage.File, error) {
	d.change()
	return d.Finder.Open(e)
}

// An old file that changes while it is read costs that chunks come whole, and never a byte.
func TestDeltaOfFileThatChanges(t *testing.T) {
	old := noise(t, 12*deliverytest.MiB, 1)
	now := slices.Concat([]byte("in front"), old)
	for name, change := range map[string]func(f *os.File, n int) error{
		"overwritten": func(f *os.File, n int) error {
			_, err := f.WriteAt(bytes.Repeat([]byte{byte(n)}, deliverytest.MiB), int64(n%12)<<20)
			return err
		},
		"shorter": func(f *os.File, n int) error {
			if n < 3 {
				return nil
			}
			return f.Truncate(int64(max(12-n, 0)) << 20)
		},
	} {
		src, dst := updated(t, old, now)
		var turn sync.Mutex // guards n: workers open it at the same time
		n := 0
		s := deliverytest.DeliverOver(t, t.Context(), patching(), dst, deliverytest.Contents(src), limited(t, slow),
			func(_ *send.Options, o *receive.Options, _ *deliverytest.Sides) {
				o.Destination = shifty{o.Destination, func() {
					turn.Lock()
					defer turn.Unlock()
					f, err := os.OpenFile(filepath.Join(dst, "f"), os.O_WRONLY, 0)
					if err == nil {
						err = change(f, n)
						_ = f.Close()
					}
					if n++; err != nil {
						t.Error(err)
					}
				}}
			})
		// It changed under the delivery, which does not replace what it does not know.
		if s.ReceiveErr == nil || s.SendErr == nil {
			deliverytest.SameTree(t, src, dst)
		}
		if got := s.Received.Failed + s.Received.Delivered; got == 0 {
			t.Errorf("%s: nothing became of the file: %v", name, s.ReceiveErr)
		}
		if n < 3 {
			t.Errorf("%s: the old file was opened %d times", name, n)
		}
	}
}
