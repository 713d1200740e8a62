package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/zeebo/blake3"
	"go.uber.org/goleak"

	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, certCleanups()...) }

// certCleanups are what crypto/tls has the runtime do for certificates that nobody
// uses any more, whenever it likes (runtime.runCleanups).
func certCleanups() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("crypto/tls.(*weakCertCache).newCert.func1"),
		goleak.IgnoreAnyFunction("crypto/tls.(*weakCertCache).newCert.func2"),
	}
}

// sides is a delivery over an in-memory link, with what both ends returned.
type sides struct {
	sent, received       transfer.Result
	sendErr, receiveErr  error
	sendSaw, receiveSaw  *recorder
	sendLink, receiveEnd *link.Link
}

// recorder keeps events and may act on them.
type recorder struct {
	mu     sync.Mutex
	events []transfer.Event
	act    func(transfer.Event)
}

func (r *recorder) Observe(e transfer.Event) {
	r.mu.Lock()
	r.events = append(r.events, e)
	act := r.act
	r.mu.Unlock()
	if act != nil {
		act(e)
	}
}

func find[E transfer.Event](r *recorder) (all []E) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e, ok := e.(E); ok {
			all = append(all, e)
		}
	}
	return all
}

// setup may change the options and hook into the links before the delivery.
type setup func(*send.Options, *receive.Options, *sides)

// deliver sends sources into dst (or to an Output that setup sets).
func deliver(t *testing.T, ctx context.Context, dst string, sources []send.Source, prepare ...setup) *sides {
	t.Helper()
	return deliverOver(t, ctx, link.Config{}, dst, sources, prepare...)
}

// deliverOver is deliver over a link of which both sides have this configuration.
func deliverOver(t *testing.T, ctx context.Context, near link.Config, dst string, sources []send.Source, prepare ...setup) *sides {
	t.Helper()
	code, err := link.GenerateCode()
	if err != nil {
		t.Fatal(err)
	}
	near.Code, near.Role = code, link.Sender
	far := near
	far.Role = link.Receiver
	a, b, err := link.Pipe(near, far)
	if err != nil {
		t.Fatal(err)
	}
	s := &sides{sendLink: a, receiveEnd: b, sendSaw: new(recorder), receiveSaw: new(recorder)}
	so := send.Options{Sources: sources, Observer: s.sendSaw}
	ro := receive.Options{Observer: s.receiveSaw}
	if dst != "" {
		d, err := local.NewFolder(dst, local.FolderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := d.Close(); err != nil {
				t.Errorf("closing the destination: %v", err)
			}
		}()
		ro.Destination = d
	}
	for _, p := range prepare {
		p(&so, &ro, s)
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.received, s.receiveErr = receive.Receive(ctx, b, ro) })
	s.sent, s.sendErr = send.Send(ctx, a, so)
	wg.Wait()
	return s
}

// ok fails the test unless both ends succeeded and agree.
func (s *sides) ok(t *testing.T) *sides {
	t.Helper()
	if s.sendErr != nil || s.receiveErr != nil {
		t.Fatalf("sender: %v; receiver: %v; failures %v %v", s.sendErr, s.receiveErr, s.sent.Failures, s.received.Failures)
	}
	if s.sent.Digest != s.received.Digest || s.sent.Bytes != s.received.Bytes || s.sent.Delivered != s.received.Delivered || s.sent.Same != s.received.Same {
		t.Fatalf("the ends disagree: %+v and %+v", s.sent, s.received)
	}
	if !s.sent.Acknowledged || !s.received.Acknowledged {
		t.Fatalf("receipt or goodbye missing: %v %v", s.sent.Acknowledged, s.received.Acknowledged)
	}
	return s
}

// skips is ok for a delivery of which the receiver's user has n items skipped: the
// sender's user, who has not, is told that they are missing.
func (s *sides) skips(t *testing.T, n int64) *sides {
	t.Helper()
	if !errors.Is(s.sendErr, transfer.ErrIncomplete) || s.receiveErr != nil {
		t.Fatalf("sender: %v; receiver: %v; failures %v %v", s.sendErr, s.receiveErr, s.sent.Failures, s.received.Failures)
	}
	if s.received.Skipped != n || s.received.Failed != 0 || s.sent.Skipped != 0 || s.sent.Failed != n {
		t.Fatalf("%d items are skipped: sender %+v, receiver %+v", n, s.sent, s.received)
	}
	for _, e := range s.sent.Failures {
		if e.Path == "" || !e.Remote || !errors.As(e.Err, new(transfer.SkippedError)) {
			t.Errorf("the sender is told %v", e)
		}
	}
	if len(find[transfer.ItemFailed](s.sendSaw)) != int(n) {
		t.Errorf("the sender heard of %v", find[transfer.ItemFailed](s.sendSaw))
	}
	return s
}

