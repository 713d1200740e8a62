package hostile

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// stuckDestination writes no chunk until it is released.
type stuckDestination struct {
	storage.Destination
	released chan struct{}
}

func (d stuckDestination) Start(m tree.Metadata) (*storage.Landing, error) {
	l, err := d.Destination.Start(m)
	if err == nil {
		l.Files = stuckFiles{l.Files, d.released}
	}
	return l, err
}

type stuckFiles struct {
	storage.Files
	released chan struct{}
}

type stuckPartial struct {
	storage.Partial
	released chan struct{}
}

func (d stuckFiles) Begin(e *tree.Entry, sparse bool) (storage.Partial, error) {
	p, err := d.Files.Begin(e, sparse)
	if err != nil {
		return nil, err
	}
	return stuckPartial{p, d.released}, nil
}

func (p stuckPartial) WriteChunk(index uint64, b []byte, cv checksum.CV) error {
	<-p.released
	return p.Partial.WriteChunk(index, b, cv)
}

// Publish is given the partials that are under it.
func (d stuckFiles) Publish(batch []*storage.Publication) error {
	for _, b := range batch {
		b.Partial = b.Partial.(stuckPartial).Partial
	}
	return d.Files.Publish(batch)
}

// H12: what comes beyond the credit is refused, and a receiver whose disk stands
// still keeps no more than that.
func TestCreditIsTheLimit(t *testing.T) {
	released := make(chan struct{})
	_, res, told, err := hostile(t, victim{options: func(o *receive.Options) {
		o.Destination = stuckDestination{o.Destination, released}
	}}, func(p *peer) {
		p.offer()
		p.entries(1, file(0, "f", 64<<20))
		p.until(framing.TypeWant)
		content := make([]byte, 1<<20)
		for i := range uint64(16) {
			p.chunk(1, i, content)
		}
		p.until(framing.TypeBye)
		close(released)
	})
	wantCode(t, err, told, framing.CodeProtocol)
	if res.Delivered != 0 {
		t.Errorf("%d delivered", res.Delivered)
	}
}

// Sizes are believed for the look at the free space, and for nothing else.
func TestClaimedSizesAreRefused(t *testing.T) {
	const most = 1 << 43 // that a file may have, and more than is free
	for name, entries := range map[string][]framing.Entry{
		"H11 8 TiB":     {file(0, "a", most)},
		"H03 and again": {file(0, "a", 5), file(0, "b", most), file(0, "c", most)},
	} {
		t.Run(name, func(t *testing.T) {
			_, res, told, err := hostile(t, victim{}, func(p *peer) { p.offer(); p.entries(1, entries...) })
			wantCode(t, err, told, framing.CodeNoSpace)
			if res.Delivered != 0 {
				t.Errorf("%d delivered", res.Delivered)
			}
		})
	}
}

// A size that no file can have costs that file, H11 and H03: no sum of them overflows.
func TestImpossibleSizesAreRefused(t *testing.T) {
	_, res, told, err := hostile(t, victim{}, func(p *peer) {
		p.offer()
		p.entries(1, file(0, "a", math.MaxInt64), file(0, "b", math.MaxInt64), file(0, "c", math.MaxInt64))
		end := framing.End{Entries: 3, Files: 3, Bytes: math.MaxInt64}
		p.send(framing.TypeEnd, end.Append(nil))
	})
	if told == framing.CodeNoSpace {
		return // here a file may be as large as that
	}
	if !errors.Is(err, transfer.ErrIncomplete) || res.Failed != 3 || res.Failures[0].Code != framing.CodeUnsupported {
		t.Errorf("%v, %+v", err, res)
	}
}

// heap is what is held now, in bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// H11: entries without end cost no memory once they are settled.
func TestManifestBombStaysSmall(t *testing.T) {
	const batches, size = 100, 500
	long := strings.Repeat("n", 250)
	var kept int64
	_, res, _, err := hostile(t, victim{memory: 1 << 30}, func(p *peer) {
		p.offer()
		p.until(framing.TypeCredit)
		var first int64
		for n := range uint64(batches) {
			var all []framing.Entry
			for i := range size {
				all = append(all, file(0, fmt.Sprintf("%s/%03d", long, i), 5))
			}
			p.entries(n*size+1, all...)
			for range size {
				if p.until(framing.TypeFault) == nil {
					t.Errorf("it ended in batch %d", n)
					return
				}
			}
			if n == 0 {
				first = heap()
			}
		}
		kept = heap() - first
		p.end(batches * size)
	})
	if !errors.Is(err, transfer.ErrIncomplete) || res.Failed != batches*size || len(res.Failures) > 1000 {
		t.Errorf("ended with %v, %d failed, %d kept in the result", err, res.Failed, len(res.Failures))
	}
	if kept > 8<<20 {
		t.Errorf("%d KiB were kept of what was settled", kept>>10)
	}
}

