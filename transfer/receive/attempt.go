package receive

import (
	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/tree"
)

// attempt is what was asked for of an entry at one time. It is replaced as a whole: by
// CHANGED, or when a comparison tells that the content is needed. A goroutine that works
// for an attempt sees that it is over when the entry has another one, or none.
//
// There are three kinds. A small file comes as one chunk, alone or in a pack. For a
// comparison only FILEEND comes. All other content comes chunk by chunk.
type attempt struct {
	of     *entry
	number uint8       // that the sender has for it
	item   *tree.Entry // the entry as it is in this attempt; nobody changes it
	small  bool        // a file of one chunk or less: its check is the root
	part   part

	// Guarded by ledger.mu.
	end      *framing.FileEnd
	chunks   *checksum.Tree // chunks that were verified; nil where nothing is stored by chunks
	got      uint64         // the number of them that came
	tries    map[uint64]int // how often a chunk had to be asked for again
	basis    *basis         // nil: nothing of it was here
	compared *comparison    // nil: content was asked for
	sum      sum
}

// sum is what the content of an entry was verified to be.
type sum struct {
	known bool
	root  checksum.Digest
	size  int64
}

// comparison is an existing file held against the one offered.
type comparison struct {
	name   string // of the existing file
	root   checksum.Digest
	done   bool // it was hashed
	broken bool // it could not be read
}

// chunkLen is the length of a chunk as asked for: 0 if there is none with that index,
// and as long as can be where the size is not known.
func (a *attempt) chunkLen(index uint64) int {
	if a.of.kind == tree.Stream {
		return checksum.ChunkSize
	}
	return checksum.ChunkLen(a.item.Size, index)
}

// want is a request for the content of the attempt, less what its kind leaves out.
func (a *attempt) want(kind framing.WantKind) *framing.Want {
	return &framing.Want{ID: a.of.id, Attempt: a.number, Kind: kind}
}

// wantAgain asks once more for one chunk.
func (a *attempt) wantAgain(index uint64) *framing.Want {
	if a.small {
		return a.want(framing.WantAll)
	}
	w := a.want(framing.WantAgain)
	w.First, w.Count = index, 1
	return w
}

// whole tells whether all that was asked for is here. Callers hold ledger.mu.
func (a *attempt) whole() bool {
	switch {
	case a.end == nil:
		return false
	case a.compared != nil:
		return a.compared.done
	case a.small:
		return a.item.Size == 0 // else its chunk tells
	case a.chunks == nil:
		return false
	case a.of.kind == tree.Stream:
		return a.got >= checksum.Chunks(int64(a.end.Size))
	}
	return a.chunks.Complete()
}
