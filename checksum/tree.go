package checksum

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"lukechampine.com/blake3/guts"
)

// ErrAlreadySet is returned, wrapped, for a chunk that a Tree already has.
var ErrAlreadySet = errors.New("chunk is already set")

// errIncomplete is returned, wrapped, when the root of a Tree is asked for
// before its size is known and all its chunks are set.
var errIncomplete = errors.New("chunks are missing")

// Tree gathers the chunks of one file, in any order, and gives its digest.
//
// Complete aligned runs of chunks are merged into one CV at once, so memory
// grows with the number of runs times the logarithm of their length, not with
// the size of the file. A merged chunk cannot be taken back: a chunk must be verified
// before it is set, and a caller that has to replace one starts a new Tree. That is why
// setting a chunk twice is an error whatever its value.
//
// All methods may be called by several goroutines at once.
type Tree struct {
	mu     sync.Mutex
	size   int64 // -1 while unknown
	count  uint64
	end    uint64 // highest index set, plus one
	levels int    // no merged CV is at this level or above
	merged map[position]CV
	first  *Node // chunk 0 while it may be the whole file
}

// position names the aligned run of 1<<level chunks that starts at chunk
// index<<level.
type position struct {
	level int
	index uint64
}

// maxChunks is what an int64 size allows.
const maxChunks = 1 << (63 - 20)

// NewTree returns the tree of a file of size bytes, or, with -1, of a stream
// whose size Finish will tell. Nothing is allocated in proportion to size.
func NewTree(size int64) *Tree {
	return &Tree{size: max(size, -1), merged: make(map[position]CV)}
}

// Finish tells the size of a stream. It fails when the size is known and
// differs, and when chunks past it are set.
func (t *Tree) Finish(size int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case size < 0:
		return fmt.Errorf("finishing a tree: size %d", size)
	case t.size >= 0 && t.size != size:
		return fmt.Errorf("finishing a tree: size %d, but it was %d", size, t.size)
	case t.end > Chunks(size):
		return fmt.Errorf("finishing a tree: size %d, but chunk %d is set", size, t.end-1)
	}
	t.size = size
	return nil
}

// Set takes the check value of a chunk, as Check gives it: the CV, or the digest
// when the file is known to be of one chunk. Chunk 0 of a stream may turn out to
// be either, so it has to come through SetNode. Setting a chunk again gives
// ErrAlreadySet, and an index past the end gives another error; neither changes the
// tree.
func (t *Tree) Set(index uint64, cv CV) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.size < 0 && index == 0 {
		return errors.New("setting chunk 0: a stream's first chunk needs its node")
	}
	return t.set(index, cv)
}

// SetNode is Set for a chunk that was hashed here, whatever the size of the file
// and whether it is known.
func (t *Tree) SetNode(index uint64, n Node) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.size >= 0 && t.size <= ChunkSize {
		return t.set(index, CV(n.Root()))
	}
	if err := t.set(index, n.CV()); err != nil {
		return err
	}
	if t.size < 0 && index == 0 {
		first := n // so that only this call allocates
		t.first = &first
	}
	return nil
}

func (t *Tree) set(index uint64, cv CV) error {
	if index >= t.limit() {
		return fmt.Errorf("setting chunk %d: past the end", index)
	}
	if _, ok := t.covering(index); ok {
		return fmt.Errorf("setting chunk %d: %w", index, ErrAlreadySet)
	}
	at := position{0, index}
	// A run that starts at chunk 0 could be the whole file, whose last
	// compression is another one, so the leftmost runs wait for Root.
	for at.index > 1 {
		sibling := position{at.level, at.index ^ 1}
		other, ok := t.merged[sibling]
		if !ok {
			break
		}
		delete(t.merged, sibling)
		if at.index&1 == 0 {
			cv = chain(cv, other)
		} else {
			cv = chain(other, cv)
		}
		at = position{at.level + 1, at.index >> 1}
	}
	t.merged[at] = cv
	t.levels = max(t.levels, at.level+1)
	t.end = max(t.end, index+1)
	t.count++
	return nil
}

// limit is the number of chunks that there can be.
func (t *Tree) limit() uint64 {
	if t.size < 0 {
		return maxChunks
	}
	return Chunks(t.size)
}

// covering finds the run that chunk index is part of.
func (t *Tree) covering(index uint64) (position, bool) {
	for level := range t.levels {
		at := position{level, index >> level}
		if _, ok := t.merged[at]; ok {
			return at, true
		}
	}
	return position{}, false
}

// Has tells whether chunk index is set.
func (t *Tree) Has(index uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.covering(index)
	return ok
}

// Complete tells whether the size is known and all chunks are set.
func (t *Tree) Complete() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.complete()
}

func (t *Tree) complete() bool { return t.size >= 0 && t.count == Chunks(t.size) }

// Root is the digest of the file. While the size is not known or chunks are missing
// it is an error.
func (t *Tree) Root() (Digest, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !t.complete():
		return Digest{}, fmt.Errorf("computing the root after %d chunks: %w", t.count, errIncomplete)
	case t.size == 0:
		return Sum(nil), nil
	case t.size <= ChunkSize && t.first != nil:
		return t.first.Root(), nil
	case t.size <= ChunkSize:
		return Digest(t.merged[position{}]), nil
	}
	return rootOf(t.join(0, Chunks(t.size))), nil
}

// join is the node above chunks first to first+n-1, n at least 2.
func (t *Tree) join(first, n uint64) guts.Node {
	left := uint64(1) << (bits.Len64(n-1) - 1)
	return parent(t.run(first, left), t.run(first+left, n-left))
}

// run is the CV of chunks first to first+n-1, merged already or not.
func (t *Tree) run(first, n uint64) CV {
	if n&(n-1) == 0 {
		level := bits.TrailingZeros64(n)
		if cv, ok := t.merged[position{level, first >> level}]; ok {
			return cv
		}
	}
	return bytesOf(guts.ChainingValue(t.join(first, n)))
}