func contents(path string) []send.Source {
	return []send.Source{{Source: tree.Source{Path: path, Contents: true}}}
}

func named(paths ...string) (out []send.Source) {
	for _, p := range paths {
		out = append(out, send.Source{Source: tree.Source{Path: p, Name: filepath.Base(p)}})
	}
	return out
}

// write makes a file of size bytes whose content depends on seed.
func write(t *testing.T, path string, size int, seed uint64) []byte {
	t.Helper()
	b := make([]byte, size)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := 0; i+8 <= size; i += 8 {
		v := r.Uint64()
		for k := range 8 {
			b[i+k] = byte(v >> (8 * k))
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o640); err != nil {
		t.Fatal(err)
	}
	return b
}

// sameTree compares two folders by path, type, mode, mtime, size and digest,
// and requires that nothing else is in the second.
func sameTree(t *testing.T, want, got string) {
	t.Helper()
	list := func(root string) map[string]string {
		out := make(map[string]string)
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(root, p)
			info, err := d.Info()
			if err != nil {
				return err
			}
			s := fmt.Sprintf("%v %d", info.Mode(), info.ModTime().UnixNano())
			switch {
			case info.Mode()&fs.ModeSymlink != 0:
				target, _ := os.Readlink(p)
				s = "-> " + target
			case info.Mode().IsRegular():
				b, err := os.ReadFile(p)
				if err != nil {
					return err
				}
				s += fmt.Sprintf(" %d %x", len(b), blake3.Sum256(b))
			}
			out[rel] = s
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	w, g := list(want), list(got)
	for p, s := range w {
		if g[p] != s {
			t.Errorf("%q is %s, want %s", p, g[p], s)
		}
	}
	for p := range g {
		if _, ok := w[p]; !ok {
			t.Errorf("%q is extra", p)
		}
	}
}

const mib = 1 << 20

func TestTree(t *testing.T) {
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "made", "on the way")
	for i, n := range []int{0, 1, 1023, 1024, 1025, 64<<10 - 1, 64 << 10, 64<<10 + 1, mib - 1, mib, mib + 1, 2 * mib, 3*mib + mib/2, 10*mib + 7} {
		write(t, filepath.Join(src, fmt.Sprintf("sizes/%d", n)), n, uint64(i))
	}
	for i, name := range []string{"new\nline", "-rf", "esc\x1b[31mred", "\xff\xfe", "space ", "ünï", ".hidden", "a\\b", string(bytes.Repeat([]byte("n"), 255))} {
		write(t, filepath.Join(src, "names", name), 10+i, uint64(i))
		write(t, filepath.Join(src, "names in", name, "x"), 10+i, uint64(i))
	}
	for i := range 700 {
		write(t, filepath.Join(src, "many", fmt.Sprint(i%7), fmt.Sprint(i)), i*13, uint64(i))
	}
	must(t, os.MkdirAll(filepath.Join(src, "empty/er"), 0o755))
	must(t, os.Symlink("../sizes/1024", filepath.Join(src, "names/link")))
	must(t, os.Symlink("nowhere", filepath.Join(src, "dangling")))
	must(t, os.Chmod(filepath.Join(src, "sizes/1"), 0o444))
	must(t, os.Chmod(filepath.Join(src, "sizes/1024"), 0o000))
	must(t, os.Chmod(filepath.Join(src, "many/3"), 0o555))
	t.Cleanup(func() { os.Chmod(filepath.Join(src, "many/3"), 0o755); os.Chmod(filepath.Join(dst, "many/3"), 0o755) })
	if os.Getuid() != 0 {
		must(t, os.Chmod(filepath.Join(src, "sizes/1024"), 0o400))
	}
	s := deliver(t, t.Context(), dst, contents(src)).ok(t)
	sameTree(t, src, dst)
	at := make(map[string]int)
	for _, d := range find[transfer.ItemDone](s.sendSaw) {
		at[d.At]++
	}
	for _, d := range find[transfer.ItemDone](s.receiveSaw) {
		if at[d.At]--; at[d.At] != 0 {
			t.Errorf("the ends do not agree that something stands at %q", d.At)
		}
	}
	if !s.sent.Durable || s.sent.Failed != 0 {
		t.Errorf("result %+v", s.sent)
	}

	again := deliver(t, t.Context(), dst, contents(src)).ok(t)
	sameTree(t, src, dst)
	if again.sent.Moved != 0 || again.sent.Delivered != 0 {
		t.Errorf("the second run moved %d bytes and delivered %d items", again.sent.Moved, again.sent.Delivered)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cutAfter ends the delivery without a goodbye once the receiver has n bytes.
func cutAfter(n int64) setup {
	return func(_ *send.Options, _ *receive.Options, s *sides) {
		var once sync.Once
		s.receiveSaw.act = func(e transfer.Event) {
			if p, ok := e.(transfer.Progress); ok && p.Moved >= n {
				once.Do(func() {
					s.sendLink.Abort(errors.New("cut"))
					s.receiveEnd.Abort(errors.New("cut"))
				})
			}
		}
	}
}

func TestResumeMovesOnlyWhatIsMissing(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	const size = 40*mib + 12345
	write(t, filepath.Join(src, "big"), size, 1)
	cut := deliver(t, t.Context(), dst, contents(src), cutAfter(15*mib))
	if cut.sendErr == nil || cut.receiveErr == nil {
		t.Fatalf("a cut delivery ended well: %v, %v", cut.sendErr, cut.receiveErr)
	}
	if _, err := os.Stat(filepath.Join(dst, "big")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("after a cut the final name shows %v", err)
	}
	kept := cut.received.Moved
	s := deliver(t, t.Context(), dst, contents(src)).ok(t)
	sameTree(t, src, dst)
	if s.sent.Moved != size-s.sent.Reused || s.received.Reused < kept {
		t.Errorf("kept %d bytes; then moved %d and used %d (receiver: %d) of %d", kept, s.sent.Moved, s.sent.Reused, s.received.Reused, size)
	}
}

func TestResumeDistrustsThePartial(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "big"), 20*mib, 1)
	deliver(t, t.Context(), dst, contents(src), cutAfter(10*mib))
	parts, err := filepath.Glob(filepath.Join(dst, ".ferry-partial", "*.part"))
	if err != nil || len(parts) != 1 {
		t.Fatalf("partials: %v, %v", parts, err)
	}
	f, err := os.OpenFile(parts[0], os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("damaged"), 3*mib+5)
	must(t, err)
	must(t, f.Close())
	s := deliver(t, t.Context(), dst, contents(src)).ok(t)
	sameTree(t, src, dst)
	if s.received.Reused < 8*mib {
		t.Errorf("one damaged chunk cost the reuse of the others: %d", s.received.Reused)
	}
}

func TestReplacedFileServesAsBasis(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	b := write(t, filepath.Join(src, "big"), 30*mib+5, 1)
	deliver(t, t.Context(), dst, contents(src)).ok(t)
	copy(b[7*mib+100:], "changed here")
	b = append(b, "and longer"...)
	must(t, os.WriteFile(filepath.Join(src, "big"), b, 0o640))
	s := deliver(t, t.Context(), dst, contents(src), func(_ *send.Options, r *receive.Options, _ *sides) {
		r.OnConflict = transfer.ConflictOverwrite
	}).ok(t)
	sameTree(t, src, dst)
	if s.sent.Moved > 2*mib {
		t.Errorf("moved %d bytes for two changed chunks", s.sent.Moved)
	}
}

func TestCancelIsNeverSuccess(t *testing.T) {
	src := t.TempDir()
	write(t, filepath.Join(src, "big"), 12*mib, 1)
	write(t, filepath.Join(src, "small"), 100, 2)
	for k := range int64(12) {
		dst := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		s := deliver(t, ctx, dst, contents(src), func(_ *send.Options, _ *receive.Options, s *sides) {
			s.receiveSaw.act = func(e transfer.Event) {
				if p, ok := e.(transfer.Progress); ok && p.Moved >= k*mib {
					cancel()
				}
			}
		})
		cancel()
		if s.sendErr == nil || s.receiveErr == nil {
			t.Errorf("cancelled at chunk %d: sender %v, receiver %v", k, s.sendErr, s.receiveErr)
		}
		if _, err := os.Stat(filepath.Join(dst, "big")); err == nil {
			sameFile(t, filepath.Join(src, "big"), filepath.Join(dst, "big"))
		}
		deliver(t, t.Context(), dst, contents(src)).ok(t)
		sameTree(t, src, dst)
	}
}

func sameFile(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	must(t, err)
	y, err := os.ReadFile(b)
	must(t, err)
	if !bytes.Equal(x, y) {
		t.Errorf("%s and %s differ", a, b)
	}
}
