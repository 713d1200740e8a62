package receive

import (
	"slices"
	"strings"
	"sync"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// inEntry is an entry at the receiver, from its announcement to its verdict.
type inEntry struct {
	id     uint64
	kind   tree.Kind
	name   string
	parent *inFolder // nil at the top; set by plan
	weight int64     // part of receiver.held
	holes  uint64    // bytes of the content announced that take no space at the sender, about
	most   int64     // the largest size announced; plan's
	// linked is set if hard links may come to it, target if it is one; by plan.
	linked, target *linkTarget
	// Guarded by receiver.mu.
	warned   bool
	adjusted bool // found the same, and its metadata changed

	stream assembly // of a stream's chunk; used by read of stream 0 alone

	// io is held for reading while a worker uses partial, for writing while
	// plan replaces it.
	io sync.RWMutex

	mu      sync.Mutex
	entry   *tree.Entry // replaced when the sender says that it changed
	attempt uint8
	asked   bool
	owes    int64 // of the bytes asked for, those that are not written: part of receiver.due
	said    int   // frames of the sender about it that plan has not handled
	packed  bool  // asked for as a whole, small enough to come in a pack
	end     *framing.FileEnd
	sealed  bool       // complete and on its way to publication: nothing stops it but an error
	expect  *tree.Info // the file to be replaced, as it was when that was decided
	rename  bool
	large   bool // holds one of receiver.large
	sourced bool // counts among receiver.sources
	temp    bool // holds one of receiver.temps

	partial storage.Partial
	chunks  *checksum.Tree        // chunks that came and were verified
	got     uint64                // their number
	pages   map[uint64]*claimPage // of chunks that were here, by first chunk
	old     bool                  // they are taken from the file that will be replaced
	lent    *lent                 // of that file, if it may be the same; else nil
	tries   map[uint64]int        // how often a chunk had to be asked for again
	compare *comparison           // of an existing file that may be the same
	checked *framing.FileEnd      // what the sender said of its file to be compared
	skipped framing.Code          // why it is left alone; plan's
	twin    *twinState            // nil if there is nothing to say; plan's, but for what twins guards
	fold    uint64                // hash of its name's key; set by plan
	at      string                // the name that it gets or is found under, if not its own; plan's
	renames int                   // names of the form `name (1)` that were compared; plan's
	root    checksum.Digest
	size    int64 // of the content
	hashed  bool  // root and size are verified
}

// bitmap is one bit for each chunk of a page.
type bitmap [(framing.MaxPage + 63) / 64]uint64

func (b *bitmap) has(i uint64) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b *bitmap) set(i uint64)      { b[i/64] |= 1 << (i % 64) }
func (b *bitmap) clear(i uint64)    { b[i/64] &^= 1 << (i % 64) }
func (b *bitmap) empty() bool       { return *b == bitmap{} }

// claimPage is what was said of up to framing.MaxPage chunks that a partial or
// an older file gives.
type claimPage struct {
	first, count uint64
	cvs          []checksum.CV
	held         bitmap // claimed, and neither counted nor refuted yet
	good         bitmap // hashed by this process: the bytes have the CV
	bad          bitmap // hashed by this process: they do not
	equal        bitmap // the sender's bytes have it too
	answered     bool   // CHECKED came
}

func newClaimPage(first, count uint64) *claimPage {
	return &claimPage{first: first, count: count, cvs: make([]checksum.CV, count)}
}

func (p *claimPage) hold(index uint64, cv checksum.CV) {
	p.cvs[index-p.first] = cv
	p.held.set(index - p.first)
}

// comparison is an existing file held against the one offered.
type comparison struct {
	name   string // of the existing file
	root   checksum.Digest
	done   bool // it was hashed
	broken bool // it could not be read
}

// path is relative to the destination. It is made when it is needed: many
// entries of a deep folder would keep its long path many times.
func (e *inEntry) path() string {
	if e.kind == tree.Root {
		return "."
	}
	return e.parent.child(e.name)
}

// inFolder is a folder that is not finished. A root stands for the destination
// itself.
type inFolder struct {
	entry   *tree.Entry
	parent  *inFolder
	root    bool
	depth   int
	length  int  // of its path, in bytes
	existed bool // it was there before
	failed  bool // it could not be made: its children fail too
	pending int  // children announced and not settled
	ended   bool // FOLDER-END came
	names   folderNames
}

// path is relative to the destination, empty for a root. One that nothing can
// have, of folders that failed, is cut at its beginning.
func (f *inFolder) path() string {
	if f == nil || f.root {
		return ""
	}
	parts := []string{f.entry.Name}
	for total := 0; f.parent != nil && !f.parent.root; f = f.parent {
		if total += len(f.parent.entry.Name) + 1; total > tree.MaxPath {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, f.parent.entry.Name)
	}
	slices.Reverse(parts)
	return strings.Join(parts, "/")
}

// child is the path of an entry in the folder; a nil folder is the top.
func (f *inFolder) child(name string) string {
	if path := f.path(); path != "" {
		return path + "/" + name
	}
	return name
}
