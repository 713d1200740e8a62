package transfer

import (
	"context"
	"io"
	"time"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Source is one thing to send: a path on disk, or, when Reader is set, a stream
// of unknown length under Name.
type Source struct {
	tree.Source
	Reader io.Reader
}

// SendOptions say what to send and how. Only Sources is required.
type SendOptions struct {
	Sources      []Source
	Checksum     bool // compare equal-sized files by digest, not by size and mtime
	AllowChanged bool // publish a file that changed while it was read, as read
	Follow       bool // send what symbolic links point to
	// DryRun asks what would happen: neither side changes anything, no content is
	// sent, and streams are not read. The result and the events are then about
	// what would be.
	DryRun bool
	// Select says what of the sources is sent; see NothingSelected.
	Select tree.Selection
	// Metadata is wished for beyond mode & 0777 and mtime. What the receiver does
	// not take is in Result.Lost. With Follow there are no hard links.
	Metadata tree.Metadata
	Compress Compression // takes effect if both links offer framing.CapZstd
	Limit    *Limit      // of what is sent; nil is none
	// Streams is how many streams the link shall have, at most link.MaxStreams; 0
	// finds it out. Of both sides' numbers the smaller holds.
	Streams  int
	Observer Observer

	// ownSkips says that this side's user is the receiver's too: what is skipped there was
	// asked for. Otherwise a skipped item is one not delivered.
	ownSkips bool
	// unasked says that the offer is shown to nobody: it has no total that would have to hold.
	unasked bool
}

// ReceiveOptions say where a delivery lands and what it may do there. One of
// Destination, Open and Output is required.
type ReceiveOptions struct {
	Destination storage.Destination
	// Open gives the Destination once the offer is accepted, so that nothing is
	// made for one that is not. Whoever gives it closes what it returns.
	Open func() (storage.Destination, error)
	// Begin is called once the offer is accepted and what the delivery needs here is
	// open, before anything is written. An error ends the delivery. May be nil.
	Begin func() error
	// Rehearse gives what answers a dry run; without it one is declined. Whoever
	// gives it closes what it returns.
	Rehearse func() (storage.Rehearsal, error)
	// Output takes the delivery in place of a Destination: the raw bytes if it
	// is one file or stream, otherwise a tar archive (PAX, POSIX.1-2001) in the
	// order of the walk. Nothing about it is durable.
	Output io.Writer
	// Accept is asked once, before anything is written; an error declines.
	// Nil accepts every offer of a peer that proved the code.
	Accept func(context.Context, Offer) error
	// OnlyNamed declines an offer of what is in a folder (Source.Contents): it does
	// not tell the names that come.
	OnlyNamed bool
	// MaxItems and MaxBytes bound what is taken, however it was offered: all items,
	// and the content of all of them. 0 is no bound. An offer of more is declined;
	// once more comes than that, the delivery ends with framing.CodeDeclined.
	MaxItems, MaxBytes int64
	OnConflict         ConflictPolicy
	// Resolve is asked for each conflict under ConflictAsk, one at a time.
	Resolve func(context.Context, Conflict) (ConflictPolicy, error)
	Links   LinkPolicy
	// Metadata is what may be taken beyond mode & 0777 and mtime, if the sender
	// offers it and the Destination is a MetadataDestination. Numeric needs no
	// permission. Umask holds at every Destination, and not in an archive, which has
	// modes as sent; 0 keeps modes exactly.
	Metadata tree.Metadata
	Limit    *Limit // that the sender is asked to keep to; nil is none
	Streams  int    // as in SendOptions
	Observer Observer
}

// Delete asks Copy to remove what stands in folders that it delivered whole and
// is not in those folders, once everything is delivered and nothing failed; with it
// what stood in the place of an item of another kind. What
// the selection leaves out is left alone, and so is whatever has a name that the
// source has by now.
type Delete struct {
	// Max is how many items may be removed, a folder and all in it counted one by
	// one. If there are more, none is.
	Max int64
	// All deletes for a source folder with nothing in it too, see ErrEmptySource.
	All bool
	// Keep names paths relative to the destination that stay in any case. May be
	// nil.
	Keep func(path string) bool
}

// Offer is what the sender proposes. Once it is accepted nothing else comes; see
// framing/PROTOCOL.md, section 4.2.
type Offer struct {
	Items  int64 // top-level items
	Bytes  int64 // of the named files; folders are counted as the walk goes
	Exact  bool  // the whole delivery has no more items and bytes than that
	DryRun bool  // nothing will be changed
	Listed []OfferItem
	Peer   string // address of the other side
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

// LinkPolicy says which symbolic links are made.
type LinkPolicy uint8

// The policies of --links.
const (
	LinksSafe LinkPolicy = iota // refuse those whose target leaves the tree
	LinksAll
	LinksSkip
)

// Result is how a delivery ended, at either side. Of a dry run it is how it
// would end, and Bytes is what it would need room for.
type Result struct {
	DryRun    bool     // nothing was changed
	Delivered int64    // items verified under their final names
	Replaced  int64    // those of Delivered that took the place of an older item
	Same      int64    // items that stood there already
	Adjusted  int64    // those of Same whose metadata was changed
	Skipped   int64    // items left alone at this side's user's word; see SkippedError
	Excluded  int64    // items that SendOptions.Select left out, a folder with all in it as one; at the sender only
	Deleted   int64    // items removed by Delete
	Failed    int64    // items not delivered, at either side, or not deleted
	Files     int64    // files among Delivered
	Bytes     int64    // content of the files among Delivered
	Moved     int64    // content that crossed the network, before compression
	Wire      int64    // bytes that crossed the network, in both directions and with all that protects them
	Streams   int      // of the link at the end
	Resent    int64    // bytes, of frames, sent again by this side because the link was lost
	Reused    int64    // content taken from a partial or an older file
	Digest    [32]byte // receipt digest, see framing/PROTOCOL.md
	Durable   bool     // everything was synced to stable storage
	// Unsynced is why not, where it was wished for and nothing failed; of the side that
	// has the destination, and of Copy.
	Unsynced error
	// Acknowledged: at the sender, the receipt is in hand; at the receiver, the
	// sender was seen to have taken it.
	Acknowledged bool
	Elapsed      time.Duration
	Lost         []Loss   // one a kind of metadata, in the order in which they were met
	Failures     []*Error // the first maxFailures of them, in the order they happened
}

// maxFailures bounds the list in Result; all of them reach the Observer.
const maxFailures = 1000
