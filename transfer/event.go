package transfer

import (
	"ferry/checksum"
	"ferry/transfer/tree"
)

// Observer is told what happens in a delivery. Observe is called from several
// goroutines, one call at a time is not promised; it must not block, since the
// pipeline waits for it. Paths, names and messages in events may come from the
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
	Reuse int64 // bytes that an earlier attempt or an older file already gives
}

// Status is how an item ended.
type Status uint8

// The good endings of an item; every other ending is an ItemFailed.
const (
	StatusDelivered Status = iota + 1 // verified and under its final name
	StatusSame                        // stood there already, unchanged
	StatusSkipped                     // left alone at the user's word
	StatusRenamed                     // delivered under another name, see NewName
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
	}
	return "unknown"
}

// ItemDone tells that an item is settled. Until the receipt it is verified and
// named but not yet promised to be durable.
type ItemDone struct {
	Path    string // as this side names it
	At      string // where it stands, relative to the destination
	Kind    tree.Kind
	Size    int64
	Status  Status
	Digest  checksum.Digest // of files whose bytes were verified
	Hashed  bool            // Digest is set
	NewName string          // with StatusRenamed
}

// ItemFailed tells that an item will not be delivered in this run.
type ItemFailed struct {
	Path string
	Err  *Error
}

// Notice tells of something left out by rule (a FIFO, a stale partial) that
// does not spoil the delivery.
type Notice struct {
	Path string
	Err  error
}

func (PhaseChanged) event() {}
func (Offered) event()      {}
func (Progress) event()     {}
func (ItemStarted) event()  {}
func (ItemDone) event()     {}
func (ItemFailed) event()   {}
func (Notice) event()       {}
