package transfer_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

func TestChunkSizesAgree(t *testing.T) {
	if framing.ChunkSize != checksum.ChunkSize {
		t.Fatalf("the wire has chunks of %d bytes, the tree of %d", framing.ChunkSize, checksum.ChunkSize)
	}
}

func TestConflicts(t *testing.T) {
	const old, offered = "old content", "new, longer content"
	for _, c := range []struct {
		name     string
		policy   transfer.ConflictPolicy
		existing string // "": a folder
		final    string
		renamed  bool
		status   transfer.Status
		code     framing.Code
	}{
		{"fail keeps", transfer.ConflictFail, old, old, false, 0, framing.CodeConflict},
		{"skip keeps", transfer.ConflictSkip, old, old, false, transfer.StatusSkipped, 0},
		{"overwrite replaces", transfer.ConflictOverwrite, old, offered, false, transfer.StatusReplaced, 0},
		{"rename keeps both", transfer.ConflictRename, old, old, true, transfer.StatusRenamed, 0},
		{"rename keeps both of one size", transfer.ConflictRename, "old, longer content", "old, longer content", true, transfer.StatusRenamed, 0},
		{"fail takes equal content", transfer.ConflictFail, offered, offered, false, transfer.StatusAdjusted, 0},
		{"rename takes equal content", transfer.ConflictRename, offered, offered, false, transfer.StatusAdjusted, 0},
		{"a folder is never replaced", transfer.ConflictOverwrite, "", "", false, 0, framing.CodeOtherKind},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, dst := t.TempDir(), t.TempDir()
			deliverytest.Must(t, os.WriteFile(filepath.Join(src, "f.txt"), []byte(offered), 0o644))
			deliverytest.Must(t, os.WriteFile(filepath.Join(src, "other"), []byte("other"), 0o644))
			at := filepath.Join(dst, "f.txt")
			if c.existing == "" {
				deliverytest.Must(t, os.Mkdir(at, 0o755))
			} else {
				deliverytest.Must(t, os.WriteFile(at, []byte(c.existing), 0o644))
				deliverytest.Must(t, os.Chtimes(at, time.Unix(1e9, 0), time.Unix(1e9, 0)))
			}
			for run := range 2 {
				s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Named(filepath.Join(src, "f.txt"), filepath.Join(src, "other")), deliverytest.WithPolicy(c.policy))
				if c.code != 0 {
					if !errors.Is(s.SendErr, transfer.ErrIncomplete) || !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) {
						t.Fatalf("ended with %v and %v", s.SendErr, s.ReceiveErr)
					}
					for _, r := range []transfer.Result{s.Sent, s.Received} {
						if len(r.Failures) != 1 || r.Failures[0].Code != c.code {
							t.Fatalf("failures %v", r.Failures)
						}
					}
				} else {
					if c.status == transfer.StatusSkipped {
						s.Skips(t, 1)
					} else {
						s.OK(t)
					}
					want := c.status
					if run == 1 && want != transfer.StatusSkipped {
						want = transfer.StatusSame
					}
					for _, d := range deliverytest.Find[transfer.ItemDone](s.ReceiveSaw) {
						if d.Path == "f.txt" && d.Status != want {
							t.Errorf("run %d: %v, want %v", run, d.Status, want)
						}
					}
				}
				if c.existing != "" {
					b, err := os.ReadFile(at)
					if err != nil || string(b) != c.final {
						t.Errorf("the file has %q, %v", b, err)
					}
				}
				b, err := os.ReadFile(filepath.Join(dst, "f (1).txt"))
				if c.renamed != (err == nil) || c.renamed && string(b) != offered {
					t.Errorf("the renamed file has %q, %v", b, err)
				}
				if _, err := os.Stat(filepath.Join(dst, "f (2).txt")); err == nil {
					t.Error("renamed twice")
				}
				deliverytest.SameFile(t, filepath.Join(src, "other"), filepath.Join(dst, "other"))
			}
		})
	}
}

