package transfer_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// shrinking is a link of which both sides can compress.
func shrinking() link.Config { return link.Config{Capabilities: framing.CapZstd} }

func compress(c transfer.Compression) deliverytest.Setup {
	return func(o *send.Options, _ *receive.Options, _ *deliverytest.Sides) { o.Compress = c }
}

// textTree has files of all the ways in which content travels, some that shrink
// and some that do not.
func textTree(t *testing.T) (src string, content int64) {
	t.Helper()
	src = t.TempDir()
	for i, n := range []int{0, 1, 300, 64 << 10, 64<<10 + 1, deliverytest.MiB - 1, deliverytest.MiB, deliverytest.MiB + 1, 5*deliverytest.MiB + 7} {
		deliverytest.Must(t, os.WriteFile(filepath.Join(src, fmt.Sprintf("text %d", n)), deliverytest.Prose(n), 0o644))
		deliverytest.Write(t, filepath.Join(src, fmt.Sprintf("noise %d", n)), n, uint64(i))
		content += 2 * int64(n)
	}
	for i := range 300 {
		deliverytest.Must(t, os.WriteFile(filepath.Join(src, fmt.Sprintf("small %d", i)), deliverytest.Prose(2000+i), 0o644))
		content += 2000 + int64(i)
	}
	return src, content
}

func TestCompressedTree(t *testing.T) {
	t.Parallel()
	src, content := textTree(t)
	var wire [3]int64
	for i, c := range []transfer.Compression{transfer.CompressAuto, transfer.CompressNever, transfer.CompressAlways} {
		dst := filepath.Join(t.TempDir(), "dst")
		s := deliverytest.DeliverOver(t, t.Context(), shrinking(), dst, deliverytest.Contents(src), compress(c)).OK(t)
		deliverytest.SameTree(t, src, dst)
		if s.Sent.Moved != content || s.Received.Moved != content {
			t.Errorf("%v: moved %d and %d bytes of content, want %d", c, s.Sent.Moved, s.Received.Moved, content)
		}
		for _, p := range deliverytest.Find[transfer.Progress](s.SendSaw) {
			if p.Moved > content {
				t.Fatalf("%v: progress of %d bytes, of %d", c, p.Moved, content)
			}
		}
		wire[i] = s.Sent.Wire
	}
	if wire[1] < content {
		t.Errorf("without compression %d bytes of content took %d", content, wire[1])
	}
	if wire[2] > content*65/100 {
		t.Errorf("compressed, %d bytes of content, of which half shrink, took %d", content, wire[2])
	}
}

func TestOneSideAloneCompressesNothing(t *testing.T) {
	src := t.TempDir()
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "text"), deliverytest.Prose(3*deliverytest.MiB), 0o644))
	dst := filepath.Join(t.TempDir(), "dst")
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), compress(transfer.CompressAlways)).OK(t)
	deliverytest.SameTree(t, src, dst)
	if s.Sent.Wire < 3*deliverytest.MiB {
		t.Errorf("%d bytes on the wire", s.Sent.Wire)
	}
}

func TestCompressedToOutput(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	path := filepath.Join(src, "text")
	text := deliverytest.Prose(3*deliverytest.MiB + 5)
	deliverytest.Must(t, os.WriteFile(path, text, 0o644))
	var out bytes.Buffer
	s := deliverytest.DeliverOver(t, t.Context(), shrinking(), "", deliverytest.Named(path), compress(transfer.CompressAlways), deliverytest.ToOutput(&out)).OK(t)
	if !bytes.Equal(out.Bytes(), text) || s.Sent.Wire > deliverytest.MiB {
		t.Errorf("%d bytes came, %d on the wire", out.Len(), s.Sent.Wire)
	}
	tree, _ := textTree(t)
	out.Reset()
	deliverytest.DeliverOver(t, t.Context(), shrinking(), "", deliverytest.Contents(tree), compress(transfer.CompressAlways), deliverytest.ToOutput(&out)).OK(t)
	archive := tar.NewReader(&out)
	for {
		h, err := archive.Next()
		deliverytest.Must(t, err) // io.EOF if the file is not there
		if filepath.Base(h.Name) != fmt.Sprintf("text %d", 5*deliverytest.MiB+7) {
			continue
		}
		if got, err := io.ReadAll(archive); err != nil || !bytes.Equal(got, deliverytest.Prose(5*deliverytest.MiB+7)) {
			t.Errorf("the archive has %d other bytes of a file: %v", len(got), err)
		}
		break
	}
}

func TestCompressedStream(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 1000, deliverytest.MiB - 1, deliverytest.MiB, deliverytest.MiB + 1, 4*deliverytest.MiB + 9} {
		for name, text := range map[string][]byte{"text": deliverytest.Prose(size), "noise": deliverytest.Write(t, filepath.Join(t.TempDir(), "x"), size, 7)} {
			for _, toStdout := range []bool{false, true} {
				dst := t.TempDir()
				var out bytes.Buffer
				prepare := []deliverytest.Setup{compress(transfer.CompressAlways)}
				if toStdout {
					dst, prepare = "", append(prepare, deliverytest.ToOutput(&out))
				}
				s := deliverytest.DeliverOver(t, t.Context(), shrinking(), dst, deliverytest.Stream("s", bytes.NewReader(text)), prepare...).OK(t)
				got := out.Bytes()
				if !toStdout {
					var err error
					got, err = os.ReadFile(filepath.Join(dst, "s"))
					deliverytest.Must(t, err)
				}
				if !bytes.Equal(got, text) {
					t.Errorf("%s of %d bytes: %d came, or others", name, size, len(got))
				}
				if name == "text" && size > deliverytest.MiB && s.Sent.Wire > int64(size)/2 {
					t.Errorf("%d bytes took %d on the wire", size, s.Sent.Wire)
				}
				if s.Sent.Moved != int64(size) {
					t.Errorf("moved %d of %d bytes", s.Sent.Moved, size)
				}
			}
		}
	}
}

// Bytes of a slow stream leave in time although their chunk could be compressed
// if it were waited for.
func TestCompressedStreamFlowsBeforeItsEnd(t *testing.T) {
	source, feed := io.Pipe()
	came := make(chan []byte, 16)
	done := make(chan *deliverytest.Sides, 1)
	go func() {
		done <- deliverytest.DeliverOver(t, t.Context(), shrinking(), "", deliverytest.Stream("s", source), compress(transfer.CompressAlways), deliverytest.ToOutput(deliverytest.Notify(came)))
	}()
	part := deliverytest.Prose(1000)
	for range 3 {
		_, err := feed.Write(part)
		deliverytest.Must(t, err)
		var got []byte
		for len(got) < len(part) {
			got = append(got, <-came...)
		}
		if !bytes.Equal(got, part) {
			t.Fatal("other bytes came")
		}
	}
	deliverytest.Must(t, feed.Close())
	(<-done).OK(t)
}
