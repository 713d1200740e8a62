package transfer_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// shrinking is a link of which both sides can compress.
func shrinking() link.Config { return link.Config{Capabilities: framing.CapZstd} }

func compress(c transfer.Compression) setup {
	return func(o *send.Options, _ *receive.Options, _ *sides) { o.Compress = c }
}

// prose is text of size bytes, of which no two chunks are the same.
func prose(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "line %d of many, of which each says nearly what the one before it said: %d\n", i, i*i)
	}
	return b.Bytes()[:size]
}

// textTree has files of all the ways in which content travels, some that shrink
// and some that do not.
func textTree(t *testing.T) (src string, content int64) {
	t.Helper()
	src = t.TempDir()
	for i, n := range []int{0, 1, 300, 64 << 10, 64<<10 + 1, mib - 1, mib, mib + 1, 5*mib + 7} {
		must(t, os.WriteFile(filepath.Join(src, fmt.Sprintf("text %d", n)), prose(n), 0o644))
		write(t, filepath.Join(src, fmt.Sprintf("noise %d", n)), n, uint64(i))
		content += 2 * int64(n)
	}
	for i := range 300 {
		must(t, os.WriteFile(filepath.Join(src, fmt.Sprintf("small %d", i)), prose(2000+i), 0o644))
		content += 2000 + int64(i)
	}
	return src, content
}