func TestChecksumFindsWhatTimesHide(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, size := range []int{10, 100 << 10, 3 * deliverytest.MiB} {
		name := filepath.Base(strings.Repeat("n", size%7+1))
		deliverytest.Write(t, filepath.Join(src, name), size, 1)
	}
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	bySum := func(s *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		s.Checksum = true
		r.OnConflict = transfer.ConflictOverwrite
	}
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), bySum).OK(t)
	if s.Sent.Moved != 0 {
		t.Errorf("moved %d bytes of equal files", s.Sent.Moved)
	}
	for _, d := range deliverytest.Find[transfer.ItemDone](s.SendSaw) {
		if d.Kind == tree.File && !d.Hashed {
			t.Errorf("%q was not verified", d.Path)
		}
	}
	entries, err := os.ReadDir(dst)
	deliverytest.Must(t, err)
	for _, e := range entries {
		p := filepath.Join(dst, e.Name())
		info, err := os.Stat(p)
		deliverytest.Must(t, err)
		b, err := os.ReadFile(p)
		deliverytest.Must(t, err)
		b[len(b)/2]++
		deliverytest.Must(t, os.WriteFile(p, b, 0o640))
		deliverytest.Must(t, os.Chtimes(p, info.ModTime(), info.ModTime()))
	}
	plain := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	if plain.Sent.Moved != 0 {
		t.Fatalf("size and mtime are equal, and %d bytes moved", plain.Sent.Moved)
	}
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), bySum).OK(t)
	deliverytest.SameTree(t, src, dst)
}

// More files than may be open at once: none may wait for another to be settled
// that stands behind it.
func TestManyFilesThatDifferByDigest(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for i := range 300 {
		deliverytest.Write(t, filepath.Join(src, fmt.Sprint(i)), 2000, uint64(i))
		deliverytest.Write(t, filepath.Join(dst, fmt.Sprint(i)), 2000, uint64(i)+1)
	}
	for i := range 140 {
		name := fmt.Sprintf("large %d", i)
		deliverytest.Write(t, filepath.Join(src, name), deliverytest.MiB+1, 1)
		deliverytest.Write(t, filepath.Join(dst, name), deliverytest.MiB+1, 2)
	}
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(s *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		s.Checksum = true
		r.OnConflict = transfer.ConflictOverwrite
	}).OK(t)
	deliverytest.SameTree(t, src, dst)
	renames := func(s *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		s.Checksum = true
		r.OnConflict = transfer.ConflictRename
	}
	deliverytest.Write(t, filepath.Join(src, "0"), 2000, 7777)
	for range 2 {
		deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), renames).OK(t)
	}
	deliverytest.SameFile(t, filepath.Join(src, "0"), filepath.Join(dst, "0 (1)"))
	if _, err := os.Stat(filepath.Join(dst, "0 (2)")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was renamed twice: %v", err)
	}
}

func TestManyLargeFilesThatVanish(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	const files = 200
	for i := range files {
		name := filepath.Join(src, fmt.Sprint(i))
		deliverytest.Must(t, os.WriteFile(name, nil, 0o644))
		deliverytest.Must(t, os.Truncate(name, deliverytest.MiB+1))
	}
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		r.Accept = func(context.Context, transfer.Offer) error {
			for i := range files {
				deliverytest.Must(t, os.Remove(filepath.Join(src, fmt.Sprint(i))))
			}
			return nil
		}
	})
	if !errors.Is(s.SendErr, transfer.ErrIncomplete) || !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) || s.Sent.Failed != files || s.Received.Failed != files {
		t.Errorf("ended with %v (%d failed) and %v (%d failed)", s.SendErr, s.Sent.Failed, s.ReceiveErr, s.Received.Failed)
	}
}

// A file that is written all the time must not be waited for.
func TestFileThatNeverRestsEnds(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	path := filepath.Join(src, "log")
	deliverytest.Write(t, path, 200<<10, 1)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := f.WriteString("x"); err != nil {
					t.Error(err)
					return
				}
				runtime.Gosched()
			}
		}
	})
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src))
	close(stop)
	wg.Wait()
	if s.SendErr == nil { // the writer was held up for as long as it took
		got, err := os.ReadFile(filepath.Join(dst, "log"))
		all, aerr := os.ReadFile(path)
		if err != nil || aerr != nil || !bytes.HasPrefix(all, got) {
			t.Errorf("published %d bytes that were never in the file (%v)", len(got), err)
		}
		return
	}
	if !errors.Is(s.SendErr, transfer.ErrIncomplete) || len(s.Sent.Failures) != 1 || s.Sent.Failures[0].Code != framing.CodeChanged {
		t.Errorf("ended with %v, %v", s.SendErr, s.Sent.Failures)
	}
}

