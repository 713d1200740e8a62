package hostile

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math"
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
	"ferry/transfer/tree"
)

// randomSender is a sender that keeps the layout of each frame and little else.
//
// The test's goroutine moves; the goroutine that listens notes the flags that were
// granted and what was asked for, under mu. What was stated is read when both are done.
type randomSender struct {
	p    *peer
	is   chooser
	over bool // it said goodbye

	last    uint64            // number of the last entry
	folders []uint64          // begun and not ended
	linked  []uint64          // entries with further names
	sizes   map[uint64]uint64 // of the files announced
	streams map[uint64]bool
	changes map[uint64]uint8     // attempts that CHANGED began
	ends    map[fileAttempt]bool // FILEEND was sent

	copying   bool // to a receiver that deletes
	request   bool // the receiver sends REQUEST
	questions questions

	mu      sync.Mutex
	wants   []framing.Want
	granted uint32
	stated  map[checksum.Digest]bool // contents that it sent or may have sent
}

type fileAttempt struct {
	id      uint64
	attempt uint8
}

// TestHostileRandomSender: whatever a sender says, nothing outside the destination
// changes, the receiver ends by itself within its memory and leaves no goroutine,
// and a final name holds only what stood there or a content that the sender stated.
func TestHostileRandomSender(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("what stands in the destination has links")
	}
	campaign(t, hostileSenderRun)
}

func hostileSenderRun(t *testing.T, seed uint64) error {
	s := &randomSender{is: newChooser(seed, 77), sizes: make(map[uint64]uint64), streams: make(map[uint64]bool), changes: make(map[uint64]uint8), ends: make(map[fileAttempt]bool), stated: make(map[checksum.Digest]bool)}
	outer := t.TempDir()
	dst := filepath.Join(outer, "dst")
	deliverytest.Must(t, os.Mkdir(dst, 0o755))
	deliverytest.Must(t, os.WriteFile(filepath.Join(outer, "canary"), []byte("alive"), 0o644))
	if s.is.oneIn(4) {
		s.stated[checksum.Sum(deliverytest.Write(t, filepath.Join(dst, "a1"), 3<<20, 1))] = true
		deliverytest.Must(t, os.Symlink("..", filepath.Join(dst, "b1")))
		deliverytest.Must(t, os.Symlink("../canary", filepath.Join(dst, "c1")))
		deliverytest.Must(t, os.Mkdir(filepath.Join(dst, "a2"), 0o755))
	}
	before := outside(t, outer)
	d, err := local.NewFolder(dst, local.FolderOptions{NoSync: true})
	deliverytest.Must(t, err)
	o := receive.Options{Destination: d, OnConflict: transfer.ConflictPolicy(s.is.IntN(4)), Links: transfer.LinkPolicy(s.is.IntN(3)),
		Metadata: tree.Metadata{Owner: s.is.oneIn(2), Xattrs: s.is.oneIn(2), HardLinks: s.is.oneIn(2), Devices: s.is.oneIn(2)}}
	var caps uint64
	if s.is.oneIn(2) {
		caps = framing.CapZstd
	}
	var ended error
	bounded(t, hostileMemory, func(ctx context.Context) {
		more, run := s.copies(&o)
		a, b := deliverytest.PairWith(t, caps|more)
		s.p = &peer{t: t, l: a}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.play()
		}()
		var res transfer.Result
		res, ended = run(ctx, b)
		<-done
		checkDeleted(t, &o, &res)
		if ended == nil && res.Failed > 0 {
			t.Errorf("ended well with %d items failed", res.Failed)
		}
	})
	deliverytest.Must(t, d.Close())
	if after := outside(t, outer); after != before {
		t.Errorf("outside of the destination was\n%s and is\n%s", before, after)
	}
	s.checkContents(t, dst)
	return ended
}

// checkContents looks for a content under a final name that was never stated.
func (s *randomSender) checkContents(t *testing.T, dst string) {
	deliverytest.Must(t, filepath.WalkDir(dst, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(strings.ToLower(d.Name()), tree.PartialName) {
			return filepath.SkipDir
		}
		if d.Type()&(fs.ModeType|fs.ModeDir) == 0 {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if len(b) > 0 && !s.stated[checksum.Sum(b)] {
				t.Errorf("%q holds %d bytes that nobody stated", path, len(b))
			}
		}
		return nil
	}))
}

