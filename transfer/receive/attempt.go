package receive

import (
	"sync"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// attempt is what was asked for of an entry at one time. It is replaced as a whole: by
// CHANGED, or when a comparison tells that the content is needed. A goroutine that works
// for an attempt sees that it is over when the entry has another one, or none.
//
// Its form says what comes, and what of the fields is used.
type attempt struct {
	of     *entry
	number uint8       // that the sender has for it
	item   *tree.Entry // the entry as it is in this attempt; nobody changes it
	form   form        // set once
	part   part
	share  sharing

	// Guarded by ledger.mu.
	end      *framing.FileEnd
	chunks   *checksum.Tree // of form chunked: the chunks that were verified
	got      uint64         // the number of them that came
	tries    map[uint64]int // how often a chunk had to be asked for again
	basis    *basis         // of form chunked; nil: nothing of it was here
	compared *comparison    // of form comparing
	sum      sum
}

// form is how what was asked for comes.
type form uint8

const (
	lone      form = iota + 1 // a file of one chunk or less, alone or in a pack: its check is the root
	chunked                   // chunk by chunk, in any order, to be stored
	passing                   // chunk by chunk, in order, to be passed on
	comparing                 // only FILEEND, to hold an existing file against
)

// sum is what the content of an entry was verified to be.
type sum struct {
	known bool
	root  checksum.Digest
	size  int64
}

// sharing is whether the Partial of an attempt shares what a file in this process's reach
// has.
type sharing struct {
	once sync.Once
	does bool // set by once
}

// comparison is an existing file held against the one offered.
type comparison struct {
	name   string          // of the existing file
	former *storage.Former // if it is one under another name: what is to come is taken from it
	root   checksum.Digest
	done   bool  // it was hashed
	broken bool  // it could not be read
	kept   int64 // bytes hashed so far, which are taken for the same meanwhile
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
	if a.form == lone {
		return a.want(framing.WantAll)
	}
	w := a.want(framing.WantAgain)
	w.First, w.Count = index, 1
	return w
}

// whole tells whether all that was asked for is here. Callers hold ledger.mu.
func (a *attempt) whole() bool {
	if a.end == nil {
		return false
	}
	switch a.form {
	case comparing:
		return a.compared.done
	case lone:
		return a.item.Size == 0 // else its chunk tells
	case passing:
		return false // the goroutine that passes it on tells
	}
	if a.of.kind == tree.Stream {
		return a.got >= checksum.Chunks(int64(a.end.Size))
	}
	return a.chunks.Complete()
}