func TestCompressedTree(t *testing.T) {
	src, content := textTree(t)
	var wire [3]int64
	for i, c := range []transfer.Compression{transfer.CompressAuto, transfer.CompressNever, transfer.CompressAlways} {
		dst := filepath.Join(t.TempDir(), "dst")
		s := deliverOver(t, t.Context(), shrinking(), dst, contents(src), compress(c)).ok(t)
		sameTree(t, src, dst)
		if s.sent.Moved != content || s.received.Moved != content {
			t.Errorf("%v: moved %d and %d bytes of content, want %d", c, s.sent.Moved, s.received.Moved, content)
		}
		for _, p := range find[transfer.Progress](s.sendSaw) {
			if p.Moved > content {
				t.Fatalf("%v: progress of %d bytes, of %d", c, p.Moved, content)
			}
		}
		wire[i] = s.sent.Wire
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
	must(t, os.WriteFile(filepath.Join(src, "text"), prose(3*mib), 0o644))
	dst := filepath.Join(t.TempDir(), "dst")
	s := deliver(t, t.Context(), dst, contents(src), compress(transfer.CompressAlways)).ok(t)
	sameTree(t, src, dst)
	if s.sent.Wire < 3*mib {
		t.Errorf("%d bytes on the wire", s.sent.Wire)
	}
}

func TestCompressedToOutput(t *testing.T) {
	src := t.TempDir()
	path := filepath.Join(src, "text")
	text := prose(3*mib + 5)
	must(t, os.WriteFile(path, text, 0o644))
	var out bytes.Buffer
	s := deliverOver(t, t.Context(), shrinking(), "", named(path), compress(transfer.CompressAlways), toOutput(&out)).ok(t)
	if !bytes.Equal(out.Bytes(), text) || s.sent.Wire > mib {
		t.Errorf("%d bytes came, %d on the wire", out.Len(), s.sent.Wire)
	}
	tree, _ := textTree(t)
	out.Reset()
	deliverOver(t, t.Context(), shrinking(), "", contents(tree), compress(transfer.CompressAlways), toOutput(&out)).ok(t)
	if !bytes.Contains(out.Bytes(), prose(5*mib+7)) {
		t.Error("the archive lacks a file")
	}
}

func TestCompressedStream(t *testing.T) {
	for _, size := range []int{0, 1, 1000, mib - 1, mib, mib + 1, 4*mib + 9} {
		for name, text := range map[string][]byte{"text": prose(size), "noise": write(t, filepath.Join(t.TempDir(), "x"), size, 7)} {
			for _, toStdout := range []bool{false, true} {
				dst := t.TempDir()
				var out bytes.Buffer
				prepare := []setup{compress(transfer.CompressAlways)}
				if toStdout {
					dst, prepare = "", append(prepare, toOutput(&out))
				}
				s := deliverOver(t, t.Context(), shrinking(), dst, stream("s", bytes.NewReader(text)), prepare...).ok(t)
				got := out.Bytes()
				if !toStdout {
					var err error
					got, err = os.ReadFile(filepath.Join(dst, "s"))
					must(t, err)
				}
				if !bytes.Equal(got, text) {
					t.Errorf("%s of %d bytes: %d came, or others", name, size, len(got))
				}
				if name == "text" && size > mib && s.sent.Wire > int64(size)/2 {
					t.Errorf("%d bytes took %d on the wire", size, s.sent.Wire)
				}
				if s.sent.Moved != int64(size) {
					t.Errorf("moved %d of %d bytes", s.sent.Moved, size)
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
	done := make(chan *sides, 1)
	go func() {
		done <- deliverOver(t, t.Context(), shrinking(), "", stream("s", source), compress(transfer.CompressAlways), toOutput(notify(came)))
	}()
	part := prose(1000)
	for range 3 {
		_, err := feed.Write(part)
		must(t, err)
		var got []byte
		for len(got) < len(part) {
			got = append(got, <-came...)
		}
		if !bytes.Equal(got, part) {
			t.Fatal("other bytes came")
		}
	}
	must(t, feed.Close())
	(<-done).ok(t)
}

// brokenFrames are what no honest sender encodes: framing finds them in order, their
// content is not.
func brokenFrames(t *testing.T, content []byte) map[string][]byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(true), zstd.WithSingleSegment(true))
	must(t, err)
	good := enc.EncodeAll(content, nil)
	must(t, enc.Close())
	at := func(i int, change func(byte) byte) []byte {
		b := bytes.Clone(good)
		b[i] = change(b[i])
		return b
	}
	more := func(b byte) byte { return b + 1 }
	return map[string][]byte{
		"a checksum that is wrong":        at(len(good)-1, more),
		"content that does not decode":    at(len(good)/2, func(b byte) byte { return ^b }),
		"a stated size that is too large": at(6, more),
		"a stated size that is too small": at(6, func(b byte) byte { return b - 1 }),
		"a second frame":                  append(bytes.Clone(good), good...),
		"a frame cut short":               good[:len(good)-9],
	}
}

func TestHostileFramesAreRefused(t *testing.T) {
	content := prose(100_000)
	for name, frame := range brokenFrames(t, content) {
		t.Run("chunk/"+name, func(t *testing.T) {
			_, res, told, err := hostile(t, victim{caps: framing.CapZstd}, func(p *peer) {
				p.offer()
				p.entries(1, file(0, "f", uint64(len(content))))
				p.until(framing.TypeWant)
				h := lastPiece(1, 0, content)
				h.Encoding = framing.EncodingZstd
				p.data(h, frame)
			})
			wantCode(t, err, told, framing.CodeProtocol)
			if res.Files != 0 {
				t.Error("it was delivered")
			}
		})
	}
	record := packed(1, string(content[:40_000]))
	for name, frame := range brokenFrames(t, record.Append(nil)) {
		t.Run("pack/"+name, func(t *testing.T) {
			_, _, told, err := hostile(t, victim{caps: framing.CapZstd}, func(p *peer) {
				p.offer()
				p.entries(1, file(0, "f", 40_000))
				p.until(framing.TypeWant)
				p.send(framing.TypePackZ, frame)
			})
			wantCode(t, err, told, framing.CodeProtocol)
		})
	}
}

func TestHostileEncodings(t *testing.T) {
	content := prose(mib)
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	must(t, err)
	defer enc.Close()
	frame := enc.EncodeAll(content, nil)
	half := uint64(len(frame) / 2)
	pack := enc.EncodeAll((&framing.Packed{ID: 1, Data: []byte(strings.Repeat("a", 500))}).Append(nil), nil)
	want := func(p *peer, size uint64) {
		p.offer()
		p.entries(1, file(0, "f", size))
		p.until(framing.TypeWant)
	}
	zipped := framing.DataHeader{ID: 1, Encoding: framing.EncodingZstd}
	for _, c := range []struct {
		name   string
		caps   uint64
		script func(*peer)
	}{
		{"not agreed on", 0, func(p *peer) { want(p, mib); p.data(zipped, frame[:half]) }},
		{"PACKZ not agreed on", 0, func(p *peer) { want(p, 500); p.send(framing.TypePackZ, pack) }},
		{"encodings mixed in a chunk", framing.CapZstd, func(p *peer) {
			want(p, mib)
			p.data(zipped, frame[:half])
			h := lastPiece(1, 0, content)
			h.Offset = half
			p.data(h, content[half:half+10])
		}},
		{"encodings mixed the other way", framing.CapZstd, func(p *peer) {
			want(p, mib)
			p.data(framing.DataHeader{ID: 1}, content[:half])
			h := zipped
			h.Offset = half
			p.data(h, frame[half:])
		}},
		{"a frame for another size", framing.CapZstd, func(p *peer) {
			want(p, mib-1)
			h := lastPiece(1, 0, content)
			h.Encoding = framing.EncodingZstd
			p.data(h, frame)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, told, err := hostile(t, victim{caps: c.caps}, c.script)
			wantCode(t, err, told, framing.CodeProtocol)
		})
	}
}