func TestRenamedLinkIsTakenForDone(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Must(t, os.Symlink("new", filepath.Join(src, "l")))
	deliverytest.Must(t, os.Symlink("old", filepath.Join(dst, "l")))
	for range 3 {
		deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.WithPolicy(transfer.ConflictRename)).OK(t)
	}
	names, err := os.ReadDir(dst)
	if err != nil || len(names) != 2 {
		t.Errorf("the destination has %v, %v", names, err)
	}
}

// changeWhileRead rewrites path once, when the sender has begun to send it.
func changeWhileRead(path string, times int, change func(n int)) deliverytest.Setup {
	return func(_ *send.Options, _ *receive.Options, s *deliverytest.Sides) {
		var mu sync.Mutex
		n := 0
		s.SendSaw.Act = func(e transfer.Event) {
			if p, ok := e.(transfer.Progress); ok && p.Moved > 0 && strings.HasSuffix(p.Active, filepath.Base(path)) {
				mu.Lock()
				defer mu.Unlock()
				if n < times {
					n++
					change(n)
				}
			}
		}
	}
}

func TestFileThatChangesWhileReadIsSentAgain(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	path := filepath.Join(src, "changing")
	deliverytest.Write(t, path, 20*deliverytest.MiB, 1)
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), changeWhileRead(path, 1, func(int) {
		deliverytest.Write(t, path, 21*deliverytest.MiB+5, 2)
	})).OK(t)
	deliverytest.SameTree(t, src, dst)
}

// Small files are read long after they were listed, when many stand before them.
func TestSmallFileThatChangedSinceItWasListed(t *testing.T) {
	for _, change := range []func(path string){
		func(p string) { deliverytest.Write(t, p, 7, 2) },
		func(p string) { deliverytest.Write(t, p, 0, 2) },
		func(p string) { deliverytest.Write(t, p, 100<<10, 2) },
		func(p string) { deliverytest.Write(t, p, 3*deliverytest.MiB, 2) },
		func(p string) { deliverytest.Must(t, os.Chmod(p, 0o600)) },
	} {
		src, dst := t.TempDir(), t.TempDir()
		path := filepath.Join(src, "f")
		deliverytest.Write(t, path, 5, 1)
		deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) {
			r.Accept = func(context.Context, transfer.Offer) error { change(path); return nil }
		}).OK(t)
		deliverytest.SameTree(t, src, dst)
	}
}

func TestFileThatKeepsChangingIsNotPublished(t *testing.T) {
	for _, allow := range []bool{false, true} {
		src, dst := t.TempDir(), t.TempDir()
		path := filepath.Join(src, "changing")
		deliverytest.Write(t, path, 20*deliverytest.MiB, 1)
		deliverytest.Write(t, filepath.Join(src, "calm"), 10, 2)
		s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), changeWhileRead(path, 1<<30, func(n int) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = f.WriteString("more")
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Error(err)
			}
		}), func(o *send.Options, _ *receive.Options, _ *deliverytest.Sides) { o.AllowChanged = allow })
		deliverytest.SameFile(t, filepath.Join(src, "calm"), filepath.Join(dst, "calm"))
		got, err := os.ReadFile(filepath.Join(dst, "changing"))
		if allow {
			s.OK(t)
			now, rerr := os.ReadFile(path)
			if err != nil || rerr != nil || !bytes.HasPrefix(now, got) || len(got) < 20*deliverytest.MiB {
				t.Errorf("published %d bytes that are no prefix of the file (%v)", len(got), err)
			}
			continue
		}
		if !errors.Is(s.SendErr, transfer.ErrIncomplete) || !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) {
			t.Errorf("ended with %v and %v", s.SendErr, s.ReceiveErr)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it was published: %v", err)
		}
	}
}

func TestOneFileComesRaw(t *testing.T) {
	for _, size := range []int{0, 1, 64 << 10, 64<<10 + 1, deliverytest.MiB, deliverytest.MiB + 1, 5*deliverytest.MiB + 3} {
		var out bytes.Buffer
		path := filepath.Join(t.TempDir(), "f")
		b := deliverytest.Write(t, path, size, 1)
		s := deliverytest.Deliver(t, t.Context(), "", deliverytest.Named(path), deliverytest.ToOutput(&out)).OK(t)
		if !bytes.Equal(out.Bytes(), b) || s.Sent.Durable {
			t.Errorf("%d bytes came as %d, durable %v", size, out.Len(), s.Sent.Durable)
		}
	}
}

