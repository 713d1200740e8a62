package transfer

import (
	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/tree"
)

// Observer is told what happens in a delivery. Several goroutines call Observe, under no
// lock. Each side of a delivery makes one call at a time; both sides of a local.Copy may
// call at the same time. It must not block, since the pipeline waits for it. Paths, names and messages in events may come from the
// peer or a file system and are raw bytes: whoever shows them escapes them.
type Observer interface {
	Observe(Event)
}

// Event is one of the types in this file.
type Event interface{ event() }

// Phase is what a side is doing as a whole.
type Phase uint8

// The phases, in the order in which a delivery goes through them. The link's
// waiting and connecting come before, and are told by link.Event.
const (
	PhaseOffering  Phase = iota + 1 // the offer is out, or in, and not yet accepted
	PhaseScanning                   // the walk goes on and nothing had to be sent yet
	PhaseComparing                  // what stands at the receiver is being hashed
	PhaseTransfer                   // data is moving
	PhaseSyncing                    // all bytes are there; stable storage is awaited
	PhaseComplete                   // the receipt is written or in hand
	PhaseDeleting                   // of Copy: what the source has not is removed
	PhaseRemoving                   // of Send: what was delivered is removed from the source
)

func (p Phase) String() string {
	switch p {
	case PhaseOffering:
		return "waiting"
	case PhaseScanning:
		return "scanning"
	case PhaseComparing:
		return "comparing"
	case PhaseTransfer:
		return "sending"
	case PhaseSyncing:
		return "syncing"
	case PhaseComplete:
		return "complete"
	case PhaseDeleting:
		return "deleting"
	case PhaseRemoving:
		return "removing"
	}
	return "starting"
}

// PhaseChanged tells that the delivery entered a phase.
type PhaseChanged struct{ Phase Phase }

// Offered tells what is proposed: at the sender when it was sent, at the
// receiver when it was accepted.
type Offered struct{ Offer Offer }

// Progress is a snapshot of the whole delivery, in bytes of file content and
// in items. Total and Items grow while the sender still walks; Exact says that
// they no longer do.
type Progress struct {
	Bytes  int64  // content settled so far: moved, reused or found the same
	Moved  int64  // the part of Bytes that crossed the network in this delivery
	Kept   int64  // content that is there already by what the receiver says, and is still being checked; not in Bytes
	Total  int64  // content known of so far; 0 while nothing is known
	Done   int64  // items settled
	Items  int64  // items known of
	Exact  bool   // Total and Items are final
	Active string // path of the item that moved last
}

// ItemStarted tells that an item's content begins to move. Items of at most
// one pack are not announced.
type ItemStarted struct {
	Path  string
	Size  int64 // -1 when unknown
	Reuse int64 // bytes that an earlier attempt or an older file gives, as far as known
}

// Status is how an item ended. Values are those of the wire.
type Status uint8

// The good endings of an item; every other ending is an ItemFailed.
const (
	StatusDelivered Status = 1 // verified and under its final name
	StatusSame      Status = 2 // stood there already, unchanged
	StatusSkipped   Status = 3 // left alone at this side's user's word; at the sender such an item failed
	StatusRenamed   Status = 4 // delivered under another name, see NewName
	StatusReplaced  Status = 6 // delivered in the place of an older item
	StatusAdjusted  Status = 7 // as StatusSame, but its metadata was changed
)

func (s Status) String() string {
	switch s {
	case StatusDelivered:
		return "delivered"
	case StatusSame:
		return "unchanged"
	case StatusSkipped:
		return "skipped"
	case StatusRenamed:
		return "renamed"
	case StatusReplaced:
		return "replaced"
	case StatusAdjusted:
		return "adjusted"
	}
	return "unknown"
}

// ItemDone tells that an item is settled. Until the receipt it is verified and
// named but not yet promised to be durable.
type ItemDone struct {
	DryRun  bool   // nothing was done: this is how it would end
	Path    string // as this side names it
	At      string // where it stands, relative to the destination
	Kind    tree.Kind
	Size    int64
	Status  Status
	Digest  checksum.Digest // of files whose bytes were verified
	Hashed  bool            // Digest is set
	NewName string          // with StatusRenamed
	Cause   framing.Code    // with StatusSkipped: CodeConflict, CodeLink or CodeNewer
}

// ItemDeleted tells that Copy removed an item that the source has not.
type ItemDeleted struct {
	DryRun bool   // it would be removed
	Path   string // relative to the destination
	Kind   tree.Kind
	Size   int64 // of a file
}

// ItemRemoved tells that Send removed an item from the sources, as send.Removal says.
type ItemRemoved struct {
	Path string
	Kind tree.Kind
	Size int64 // of a file
}

// ItemKept tells of a backup: what stands, or stood, at Path and is replaced or deleted.
type ItemKept struct {
	DryRun bool   // it would be kept
	Path   string // relative to the destination
	At     string // likewise, or with a backup folder elsewhere from there
}

// ItemEscaped tells that an item is stored under an escaped name, since the destination does
// not hold its own: see tree.EscapeName. It comes before the item's ItemDone, and before what
// is in it.
type ItemEscaped struct {
	DryRun bool   // it would be
	Path   string // with its own name; relative to the destination
	At     string // where it stands, likewise
}

// ItemFailed tells that an item will not be delivered in this run, or that it
// could not be deleted.
type ItemFailed struct {
	Path string
	Err  *Error
}

// ItemExcluded tells, at the sender, that send.Options.Select leaves out an item
// that the walk came to: a folder with all that is in it.
type ItemExcluded struct {
	Path string
	tree.Exclusion
}

// Notice tells of something left out by rule (a FIFO, a stale partial) that
// does not spoil the delivery.
type Notice struct {
	Path  string
	Err   error
	Stays bool // it is of ferry's own, at the destination, and could not be removed
	// Remote: the other side tells it, and names the path.
	Remote bool
}

func (PhaseChanged) event() {}
func (Offered) event()      {}
func (Progress) event()     {}
func (ItemStarted) event()  {}
func (ItemDone) event()     {}
func (ItemFailed) event()   {}
func (ItemDeleted) event()  {}
func (ItemRemoved) event()  {}
func (ItemKept) event()     {}
func (ItemEscaped) event()  {}
func (ItemExcluded) event() {}
func (Notice) event()       {}

// ItemWarned tells that an item is delivered without some of its metadata, or,
// with an empty path, that this holds for the delivery as a whole.
type ItemWarned struct {
	Path   string
	What   tree.Attr
	Code   framing.Code
	Err    error // what is known beyond the code; may be nil
	Remote bool  // the other side found it
}

func (ItemWarned) event() {}

// Stood is Loss.Stood.
func (w ItemWarned) Stood() bool { return stood(w.What) }
