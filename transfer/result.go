package transfer

import (
	"time"

	"ferry/framing"
	"ferry/transfer/tree"
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
	Excluded  int64    // items that send.Options.Select left out, a folder with all in it as one; at the sender only
	Deleted   int64    // items removed by Delete
	Backups   int64    // backups; at the receiver, and of Copy
	Escaped   int64    // items that are there under an escaped name; at the receiver, and at the sender, if both links offer framing.CapNames
	Removed   int64    // items removed from the source, see send.Removal
	Stayed    int64    // items of Same that it left there, since only their size and time were compared
	Failed    int64    // items not delivered, at either side, or not deleted
	Files     int64    // files among Delivered
	Bytes     int64    // content of the files among Delivered
	Moved     int64    // content that crossed the network, before compression
	Wire      int64    // bytes that crossed the network, in both directions and with all that protects them
	Streams   int      // of the link at the end
	Resent    int64    // bytes, of frames, sent again by this side because the link was lost
	Reused    int64    // content taken from a partial or an older file
	Digest    [32]byte // receipt digest, see framing/PROTOCOL.md
	Durable   bool     // everything was synced to stable storage, or Store has acknowledged it
	// Store is the object store that has it, as the side with the destination calls it. Empty
	// for a disk, and where the link does not offer framing.CapStored.
	Store string
	// Unsynced is why the delivery is not durable, if it was to be and nothing failed. Only
	// the side with the destination, and Copy, know it.
	Unsynced error
	// Acknowledged: at the sender, the receipt is in hand; at the receiver, the
	// sender was seen to have taken it.
	Acknowledged bool
	Elapsed      time.Duration
	Lost         []Loss   // one a kind of metadata, in the order in which they were met
	Failures     []*Error // the first 1000 of them, in the order they happened
}

// Loss is one kind of metadata that was asked for and that some items do not
// have at the destination. They are delivered otherwise.
type Loss struct {
	What  tree.Attr
	Items int64        // 0: it is not taken at all
	Code  framing.Code // cause of the first
	Path  string       // of the first, as this side names it; may be empty
	// Remote: the other side found the first of it.
	Remote bool
}

// Exposes reports that l is about folders at this side that others may change, and not
// about metadata of items.
func (l Loss) Exposes() bool { return exposes(l.What) }

func exposes(what tree.Attr) bool { return what == tree.AttrForeign || what == tree.AttrOpen }

// Stood reports that l is about items that stood at this side before, and not about
// metadata that could not be applied. Only the receiver knows it.
func (l Loss) Stood() bool { return stood(l.What) }

func stood(what tree.Attr) bool { return exposes(what) || what == tree.AttrUnsureLink }