// play is the delivery as the sender sees it.
func (s *randomSender) play() {
	o := anyOffer()
	if s.request {
		o.Items = uint64(len(requested()))
	}
	for _, f := range []uint32{framing.FlagChecksum, framing.FlagAllowChanged, framing.FlagOwner, framing.FlagXattrs, framing.FlagHardLinks, framing.FlagDevices} {
		if s.is.oneIn(2) {
			o.Flags |= f
		}
	}
	s.p.send(framing.TypeOffer, o.Append(nil))
	answered, heard := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(heard)
		s.listen(answered)
	}()
	<-answered
	moves := append(s.moves(), s.copyMoves()...)
	for range 10 + s.is.IntN(150) {
		if s.over || s.p.l.Err() != nil {
			break
		}
		s.is.step(moves)
	}
	if !s.over && !s.is.oneIn(4) {
		s.finish()
	}
	if s.is.oneIn(3) {
		s.p.l.Abort(nil)
	}
	_ = s.p.l.Close() // the receiver may have left long ago
	<-heard
}

// listen notes what the receiver asks for, and closes answered at its answer.
func (s *randomSender) listen(answered chan<- struct{}) {
	var once sync.Once
	answer := func() { once.Do(func() { close(answered) }) }
	defer answer()
	for {
		ty, body, ok := s.p.next()
		if !ok {
			return
		}
		switch ty {
		case framing.TypeAccept:
			if m, err := framing.ParseAccept(body); err == nil {
				s.mu.Lock()
				s.granted = m.Flags
				s.mu.Unlock()
			}
			answer()
		case framing.TypeDecline:
			answer()
		case framing.TypeAsk:
			s.questions.hear(body)
		case framing.TypeWant:
			for w, err := range framing.ParseWants(body) {
				if err == nil {
					w.Bitmap = bytes.Clone(w.Bitmap)
					s.mu.Lock()
					s.wants = append(s.wants, w)
					s.mu.Unlock()
				}
			}
		}
	}
}

// finish brings the delivery to its end as a well-behaved sender does.
func (s *randomSender) finish() {
	for i := len(s.folders) - 1; i >= 0; i-- {
		s.p.entries(s.last+1, folderEnd(s.folders[i]))
	}
	s.p.end(s.last)
	for range 300 {
		s.answerWant()
		s.answerAsk()
		time.Sleep(time.Millisecond) // of virtual time, so that the receiver can ask
	}
}

func (s *randomSender) moves() []move {
	return []move{
		{6, s.announce},
		{8, s.answerWant},
		{3, func() { time.Sleep(time.Millisecond) }},
		{1, s.change},
		{1, s.fail},
		{1, s.is.slip(6, func() {
			s.p.fileEnd(framing.FileEnd{ID: s.anyID(), Attempt: uint8(s.is.IntN(2)), Size: s.is.size(0, 4, 1<<20)})
		})},
		{1, s.is.rarely(40, func() {
			b := framing.Bye{Code: framing.CodeCancelled, Message: "\x1b[31m"}
			s.p.send(framing.TypeBye, b.Append(nil))
			s.over = true
		})},
		{1, s.is.rarely(20, func() {
			h := framing.Heartbeat{State: framing.StateSending, Progress: s.is.Uint64()}
			s.p.send(framing.TypeHeartbeat, h.Append(nil))
		})},
		{1, s.is.rarely(12, func() { time.Sleep(time.Duration(s.is.IntN(40)) * time.Second) })},
		{1, s.is.slip(20, func() { s.p.send(framing.Type(0x10+s.is.IntN(0x18)), s.is.noise()) })},
	}
}

// announce sends a batch of entries.
func (s *randomSender) announce() {
	first := s.last + 1
	var batch []framing.Entry
	for range 1 + s.is.IntN(6) {
		if len(s.folders) > 0 && s.is.oneIn(6) {
			i := s.is.IntN(len(s.folders))
			batch = append(batch, folderEnd(s.folders[i]))
			s.folders = without(s.folders, i)
			continue
		}
		e := s.entry()
		s.last++
		switch e.Kind {
		case framing.KindFolder, framing.KindRoot:
			s.folders = append(s.folders, s.last)
		case framing.KindFile:
			s.sizes[s.last] = e.Size
		case framing.KindStream:
			s.streams[s.last] = true
		}
		if e.Linked && e.Kind != framing.KindHardLink {
			s.linked = append(s.linked, s.last)
		}
		batch = append(batch, e)
	}
	s.p.entries(first, batch...)
}

