package send

import (
	"errors"
	"io"
	"slices"

	"ferry/transfer"
	"ferry/transfer/internal/flow"
	"ferry/transfer/tree"
)

// Source is one thing to send: a path on disk, what Away has in its place, or, when Reader
// is set, a stream of unknown length under Name.
type Source struct {
	tree.Source
	Reader io.Reader
}

// TextName is what a text is called where the receiver stores it.
const TextName = "message.txt"

// ErrNoText: the receiver's link has no framing.CapText.
var ErrNoText = errors.New("ferry has to be updated at the receiver, which takes no messages yet")

// Options say what to send and how. Sources or Text is required.
type Options struct {
	Sources []Source
	// Text, unless it is empty, is sent alone and in place of Sources, for a person to read:
	// UTF-8 of at most framing.MaxText bytes. Both links have to offer framing.CapText.
	Text         string
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
	Compress transfer.Compression // takes effect if both links offer framing.CapZstd
	Limit    *transfer.Limit      // of what is sent; nil is none
	// Streams is how many streams the link shall have, at most framing.MaxStreams. With 0
	// the path decides. The smaller number of both sides holds.
	Streams int
	// Memory is what the delivery may take, in bytes, where others run beside it. With 0 it is
	// what the process may. Less than 8 MiB counts as that; a further stream takes 1 MiB more.
	Memory   int64
	Observer transfer.Observer
	// Reading, if it is not nil, is shared with other deliveries of the same sources.
	Reading *Reading

	// Remove, if it is not nil, has the sources removed that were delivered. Not with Follow,
	// and not from what is Away.
	Remove *Removal

	// Place is where in the receiver's destination all goes, a path as a person wrote it, of at
	// most framing.MaxPlace bytes; empty is the destination itself. Both links have to offer
	// framing.CapPlace for one.
	Place string

	// OwnSkips says that this side's user is the receiver's too: what is skipped there was
	// asked for. Otherwise a skipped item is one not delivered.
	OwnSkips bool
	// Unasked says that the offer is shown to nobody: it has no total that would have to hold.
	Unasked bool
}

// readers is how many goroutines read.
func (o *Options) readers() int {
	n := flow.Workers()
	if slices.ContainsFunc(o.Sources, func(s Source) bool { return s.Away != nil }) {
		n = max(n, int(flow.Share(o.Memory).MayKeep(awayReaders<<20, awayPart, awayLeast<<20)>>20))
	}
	return n
}
