package transfer_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// A delivery gets the number of streams that both sides want, whoever dials, and
// uses them for one file and for many.
func TestStreams(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "large"), 24*deliverytest.MiB+5, 1)
	for i := range 200 {
		deliverytest.Write(t, filepath.Join(src, "many", string(rune('a'+i%20)), string(rune('a'+i/20))), i*97, uint64(i))
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
			deliverytest.Must(t, err)
			// Nothing more is sent before all streams are there.
			held := &deliverytest.Recorder{Act: func(e transfer.Event) {
				if _, ok := e.(transfer.ItemStarted); ok {
					deliverytest.UntilStreams(t.Context(), a, c.want)
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
			deliverytest.Must(t, errors.Join(err, <-received, d.Close()))
			deliverytest.SameTree(t, src, filepath.Join(dst, "src"))
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
	content := deliverytest.Write(t, filepath.Join(src, "f"), 5*deliverytest.MiB, 1)
	out := new(sink)
	s := deliverytest.Deliver(t, t.Context(), "", deliverytest.Named(filepath.Join(src, "f")), func(so *send.Options, ro *receive.Options, _ *deliverytest.Sides) {
		so.Streams, ro.Streams, ro.Output = 4, 4, out
	}).OK(t)
	if s.Sent.Streams != 1 || checksum.Sum(out.b) != checksum.Sum(content) {
		t.Errorf("%d streams, %d bytes", s.Sent.Streams, len(out.b))
	}
}

type sink struct{ b []byte }

func (s *sink) Write(b []byte) (int, error) { s.b = append(s.b, b...); return len(b), nil }

// Whether all connections are lost, or one of them that carries data only, the
// delivery over several goes on, whoever dials, and moves nothing twice.
func TestCutsOfSeveralStreams(t *testing.T) {
	t.Parallel()
	for name, receiverDials := range map[string]bool{"the sender dials": false, "the receiver dials": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, dst := t.TempDir(), t.TempDir()
			deliverytest.Write(t, filepath.Join(src, "large"), 40*deliverytest.MiB, 1)
			a, b, w := cuttable(t, time.Minute, receiverDials)
			d, err := local.NewFolder(dst, local.FolderOptions{})
			deliverytest.Must(t, err)
			c, alone := &cutter{wire: w, step: 5 * deliverytest.MiB}, &onlyLast{wire: w}
			last := &deliverytest.Recorder{Act: func(e transfer.Event) {
				switch e := e.(type) {
				case transfer.ItemStarted:
					deliverytest.UntilStreams(t.Context(), a, 4)
				case transfer.Progress:
					if e.Moved > 20*deliverytest.MiB {
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
			deliverytest.Must(t, errors.Join(err, <-received, d.Close()))
			deliverytest.SameTree(t, src, filepath.Join(dst, "src"))
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

// Each source of unknown length has a chunk that keeps its credit until it is
// whole: a dozen of them do not wait for each other.
func TestManySourcesAtOnce(t *testing.T) {
	t.Parallel()
	dst := t.TempDir()
	var sources []send.Source
	var contents [][]byte
	for i := range 24 {
		b := bytes.Repeat([]byte{byte(i), 1, 2}, 1<<20)
		contents = append(contents, b)
		sources = append(sources, send.Source{Source: tree.Source{Name: fmt.Sprint("s", i)}, Reader: bytes.NewReader(b)})
	}
	s := deliverytest.Deliver(t, t.Context(), dst, sources)
	if err := errors.Join(s.SendErr, s.ReceiveErr); err != nil {
		t.Fatal(err)
	}
	for i, b := range contents {
		if got, err := os.ReadFile(filepath.Join(dst, fmt.Sprint("s", i))); err != nil || !bytes.Equal(got, b) {
			t.Errorf("source %d: %d bytes, %v", i, len(got), err)
		}
	}
}
