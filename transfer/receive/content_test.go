package receive

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/parcel"
	"ferry/transfer/internal/progress"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// memoryPart is a Partial that keeps its chunks in memory.
type memoryPart struct {
	storage.Partial
	chunks [][]byte
	root   checksum.Digest
	ended  int
}

func (p *memoryPart) WriteChunk(index uint64, b []byte, _ checksum.CV) error {
	p.chunks[index] = bytes.Clone(b)
	return nil
}

func (p *memoryPart) WriteHole(index uint64, n int, _ checksum.CV) error {
	p.chunks[index] = make([]byte, n)
	return nil
}

func (p *memoryPart) Present(context.Context) iter.Seq2[uint64, checksum.CV] {
	return func(func(uint64, checksum.CV) bool) {}
}

func (p *memoryPart) Seal(_ *tree.Entry, _ int64, root checksum.Digest) error {
	p.root = root
	return nil
}

func (p *memoryPart) Discard(bool) error {
	p.ended++
	return nil
}

// sentFrames is a stream 0 that counts what is sent on it.
type sentFrames struct {
	framing.Stream
	sent map[framing.Type]int
}

func (s *sentFrames) Send(_ bool, t framing.Type, _ ...[]byte) error {
	s.sent[t]++
	return nil
}

// ownBytes are content of a sender in this process.
type ownBytes struct {
	parcel.Chunk
	freed int
}

func (o *ownBytes) Moved(int64) {}
func (o *ownBytes) Free()       { o.freed++ }

// newWorker returns a worker with no other steps around it.
func newWorker() (*worker, *sentFrames) {
	sent := &sentFrames{sent: make(map[framing.Type]int)}
	q := &queues{flow.NewQueue[message](), flow.NewQueue[job](), flow.NewQueue[old](), flow.NewQueue[old](), flow.NewQueue[*attempt]()}
	l, track := newLedger(), progress.New(nil)
	s := &site{}
	w := &window{control: sent}
	return &worker{
		queues: q, ledger: l, site: s, requests: &requests{control: sent}, credit: w, pace: &pace{heard: func() uint64 { return 0 }}, pool: &flow.Pool{}, track: track,
		settle: &settler{ledger: l, site: s, verdicts: &verdicts{control: sent}, track: track, links: newLinks(), plans: q.plans, room: &room{site: s}, window: w},
	}, sent
}