func TestTreeComesAsTar(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "d/a"), 3*deliverytest.MiB, 1)
	deliverytest.Write(t, filepath.Join(src, "d/b"), 10, 2)
	deliverytest.Write(t, filepath.Join(src, "d/c/\xffodd\nname"), 100<<10, 3)
	deliverytest.Write(t, filepath.Join(src, "d/zero"), 0, 3)
	deliverytest.Must(t, os.Mkdir(filepath.Join(src, "d/empty"), 0o755))
	deliverytest.Must(t, os.Symlink("a", filepath.Join(src, "d/link")))
	var out bytes.Buffer
	deliverytest.Deliver(t, t.Context(), "", deliverytest.Named(filepath.Join(src, "d")), deliverytest.ToOutput(&out)).OK(t)
	r := tar.NewReader(&out)
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		deliverytest.Must(t, err)
		p := filepath.Join(dst, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			deliverytest.Must(t, os.Mkdir(p, 0o755))
			defer os.Chtimes(p, h.ModTime, h.ModTime)
		case tar.TypeSymlink:
			deliverytest.Must(t, os.Symlink(h.Linkname, p))
		default:
			b, err := io.ReadAll(r)
			deliverytest.Must(t, err)
			deliverytest.Must(t, os.WriteFile(p, b, h.FileInfo().Mode()))
			deliverytest.Must(t, os.Chtimes(p, h.ModTime, h.ModTime))
		}
	}
	for _, p := range []string{"d", "d/c", "d/empty"} {
		info, err := os.Stat(filepath.Join(src, p))
		deliverytest.Must(t, err)
		deliverytest.Must(t, os.Chtimes(filepath.Join(dst, p), info.ModTime(), info.ModTime()))
	}
	deliverytest.SameTree(t, filepath.Join(src, "d"), filepath.Join(dst, "d"))
}

func TestStreamOfUnknownLength(t *testing.T) {
	for _, size := range []int{0, 1, 1023, 1024, deliverytest.MiB - 1, deliverytest.MiB, deliverytest.MiB + 1, 2 * deliverytest.MiB, 5*deliverytest.MiB + 7} {
		b := deliverytest.Write(t, filepath.Join(t.TempDir(), "x"), size, uint64(size))
		dst := t.TempDir()
		s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Stream("s", io.MultiReader(bytes.NewReader(b[:size/3]), bytes.NewReader(b[size/3:])))).OK(t)
		got, err := os.ReadFile(filepath.Join(dst, "s"))
		if err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d bytes came as %d: %v", size, len(got), err)
		}
		done := deliverytest.Find[transfer.ItemDone](s.SendSaw)
		if len(done) != 1 || done[0].Digest != checksum.Sum(b) || done[0].Size != int64(size) {
			t.Errorf("the digest of %d bytes: %+v", size, done)
		}
		var out bytes.Buffer
		deliverytest.Deliver(t, t.Context(), "", deliverytest.Stream("s", bytes.NewReader(b)), deliverytest.ToOutput(&out)).OK(t)
		if !bytes.Equal(out.Bytes(), b) {
			t.Errorf("%d bytes came raw as %d", size, out.Len())
		}
	}
}

func TestStreamFlowsBeforeItsEnd(t *testing.T) {
	in, feed := io.Pipe()
	out := make(deliverytest.Notify)
	got := make(chan *deliverytest.Sides)
	go func() {
		got <- deliverytest.Deliver(t, t.Context(), "", deliverytest.Stream("s", in), deliverytest.ToOutput(out))
	}()
	for _, word := range []string{"first", "second"} {
		if _, err := io.WriteString(feed, word); err != nil {
			t.Fatal(err)
		}
		if b := <-out; string(b) != word {
			t.Fatalf("%q came as %q", word, b)
		}
	}
	deliverytest.Must(t, feed.Close())
	(<-got).OK(t)
}

func TestTruncatedStreamIsNeverSuccess(t *testing.T) {
	broken := errors.New("broken pipe upstream")
	src := io.MultiReader(strings.NewReader(strings.Repeat("x", 3*deliverytest.MiB)), failingReader{broken})
	dst := t.TempDir()
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Stream("s", src))
	if s.SendErr == nil || s.ReceiveErr == nil {
		t.Errorf("ended with %v and %v", s.SendErr, s.ReceiveErr)
	}
	if _, err := os.Stat(filepath.Join(dst, "s")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a truncated stream was published: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dst, ".ferry-partial")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a stream left something behind: %v", err)
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