func (s *randomSender) entry() framing.Entry {
	s.mu.Lock()
	granted := s.granted
	s.mu.Unlock()
	links, nodes := granted&framing.FlagHardLinks != 0, granted&framing.FlagDevices != 0
	e := framing.Entry{Parent: s.parent(), Name: s.name(), Mode: uint32(s.is.IntN(0o10000)),
		Sec: int64(s.is.size(0, 1, 1<<31, 1<<40, math.MaxInt64, 1<<63)), Nsec: uint32(s.is.IntN(1e9))}
	switch k := s.is.IntN(14); {
	case k >= 9 && s.last == 0 && s.copying, k == 12 && s.last == 0 && s.is.rude:
		return framing.Entry{Kind: framing.KindRoot, Mode: 0o700}
	case k < 5:
		e.Kind, e.Size = framing.KindFile, s.is.size(0, 1, 5, 70000, 1<<20, 1<<20+1, 3<<20)
		if s.is.slips(50) {
			e.Size = s.is.size(1<<40, 1<<62, math.MaxInt64)
		}
		if e.Size > 0 && s.is.oneIn(5) {
			e.Holes = s.is.size(1, e.Size)
		}
		e.Linked = links && s.is.oneIn(3)
	case k < 7:
		e.Kind = framing.KindFolder
	case k < 9:
		e.Kind = framing.KindSymlink
		e.Target = []byte(pick(s.is, []string{"..", "../canary", "a1", "/etc", ".", "b2/../..", "\x00", "d"}))
		e.Linked = links && s.is.oneIn(3)
	case k == 9:
		e.Kind = framing.KindStream
		return e
	case k == 10 && len(s.linked) > 0:
		i := s.is.IntN(len(s.linked))
		l := framing.Entry{Kind: framing.KindHardLink, Parent: e.Parent, Name: e.Name, LinkTo: s.linked[i], Linked: s.is.oneIn(2)}
		if !l.Linked && !s.is.slips(2) {
			s.linked = without(s.linked, i) // it said that none is to come
		}
		return l
	case k == 11 && nodes:
		e.Kind = pick(s.is, []framing.EntryKind{framing.KindFIFO, framing.KindSocket, framing.KindCharDevice, framing.KindBlockDevice})
		if e.Kind == framing.KindCharDevice || e.Kind == framing.KindBlockDevice {
			e.Major, e.Minor = 1, 3
		}
	default:
		e.Kind, e.Size = framing.KindFile, 4
	}
	e.Ext = s.extension(granted)
	return e
}

func (s *randomSender) name() []byte {
	if !s.is.slips(4) {
		return fmt.Append(nil, pick(s.is, []string{"a", "b", "c", "d", "A", "é", "\xff", "-rf\n\x1b[2J"}), s.is.IntN(200))
	}
	return []byte(pick(s.is, []string{"a", "b", "A", "é", "e\u0301", "..", ".", "x/y", ".ferry-partial", ".FERRY-PARTIAL", ".ferry-partial-0",
		"con", "\x1b[2J", "a\nb", "\xff\xfe", "-rf", "dst", "canary", strings.Repeat("n", 255)}))
}

func (s *randomSender) parent() uint64 {
	switch {
	case len(s.folders) > 0 && s.is.oneIn(2):
		return pick(s.is, s.folders)
	case s.is.slips(100):
		return s.is.Uint64N(s.last + 2)
	}
	return 0
}

func (s *randomSender) extension(granted uint32) *framing.Extension {
	if !s.is.oneIn(4) {
		return nil
	}
	owner, xattrs := granted&framing.FlagOwner != 0 || s.is.rude, granted&framing.FlagXattrs != 0 || s.is.rude
	e := &framing.Extension{Missing: xattrs && s.is.oneIn(2)}
	if owner && s.is.oneIn(2) {
		e.Owner = &framing.Owner{UID: uint32(s.is.IntN(3) * 1000), User: []byte("nobody"), Group: []byte("x\x1b")}
	}
	if xattrs && s.is.oneIn(2) {
		e.Xattrs = []framing.Xattr{
			{Name: []byte("security.capability"), Value: []byte("junk")},
			{Name: []byte("system.posix_acl_access"), Value: []byte{2, 0, 0, 0, 1, 0, 7, 0, 0xff, 0xff, 0xff, 0xff}},
			{Name: []byte("trusted.overlay.opaque"), Value: []byte("y")},
			{Name: []byte("user.a"), Value: bytes.Repeat([]byte{1}, s.is.IntN(3000))},
		}
	}
	if e.Owner == nil && e.Xattrs == nil && !e.Missing {
		return nil
	}
	return e
}