func (w *worker) work(t *testing.T) {
	t.Helper()
	w.queues.jobs.Close()
	if err := w.run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Content that a sender in this process hands over goes the way of content that came over
// a link. Chunks come in any order, each is verified and freed once. The file is sealed
// when all of it is there and both ends have one digest.
func TestIntakeOfOwnContent(t *testing.T) {
	content := bytes.Repeat([]byte("ferry"), checksum.ChunkSize/2)
	size := int64(len(content))
	w, sent := newWorker()
	e := announceFile(t, w.ledger, 1)
	e.item.Size = size
	w.ledger.plan(e)
	p := &memoryPart{chunks: make([][]byte, checksum.Chunks(size))}
	a := &attempt{of: e, item: e.item, form: chunked, chunks: checksum.NewTree(size)}
	a.part.begin(p)
	if !w.ledger.ask(a) {
		t.Fatal("it was not asked for")
	}
	in := &intake{ledger: w.ledger, jobs: w.queues.jobs}
	whole := checksum.NewTree(size)
	var given []*ownBytes
	give := func(index uint64, b []byte, attempt uint8) {
		t.Helper()
		node := checksum.NewNode(content[index*checksum.ChunkSize:][:checksum.ChunkLen(size, index)], index)
		o := &ownBytes{Chunk: parcel.Chunk{Entry: 1, Attempt: attempt, Offset: index * checksum.ChunkSize, Size: len(b), Data: b, Last: true, Check: node.CV()}}
		o.Owner = o
		given = append(given, o)
		if err := in.Chunk(&o.Chunk); err != nil {
			t.Fatal(err)
		}
		_ = whole.SetNode(index, node) // again for those that come twice
	}
	for _, index := range []uint64{2, 0, 1, 0} {
		b := content[index*checksum.ChunkSize:][:checksum.ChunkLen(size, index)]
		if len(given) == 1 {
			wrong := bytes.Clone(b)
			wrong[7]++
			give(index, wrong, 0)
			give(index, b, 3) // of no attempt
		}
		give(index, b, 0)
	}
	root, err := whole.Root()
	if err != nil {
		t.Fatal(err)
	}
	if _, all, err := w.ledger.fileEnd(framing.FileEnd{ID: 1, Size: uint64(size), Root: root}); all || err != nil {
		t.Fatalf("FILEEND before the work: whole %v, %v", all, err)
	}
	w.work(t)
	for i, o := range given {
		if o.freed != 1 {
			t.Errorf("value %d was freed %d times", i, o.freed)
		}
	}
	if sent.sent[framing.TypeWant] != 1 || sent.sent[framing.TypeCredit] != 0 {
		t.Errorf("sent: %v, want one WANT for the chunk that was wrong", sent.sent)
	}
	if got := slices.Concat(p.chunks...); !bytes.Equal(got, content) || p.root != root {
		t.Error("other bytes, or another digest, are sealed")
	}
	if got, ok, _ := w.queues.ready.Try(); !ok || got != a || e.state != ready {
		t.Errorf("the file is %v and not with the publisher", e.state)
	}
}

// The intake refuses content that no attempt can have.
func TestIntakeRefuses(t *testing.T) {
	l := newLedger()
	e := announceFile(t, l, 1)
	e.item.Size = checksum.ChunkSize + 5
	l.plan(e)
	good := parcel.Chunk{Entry: 1, Offset: checksum.ChunkSize, Size: 5, Last: true}
	in := &intake{ledger: l, jobs: flow.NewQueue[job]()}
	if in.Chunk(&good) == nil {
		t.Error("it takes what was not asked for")
	}
	l.ask(&attempt{of: e, item: e.item, form: chunked, chunks: checksum.NewTree(e.item.Size)})
	for name, change := range map[string]func(c *parcel.Chunk){
		"an unknown entry":        func(c *parcel.Chunk) { c.Entry = 2 },
		"a chunk past the end":    func(c *parcel.Chunk) { c.Offset = 2 * checksum.ChunkSize },
		"a long chunk":            func(c *parcel.Chunk) { c.Size = 6 },
		"a short chunk":           func(c *parcel.Chunk) { c.Size = 4 },
		"a piece":                 func(c *parcel.Chunk) { c.Offset, c.Last = 0, false },
		"a later piece":           func(c *parcel.Chunk) { c.Offset, c.Size = checksum.ChunkSize+1, 4 },
		"a piece that is a frame": func(c *parcel.Chunk) { c.Offset, c.Last, c.Encoding = 0, false, framing.EncodingZstd },
	} {
		c := good
		if change(&c); in.Chunk(&c) == nil {
			t.Errorf("it takes %s", name)
		}
	}
	if err := in.Chunk(&good); err != nil {
		t.Errorf("the chunk itself: %v", err)
	}
}

// What is half there of a stream that its sender gave up gives its credit back, when the
// next stream begins a chunk.
func TestHalfChunksGoWithTheirStream(t *testing.T) {
	l := newLedger()
	var wire bytes.Buffer
	out := framing.NewWriter(&wire)
	for id := range uint64(3) {
		e := &entry{id: id + 1, kind: tree.Stream, item: &tree.Entry{ID: id + 1, Kind: tree.Stream, Size: -1}}
		if err := l.announce([]message{arrival{e}}); err != nil {
			t.Fatal(err)
		}
		l.plan(e)
		l.ask(&attempt{of: e, item: e.item, form: chunked, chunks: checksum.NewTree(-1)})
		h := framing.DataHeader{ID: e.id}
		if err := out.WriteFrame(framing.TypeData, framing.AppendDataHeader(nil, &h), make([]byte, 5000)); err != nil {
			t.Fatal(err)
		}
	}
	credit := &window{control: &sentFrames{sent: make(map[framing.Type]int)}}
	credit.bytes.allow(flow.CreditWindow)
	r := &reader{
		in: framing.NewReader(&wire), ledger: l, consent: newConsent(framing.Offer{}, limits{}, nil), credit: credit,
		requests: &requests{}, jobs: flow.NewQueue[job](), pool: &flow.Pool{},
	}
	r.requests.begun.Store(true)
	for id := range uint64(3) {
		if _, err := r.frame(); err != nil {
			t.Fatal(err)
		}
		if id == 0 {
			l.settle(l.entries[1])
		}
	}
	if len(r.sources) != 2 {
		t.Errorf("%d half chunks are kept, want those of two streams", len(r.sources))
	}
	var back int64
	for {
		j, ok, _ := r.jobs.Try()
		if !ok {
			break
		}
		back += int64(j.(spent))
	}
	if _, out := credit.bytes.sums(); out-back != 2*5000 {
		t.Errorf("%d bytes of credit are out and %d come back", out, back)
	}
}