// H11: folders in folders end at a stated depth.
func TestDepthBomb(t *testing.T) {
	if treetest.Wine() {
		t.Skip("Wine: a look takes the longer the deeper a folder is, here minutes in all")
	}
	const depth = tree.MaxDepth + 500
	dst, res, _, err := hostile(t, victim{memory: 2 << 30}, func(p *peer) {
		p.offer()
		p.until(framing.TypeCredit)
		var ends []framing.Entry
		for i := range uint64(depth) {
			p.entries(i+1, folderEntry(i, "deeper"))
			ends = append(ends, folderEnd(depth-i))
		}
		p.entries(depth+1, ends...)
		p.end(depth)
	})
	if !errors.Is(err, transfer.ErrIncomplete) || res.Delivered != tree.MaxDepth+1 || res.Failed != depth-tree.MaxDepth-1 {
		t.Errorf("ended with %v, %d delivered, %d failed", err, res.Delivered, res.Failed)
	}
	deliverytest.Must(t, os.RemoveAll(dst))
}

// H18: a chunk whose bytes are wrong each time is asked for a few times only.
func TestWrongBytesAreNeverPublished(t *testing.T) {
	asked := 0
	dst, res, _, err := hostile(t, victim{}, func(p *peer) {
		p.offer()
		p.entries(1, file(0, "small", 4), file(0, "large", 2<<20))
		p.end(2)
		p.answer(func(w framing.Want) {
			asked++
			if w.ID == 1 {
				p.pack(framing.Packed{ID: 1, Root: checksum.Sum([]byte("good")), Data: []byte("evil")})
				return
			}
			part := make([]byte, 1<<18-1024)
			base := w.First << 20
			for from := range uint64(4) {
				p.data(framing.DataHeader{ID: 2, Attempt: w.Attempt, Offset: base + from*uint64(len(part))}, part)
			}
			p.data(framing.DataHeader{ID: 2, Attempt: w.Attempt, Offset: base + 4*uint64(len(part)), Flags: framing.DataLast}, part[:4096])
		})
	})
	if !errors.Is(err, transfer.ErrIncomplete) || res.Delivered != 0 || asked > 10 {
		t.Errorf("ended with %v, %d delivered, %d times asked", err, res.Delivered, asked)
	}
	var digest int
	for _, f := range res.Failures {
		if f.Code == framing.CodeDigest {
			digest++
		}
	}
	if digest != 2 {
		t.Errorf("failures %v", res.Failures)
	}
	for _, n := range []string{"small", "large"} {
		if _, err := os.Stat(filepath.Join(dst, n)); err == nil {
			t.Errorf("%s was published", n)
		}
	}
}

// H17: chunks that are right do not make a file whose digest is another.
func TestWrongDigestOfTheWhole(t *testing.T) {
	content := make([]byte, 1<<20)
	dst, res, _, err := hostile(t, victim{}, func(p *peer) {
		large(p)
		for i := range uint64(3) {
			p.chunk(1, i, content)
		}
		p.fileEnd(framing.FileEnd{ID: 1, Size: 3 << 20, Root: [32]byte{1}, Chunks: 3})
		p.end(1)
	})
	if !errors.Is(err, transfer.ErrIncomplete) || len(res.Failures) != 1 || res.Failures[0].Code != framing.CodeDigest {
		t.Errorf("ended with %v, %v", err, res.Failures)
	}
	if names, err := os.ReadDir(dst); err != nil || len(names) != 0 {
		t.Errorf("the destination has %v, %v", names, err)
	}
}

// H03: a chunk that comes over and over counts once, and its credit is granted
// again.
func TestChunksThatComeTwice(t *testing.T) {
	content := make([]byte, 1<<20)
	_, res, _, err := hostile(t, victim{}, func(p *peer) {
		large(p)
		granted := 0
		for i := range uint64(5) {
			for range 2 {
				p.chunk(1, i%3, content)
			}
			for granted < 2 { // as much as was spent comes back
				c, err := framing.ParseCredit(p.until(framing.TypeCredit))
				if err != nil {
					t.Error(err)
					return
				}
				granted += int(c.Bytes >> 20)
			}
			granted -= 2
		}
		p.end(1)
		p.fileEnd(framing.FileEnd{ID: 1, Size: 3 << 20, Root: zerosRoot(t, 3), Chunks: 3})
	})
	if err != nil || res.Delivered != 1 || res.Moved != 3<<20 {
		t.Errorf("ended with %v, %d delivered, %d bytes moved", err, res.Delivered, res.Moved)
	}
}

// zerosRoot is the digest of so many chunks of zeros.
func zerosRoot(t *testing.T, chunks uint64) checksum.Digest {
	t.Helper()
	content := make([]byte, checksum.ChunkSize)
	nodes := checksum.NewTree(int64(chunks) * checksum.ChunkSize)
	for i := range chunks {
		deliverytest.Must(t, nodes.Set(i, checksum.Check(content, i, false)))
	}
	root, err := nodes.Root()
	deliverytest.Must(t, err)
	return root
}
