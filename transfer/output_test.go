package transfer_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/tree/treetest"
)

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
	odd := "odd"
	if treetest.Has(t, treetest.AnyName) {
		odd = "\xffodd\nname"
	}
	deliverytest.Write(t, filepath.Join(src, "d/c", odd), 100<<10, 3)
	deliverytest.Write(t, filepath.Join(src, "d/zero"), 0, 3)
	deliverytest.Must(t, os.Mkdir(filepath.Join(src, "d/empty"), 0o755))
	treetest.Symlink(t, "a", filepath.Join(src, "d/link"))
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