type closedPipe struct{ left int }

func (c *closedPipe) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		return 0, errors.New("broken pipe")
	}
	return len(p), nil
}

func TestClosedOutputEndsBothSides(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	deliverytest.Write(t, path, 8*deliverytest.MiB, 1)
	s := deliverytest.Deliver(t, t.Context(), "", deliverytest.Named(path), deliverytest.ToOutput(&closedPipe{left: 2 * deliverytest.MiB}))
	for _, err := range []error{s.SendErr, s.ReceiveErr} {
		var e *transfer.Error
		if !errors.As(err, &e) || e.Code != framing.CodeIO {
			t.Errorf("ended with %v", err)
		}
	}
}

func TestDeclineWritesNothing(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "f"), 10, 1)
	no := errors.New("not now")
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		r.Accept = func(context.Context, transfer.Offer) error { return no }
	})
	var e *transfer.Error
	if !errors.As(s.SendErr, &e) || e.Code != framing.CodeDeclined || !e.Remote || !errors.Is(s.ReceiveErr, no) {
		t.Errorf("ended with %v and %v", s.SendErr, s.ReceiveErr)
	}
	if names, err := os.ReadDir(dst); err != nil || len(names) != 0 {
		t.Errorf("the destination has %v, %v", names, err)
	}
}

// The link is read while a person thinks about the offer: what the sender does
// meanwhile is noticed.
func TestSenderThatLeavesEndsTheQuestion(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "f"), 10, 1)
	ctx, cancel := context.WithCancel(t.Context())
	a, b := deliverytest.Pair(t)
	d, err := local.NewFolder(dst, local.FolderOptions{})
	deliverytest.Must(t, err)
	defer d.Close()
	received := make(chan error)
	go func() {
		_, err := receive.Receive(t.Context(), b, receive.Options{Destination: d, Accept: func(asked context.Context, _ transfer.Offer) error {
			cancel()
			<-asked.Done()
			return context.Cause(asked)
		}})
		received <- err
	}()
	if _, err := send.Send(ctx, a, send.Options{Sources: deliverytest.Contents(src)}); !errors.Is(err, context.Canceled) {
		t.Errorf("the sender ended with %v", err)
	}
	var e *transfer.Error
	if err := <-received; !errors.As(err, &e) || e.Code != framing.CodeInterrupted || !e.Remote {
		t.Errorf("the receiver ended with %v", err)
	}
}

func TestMissingSourceFailsAlone(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "there"), 10, 1)
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Named(filepath.Join(src, "there"), filepath.Join(src, "gone")))
	if !errors.Is(s.SendErr, transfer.ErrIncomplete) || !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) {
		t.Errorf("ended with %v and %v", s.SendErr, s.ReceiveErr)
	}
	if len(s.Sent.Failures) != 1 || s.Sent.Failures[0].Code != framing.CodeVanished || s.Received.Failed != 1 {
		t.Errorf("sender %v, receiver counts %d", s.Sent.Failures, s.Received.Failed)
	}
	deliverytest.SameFile(t, filepath.Join(src, "there"), filepath.Join(dst, "there"))
}

func TestLinksThatLeaveTheTree(t *testing.T) {
	src := t.TempDir()
	deliverytest.Must(t, os.Symlink("/etc/passwd", filepath.Join(src, "absolute")))
	deliverytest.Must(t, os.Symlink("../outside", filepath.Join(src, "above")))
	deliverytest.Must(t, os.Symlink("inside", filepath.Join(src, "fine")))
	for _, c := range []struct {
		policy transfer.LinkPolicy
		links  int
		failed int64
	}{{transfer.LinksSafe, 1, 2}, {transfer.LinksAll, 3, 0}, {transfer.LinksSkip, 0, 0}} {
		dst := t.TempDir()
		s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) { r.Links = c.policy })
		names, err := os.ReadDir(dst)
		deliverytest.Must(t, err)
		if len(names) != c.links || s.Received.Failed != c.failed {
			t.Errorf("policy %d: %d links, %d failed", c.policy, len(names), s.Received.Failed)
		}
	}
}
