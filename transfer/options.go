package transfer

import (
	"context"
	"io"
	"time"

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
	Observer     Observer
}

// ReceiveOptions say where a delivery lands and what it may do there. One of
// Destination, Open and Output is required.
type ReceiveOptions struct {
	Destination Destination
	// Open gives the Destination once the offer is accepted, so that nothing is
	// made for one that is not. Whoever gives it closes what it returns.
	Open func() (Destination, error)
	// Output takes the delivery in place of a Destination: the raw bytes if it
	// is one file or stream, otherwise a tar archive (PAX, POSIX.1-2001) in the
	// order of the walk. Nothing about it is durable.
	Output io.Writer
	// Accept is asked once, before anything is written; an error declines.
	// Nil accepts every offer of a peer that proved the code.
	Accept     func(context.Context, Offer) error
	OnConflict ConflictPolicy
	// Resolve is asked for each conflict under ConflictAsk, one at a time.
	Resolve  func(context.Context, Conflict) (ConflictPolicy, error)
	Links    LinkPolicy
	Observer Observer
}

// Offer is what the sender proposes.
type Offer struct {
	Items  int64 // top-level items
	Bytes  int64 // of the named files; folders are counted as the walk goes
	Exact  bool  // Items and Bytes are the whole delivery
	Listed []OfferItem
	Peer   string // address of the other side
}

// OfferItem is one top-level item of an offer; at most 64 are listed.
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

// Result is how a delivery ended, at either side.
type Result struct {
	Delivered int64    // items verified under their final names
	Same      int64    // items that stood there already
	Skipped   int64    // items left alone at the user's word
	Failed    int64    // items not delivered, at either side
	Files     int64    // files among Delivered
	Bytes     int64    // content of the files among Delivered
	Moved     int64    // content that crossed the network, before compression
	Resent    int64    // bytes, of frames, sent again by this side because the link was lost
	Reused    int64    // content taken from a partial or an older file
	Digest    [32]byte // receipt digest, see framing/PROTOCOL.md
	Durable   bool     // everything was synced to stable storage
	// Acknowledged: at the sender, the receipt is in hand; at the receiver, the
	// sender was seen to have taken it.
	Acknowledged bool
	Elapsed      time.Duration
	Failures     []*Error // the first maxFailures of them, in the order they happened
}

// maxFailures bounds the list in Result; all of them reach the Observer.
const maxFailures = 1000
