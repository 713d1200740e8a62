package serve

import (
	"context"
	"time"

	"ferry/transfer"
	"ferry/transfer/keys"
	"ferry/transfer/link"
	"ferry/transfer/send"
	"ferry/transfer/storage"
)

// Config is what a Server is made with. Root is required, and Host with Find, or Code.
type Config struct {
	Root Root

	// Host is the key that the server proves itself with. Find says what a key may do that
	// has been proved: an error refuses it. Verify checks signatures. All three or none.
	Host   link.Signer
	Find   func(key []byte, now time.Time) (keys.Grant, error)
	Verify func(key, message, sshsig []byte) error

	// Code lets in whoever knows it, as often as they like, to do what ByCode says. The zero
	// code lets in nobody.
	Code   link.Code
	ByCode keys.Grant

	// Links are served at once, at least 1. A key whose line has no max-links has half of them
	// at most, so that none keeps the others out.
	Links  int
	Memory int64 // bytes that all deliveries together may take; 0 is no limit
	Each   int64 // of which one takes so many; LeastMemory if that is more
	Umask  uint32

	Timeout  time.Duration // as link.Config's
	RetryFor time.Duration // likewise
	Compress transfer.Compression

	offerIn time.Duration // 0: offerLimit; shorter in tests

	// ExitOf is the exit code that a delivery has at this side.
	ExitOf func(transfer.Result, error) int
	// Observe is told what happens; nil: nobody is. Any goroutine calls it, several at once,
	// under no lock. A link waits for it, and others do not.
	Observe func(Event)
}

// Root is the place that a server puts things into and takes them from. A path is the names
// from there on, each checked by tree.CheckName, and none for the root itself. Peers
// are told errors, which are not to say where the root is.
type Root interface {
	// Place is its name, for people.
	Place() string
	// Check says why there can be nothing at path, whatever is there; nil if there can.
	Check(path []string) error
	// Destination opens the folder at path, made if it is missing, for one delivery. Folders
	// that were there keep their metadata. Unfinished files are found by their owner only, who
	// may be "". Ctx ends with the delivery. The caller closes it.
	Destination(ctx context.Context, path []string, owner string) (storage.Destination, error)
	// Rehearsal tells what a delivery to the folder at path would meet, and changes nothing.
	// The caller closes it.
	Rehearsal(ctx context.Context, path []string) (storage.Destination, error)
	// Sources has o send what is wished for. What is not there fails as an item.
	Sources(ctx context.Context, wishes []Wish, o *send.Options) error
	// Usage counts the bytes of the files below path. Nothing there is 0.
	Usage(ctx context.Context, path []string) (Usage, error)
}

// Wish is one item of a request.
type Wish struct {
	Asked    string // as the peer calls it
	Path     []string
	Contents bool // what is in the folder, and not the folder
}

// Usage is what files take, in bytes of content.
type Usage struct {
	Files   int64
	Partial int64 // of what is unfinished
}

// Event is something that an operator may want to know: a Delivery, a Refusal or Burnt.
type Event interface{ event() }

// Direction is which way a delivery went.
type Direction string

// The directions. The words are part of the output.
const (
	Upload   Direction = "upload"
	Download Direction = "download"
)

// Delivery tells of one that is over. Texts of the peer are raw bytes.
type Delivery struct {
	Direction   Direction
	Comment     string // of the key's line; empty for a code
	Fingerprint string // likewise
	Peer        string // address
	Path        string // below the root: where it landed, or what was asked for
	Result      transfer.Result
	Exit        int
	Err         error
	Elapsed     time.Duration
}

// Refusal tells of a peer that was not served.
type Refusal struct {
	Cause       Cause
	Comment     string // if it has proved a key that is known
	Fingerprint string // if it has proved a key
	Peer        string // address; may be empty
	Err         error
}

// Burnt says that the code was guessed at too often, and lets in nobody any more. Keys do.
type Burnt struct{ Err error }

func (Delivery) event() {}
func (Refusal) event()  {}
func (Burnt) event()    {}

// Cause is why a peer was refused. The words are part of the output.
type Cause string

// The causes.
const (
	CauseKey      Cause = "key"      // no line for it
	CauseExpired  Cause = "expired"  // its line is not valid any more
	CauseCode     Cause = "code"     // a wrong code
	CauseBusy     Cause = "busy"     // max-links of its key, or of the server
	CauseNotMay   Cause = "right"    // its key may not do that
	CausePath     Cause = "path"     // no path that may be asked for
	CauseQuota    Cause = "quota"    // no room for its offer
	CauseStranger Cause = "stranger" // it ended before it had proved anything, whatever it spoke
	CauseDraining Cause = "draining" // the server comes to its end
)

var causes = []Cause{CauseKey, CauseExpired, CauseCode, CauseBusy, CauseNotMay, CausePath, CauseQuota, CauseStranger, CauseDraining}
