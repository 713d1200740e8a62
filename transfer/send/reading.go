package send

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"ferry/checksum"
	"ferry/transfer/internal/flow"
	"ferry/transfer/tree"
)

// Reading has several deliveries of the same sources read, hash and compress content once,
// if they come to it at about the same time. A portion of it is a chunk, or a pack of small
// files that all of them want. It keeps what was read last. A delivery that falls behind by
// more than that, or wants other files, reads for itself, and holds up nobody.
//
// It shares the walk as well, as tree.Survey says: each delivery walks, and the names of a
// folder and what is found under each are asked of the system once. At most
// tree.MaxSurveyed items are remembered, of however many; who is further behind asks again.
//
// A delivery that begins later than others uses no pack that was read before it began, and
// nothing that was seen before it was accepted: it walks again, and reads again what is
// older. From where it has caught up it shares.
//
// What Send guarantees of changes holds for each delivery as if it had read by itself. A
// chunk is of one version of a file, by tree.Info.SameVersion, which each delivery opens and
// looks at. A pack is of the versions that the delivery has announced, under the same
// numbers, and was read after the delivery began. No lock is held while something is read.
// A delivery that needs what another one is reading waits for that, and reads for itself if
// it fails.
type Reading struct {
	pool   flow.Pool // of all deliveries that share it
	survey *tree.Survey

	mu       sync.Mutex // guards what follows, and what portions and shares say is its
	portions map[portionKey]*portion
	chunks   shelf
	packs    shelf
}

// shelf is portions that nobody uses.
type shelf struct {
	idle *list.List // the one used last at the back
	held int64      // bytes of them
	most int64
}

// packsShare is the part of what is kept that packs may take: so much is thousands of small
// files.
const packsShare = 4

// NewReading returns one that keeps most bytes beside what is in use. Those in use are
// bounded by the deliveries, as without it.
func NewReading(most int64) *Reading {
	return &Reading{
		survey: tree.NewSurvey(tree.MaxSurveyed), portions: make(map[portionKey]*portion),
		chunks: shelf{idle: list.New(), most: most - most/packsShare}, packs: shelf{idle: list.New(), most: most / packsShare},
	}
}

// shelf is where a portion is kept.
func (r *Reading) shelf(c *portion) *shelf {
	if c.key.pack {
		return &r.packs
	}
	return &r.chunks
}

// version is one version of a file.
type version struct {
	name         string // where the system gives no identity, it is this
	size         int64
	mtime, ctime tree.Time
	dev, ino     uint64
	mode         uint32 // of a file in a pack, which is checked against it
	id           uint64 // of its entry, which stands in a pack: deliveries may number otherwise
}

func versionOf(name string, info tree.Info) version {
	return version{name: name, size: info.Size, mtime: info.MTime, ctime: info.CTime, dev: info.Dev, ino: info.Ino}
}

// portionKey is one chunk of one version of a file, or a pack that begins with it.
type portionKey struct {
	version
	index uint64 // of a chunk
	pack  bool
	frame bool // the portion as a zstd frame
}

// portion is what was read at once, or is being read.
type portion struct {
	key   portionKey
	files []version     // of a pack, in their order
	begun time.Time     // before anything of it was read
	ready chan struct{} // closed when it was read, or could not be

	// Set before ready is closed.
	buf     *[]byte           // nil: it could not be read, or does not shrink
	check   [32]byte          // of a chunk
	content int               // bytes of the files of a pack
	roots   []checksum.Digest // of them
	took    time.Duration     // for a frame

	// Reading.mu guards what follows.
	users int
	place *list.Element // in idle; nil while there are users
	stray bool          // a link may still read it: its bytes are used for nothing else
}

// share is the part of a Reading that one delivery has. Nil shares nothing.
type share struct {
	of    *Reading
	begun time.Time        // of the delivery
	uses  map[*portion]int // Reading.mu guards it
}

func newShare(r *Reading) *share {
	if r == nil {
		return nil
	}
	return &share{of: r, begun: time.Now(), uses: make(map[*portion]int)}
}

