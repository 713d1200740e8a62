package transfer

import (
	"ferry/framing"
	"ferry/transfer/tree"
)

// Offer is what the sender proposes. Once it is accepted nothing else comes; see
// framing/PROTOCOL.md, section 4.2.
type Offer struct {
	Items  int64 // top-level items
	Bytes  int64 // of the named files; folders are counted as the walk goes
	Exact  bool  // the whole delivery has no more items and bytes than that
	DryRun bool  // nothing will be changed
	Text   bool  // it is a text for people, and no more; see receive.Options.Text
	// Place is where in the destination it is to go, at the receiver: bytes as a person wrote
	// them at the sender, of which nothing is checked but the length. Only a receiver whose link
	// offers framing.CapPlace is told one.
	Place  string
	Listed []OfferItem
	Peer   string // address of the other side
	Extent Extent // at the receiver: what was announced so far
}

// Extent is how much a delivery is, as far as its sender has announced it.
type Extent struct {
	Files   int64 // further names of files counted
	Folders int64
	Others  int64 // links, streams, devices
	Bytes   int64 // of the files
	Whole   bool  // no more will be announced
}

// OfferItem is one top-level item of an offer. Up to 64 are all listed; of more,
// folders' contents come first, and then names that begin with a dot.
type OfferItem struct {
	Name string // raw bytes
	Kind tree.Kind
	Size int64 // -1 when unknown
}

// ConflictPolicy says what happens to an existing, different item. Folders
// never conflict.
type ConflictPolicy uint8

// The policies of --on-conflict.
const (
	ConflictFail ConflictPolicy = iota
	ConflictSkip
	ConflictOverwrite
	ConflictRename
	ConflictAsk
)

// Conflict is an existing item in the way of an offered one.
type Conflict struct {
	Path     string // relative to the destination, raw bytes
	Offered  tree.Entry
	Existing tree.Info
}

// Backup says under which name what is replaced or deleted is kept: its own with the suffix.
type Backup struct {
	Suffix string
	// Folder is the folder for backups that the destination was given, as it is told of. If it
	// is empty, backups stand beside what they are of, and Suffix is not.
	Folder string
}

// LinkPolicy says which symbolic links are made.
type LinkPolicy uint8

// The policies of --links.
const (
	LinksSafe LinkPolicy = iota // refuse those whose target leaves the tree
	LinksAll
	LinksSkip
)

// Compression says which content a sender compresses, if the link has the
// capability framing.CapZstd.
type Compression uint8

// The values of --compress.
const (
	CompressAuto   Compression = iota // what shrinks, while that makes the delivery faster
	CompressNever                     //
	CompressAlways                    // what shrinks, whatever it costs
)

// Capabilities is what link.Config of either side offers for this choice.
func (c Compression) Capabilities() uint64 {
	if c == CompressNever {
		return 0
	}
	return framing.CapZstd
}
