package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
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
	"ferry/transfer/tree"
)

// wire is TCP whose connections can be cut, and new ones refused.
type wire struct {
	mu      sync.Mutex
	conns   []net.Conn
	refused bool
	lost    bool
	losses  int
	changed sync.Cond // of what notify and connect change
}

func (w *wire) connect(ctx context.Context, want link.Want) (net.Conn, error) {
	w.mu.Lock()
	refused := w.refused
	w.mu.Unlock()
	if refused {
		return nil, errors.New("refused")
	}
	c, err := new(net.Dialer).DialContext(ctx, "tcp", want.Addr)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, c)
	w.changed.Broadcast()
	return c, nil
}

// cut resets all connections, which loses what is under way, unless they are lost
// already: then it returns false.
func (w *wire) cut() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost {
		return false
	}
	for _, c := range w.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	w.conns = nil
	return true
}

// cutNow resets all connections once there are some, and waits until that is noticed.
func (w *wire) cutNow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.lost || len(w.conns) == 0 {
		w.changed.Wait()
	}
	before := w.losses
	for _, c := range w.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	w.conns = nil
	for w.losses == before {
		w.changed.Wait()
	}
}

func (w *wire) refuse() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused = true
}

func (w *wire) notify(e link.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.changed.Broadcast()
	switch e.Kind {
	case link.EventLost:
		w.lost = true
		w.losses++
	case link.EventRejoined:
		w.lost = false
	}
}

// cuttable makes both ends of a link over TCP. The receiver listens, or dials.
func cuttable(t *testing.T, retry time.Duration, receiverDials bool) (sender, receiver *link.Link, w *wire) {
	t.Helper()
	w = &wire{}
	w.changed.L = &w.mu
	code, err := link.GenerateCode()
	if err != nil {
		t.Fatal(err)
	}
	near := link.Config{Role: link.Sender, Code: code, RetryFor: retry, Connect: w.connect, Notify: w.notify}
	far := link.Config{Role: link.Receiver, Code: code, RetryFor: retry}
	if receiverDials {
		near.Role, far.Role = far.Role, near.Role
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := link.Serve(inner, far)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	a, err := link.Dial(t.Context(), listener.Addr().String(), near, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	b, err := listener.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if receiverDials {
		a, b = b, a
	}
	return a, b, w
}

// cutter cuts the wire whenever so many bytes more have arrived.
type cutter struct {
	wire *wire
	step int64

	mu   sync.Mutex
	next int64
	cuts int
}

func (c *cutter) Observe(e transfer.Event) {
	p, ok := e.(transfer.Progress)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.Moved >= c.next+c.step && c.wire.cut() {
		c.next = p.Moved
		c.cuts++
	}
}

// A delivery over a link that is cut again and again, whoever dials, arrives in
// one go. No content is asked for twice, and what is sent again is at most what
// was under way.
func TestCutsAreNotTheEnd(t *testing.T) {
	t.Parallel()
	for name, receiverDials := range map[string]bool{"the sender dials": false, "the receiver dials": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, dst := t.TempDir(), t.TempDir()
			const size = 96 << 20 // more than one piece may arrive before a cut is noticed
			deliverytest.Write(t, filepath.Join(src, "large"), size, 1)
			for i := range 300 {
				deliverytest.Write(t, filepath.Join(src, "many", string(rune('a'+i%26)), string(rune('a'+i/26))), i*17, uint64(i))
			}
			a, b, w := cuttable(t, time.Minute, receiverDials)
			c := &cutter{wire: w, step: 2 << 20}
			d, err := local.NewFolder(dst, local.FolderOptions{})
			if err != nil {
				t.Fatal(err)
			}
			received := make(chan error, 1)
			go func() {
				_, err := receive.Receive(t.Context(), b, receive.Options{Destination: d, Observer: c})
				received <- err
			}()
			res, err := send.Send(t.Context(), a, send.Options{Sources: []send.Source{{Source: tree.Source{Path: src, Name: "src"}}}})
			if err := errors.Join(err, <-received, d.Close()); err != nil {
				t.Fatal(err)
			}
			deliverytest.SameTree(t, src, filepath.Join(dst, "src"))
			if c.cuts < 15 || w.losses < c.cuts/2 {
				t.Errorf("%d cuts and %d losses", c.cuts, w.losses)
			}
			if res.Moved != res.Bytes {
				t.Errorf("%d bytes of content moved for %d", res.Moved, res.Bytes)
			}
			// 8 MiB of credit bound what can be under way.
			if limit := int64(w.losses) * (9 << 20); res.Resent > limit {
				t.Errorf("%d bytes sent again after %d losses", res.Resent, w.losses)
			}
			t.Logf("%d losses, %d KiB sent again for each", w.losses, res.Resent/int64(max(1, w.losses))>>10)
		})
	}
}

// cuttingReader is an input that cuts the wire before each further step of it.
type cuttingReader struct {
	io.Reader
	wire *wire
	step int64
	left int64 // of the step, in bytes
}

func (r *cuttingReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		r.wire.cutNow()
		r.left = r.step
	}
	n, err := r.Reader.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}

// From standard input to standard output no byte comes twice and none is missing.
func TestCutsOfAStream(t *testing.T) {
	t.Parallel()
	a, b, w := cuttable(t, time.Minute, false)
	content := deliverytest.Write(t, filepath.Join(t.TempDir(), "content"), 40<<20, 5)
	var out bytes.Buffer
	received := make(chan error, 1)
	go func() {
		_, err := receive.Receive(t.Context(), b, receive.Options{Output: &out})
		received <- err
	}()
	_, err := send.Send(t.Context(), a, send.Options{
		Sources: []send.Source{{Source: tree.Source{Name: "stream"}, Reader: &cuttingReader{Reader: bytes.NewReader(content), wire: w, step: 2 << 20}}}})
	if err := errors.Join(err, <-received); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), content) {
		t.Errorf("%d bytes came of %d, or others", out.Len(), len(content))
	}
	if w.losses < 20 {
		t.Errorf("only %d losses", w.losses)
	}
}

// A link that does not come back ends both sides as lost, and what came is kept.
func TestLostForLongerThanTheWindow(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "large"), 32<<20, 1)
	a, b, w := cuttable(t, 300*time.Millisecond, false)
	d, err := local.NewFolder(dst, local.FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	once := &cutter{wire: w, step: 4 << 20}
	received := make(chan error, 1)
	go func() {
		_, err := receive.Receive(t.Context(), b, receive.Options{Destination: d, Observer: refuser{once}})
		received <- err
	}()
	_, sent := send.Send(t.Context(), a, send.Options{Sources: []send.Source{{Source: tree.Source{Path: filepath.Join(src, "large"), Name: "large"}}}})
	for side, err := range map[string]error{"sender": sent, "receiver": <-received} {
		var e *transfer.Error
		if !errors.As(err, &e) || e.Code != framing.CodeLost || e.Remote {
			t.Errorf("%s: %v", side, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if parts, err := filepath.Glob(filepath.Join(dst, tree.PartialName, "*.part")); err != nil || len(parts) != 1 {
		t.Errorf("kept: %v, %v", parts, err)
	}
	if _, err := os.Lstat(filepath.Join(dst, "large")); err == nil {
		t.Error("an incomplete file has its final name")
	}
}

// refuser lets nobody connect any more before it cuts.
type refuser struct{ *cutter }

func (r refuser) Observe(e transfer.Event) {
	if p, ok := e.(transfer.Progress); ok && p.Moved >= r.step {
		r.wire.refuse()
	}
	r.cutter.Observe(e)
}