// chunk finds a chunk of an attempt. With mine the caller has to read it, and to call filled
// or failed. Otherwise it waits for ready. It calls drop in the end, unless failed was
// called. Without sharing there is no portion.
func (s *share) chunk(a *attempt, name string, index uint64) (c *portion, mine bool) {
	if s == nil {
		return nil, false
	}
	return s.take(portionKey{version: versionOf(name, a.info), index: index}, time.Now(), nil)
}

// pack is chunk of a pack of those files. There is none if the pack that begins with the
// first of them has others in it.
func (s *share) pack(entries []*entry) (c *portion, mine bool) {
	if s == nil {
		return nil, false
	}
	files := make([]version, len(entries))
	for i, e := range entries {
		files[i] = versionOf(e.item.Display, e.item.Info)
		files[i].mode, files[i].id = e.item.Info.Mode, e.item.ID
	}
	return s.take(portionKey{version: files[0], pack: true}, time.Now(), files)
}

// frame is chunk of a portion as a zstd frame, which the caller has to make.
func (s *share) frame(of *portion) (c *portion, mine bool) {
	key := of.key
	key.frame = true
	return s.take(key, of.begun, of.files)
}

func (s *share) take(key portionKey, begun time.Time, files []version) (c *portion, mine bool) {
	r := s.of
	r.mu.Lock()
	defer r.mu.Unlock()
	c = r.portions[key]
	if c != nil && key.pack {
		switch {
		case c.begun.Before(s.begun):
			r.forget(c)
			c = nil
		case !slices.Equal(c.files, files):
			return nil, false
		}
	}
	if c == nil {
		c, mine = &portion{key: key, files: files, begun: begun, ready: make(chan struct{})}, true
		r.portions[key] = c
	}
	r.wake(c)
	c.users++
	s.uses[c]++
	return c, mine
}

// wake takes a portion out of idle. It needs mu.
func (r *Reading) wake(c *portion) {
	if c.place == nil {
		return
	}
	at := r.shelf(c)
	at.idle.Remove(c.place)
	at.held -= int64(cap(*c.buf))
	c.place = nil
}

// forget has nobody find a portion any more. It needs mu.
func (r *Reading) forget(c *portion) {
	if r.portions[c.key] == c {
		delete(r.portions, c.key)
	}
	if c.place != nil {
		r.wake(c)
		r.recycle(c)
	}
}

// recycle lets the bytes of a portion be used again that nobody finds or uses. It needs mu.
func (r *Reading) recycle(c *portion) {
	if !c.stray {
		r.pool.Put(c.buf)
	}
}

// filled makes buf known as the portion. Nobody writes to it from here on, nor to c.
func (s *share) filled(c *portion, buf *[]byte) {
	c.buf = buf
	close(c.ready)
}

// failed says that there is no portion. Whoever waits for it reads for itself.
func (s *share) failed(c *portion) {
	s.of.mu.Lock()
	s.of.forget(c)
	delete(s.uses, c)
	s.of.mu.Unlock()
	close(c.ready)
}

// wait waits for what another delivery reads or has read. False says that it could not, and
// then the portion is the caller's no more.
func (s *share) wait(ctx context.Context, c *portion) (found bool, err error) {
	select {
	case <-c.ready:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	if c.buf == nil {
		s.of.mu.Lock()
		defer s.of.mu.Unlock()
		delete(s.uses, c)
		return false, nil
	}
	return true, nil
}

// drop ends one use of a portion. It is kept for others until there is no room.
func (s *share) drop(c *portion) {
	r := s.of
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.uses[c]--; s.uses[c] <= 0 {
		delete(s.uses, c)
	}
	if c.users--; c.users > 0 {
		return
	}
	if r.portions[c.key] != c { // another one has taken its place
		r.recycle(c)
		return
	}
	at := r.shelf(c)
	c.place = at.idle.PushBack(c)
	at.held += int64(cap(*c.buf))
	for at.held > at.most {
		r.forget(at.idle.Front().Value.(*portion))
	}
}

// end ends all uses. An error can leave portions with the link that are not given back:
// their bytes are used for nothing else.
func (s *share) end() {
	if s == nil {
		return
	}
	r := s.of
	r.mu.Lock()
	defer r.mu.Unlock()
	for c, n := range s.uses {
		c.stray = true
		if c.users -= n; c.users <= 0 {
			r.forget(c)
		}
	}
	clear(s.uses)
}
