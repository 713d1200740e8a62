package receive

import (
	"context"
	"io"

	"ferry/transfer"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Options say where a delivery lands and what it may do there. One of
// Destination, Open and Output is required.
type Options struct {
	Destination storage.Destination
	// Open gives the Destination once the offer is accepted, so that nothing is
	// made for one that is not. Whoever gives it closes what it returns.
	Open func() (storage.Destination, error)
	// Begin is called once the offer is accepted and what the delivery needs here is
	// open, before anything is written. An error ends the delivery. May be nil.
	Begin func() error
	// Rehearse gives what answers a dry run, with an Estimate; without it one is declined.
	// Whoever gives it closes what it returns.
	Rehearse func() (storage.Destination, error)
	// Output takes the delivery in place of a Destination: the raw bytes if it
	// is one file or stream, otherwise a tar archive (PAX, POSIX.1-2001) in the
	// order of the walk. Nothing about it is durable.
	Output io.Writer
	// Text takes a text that is offered to be read (send.Options.Text), in place of the
	// Destination. Accept is not asked, nothing is opened and nothing stored. It is called
	// once all has come and is right, with UTF-8 that nobody made safe to show; the sender
	// hears of success when it has returned. With nil, or with an Output, a text is a
	// stream like any other.
	Text func(peer, text string) error
	// Accept is asked once, before anything is written; an error declines, with the Code that
	// a *transfer.Error has, else with framing.CodeDeclined. Nil accepts
	// every offer of a peer that proved the code. Meanwhile the sender announces more: grown
	// has the newest count once there is one that was not received yet, and is closed
	// behind the count that is whole. Before Accept returns the sender announces at most
	// 256 items, or 16384 if both links offer framing.CapWide. Nobody has to receive. A
	// goroutine of the delivery calls Accept, and the delivery waits for it; ctx ends with
	// the delivery.
	Accept func(ctx context.Context, o transfer.Offer, grown <-chan transfer.Extent) error
	// Mirror, if it is not nil, has what the sources have not removed at the end; of a
	// Destination with a Pruner. Both links have to offer framing.CapMirror. Not with an
	// Output, nor with ConflictRename.
	Mirror *storage.Mirror
	// Land is asked once the offer is accepted, before Open and Rehearse, under which name
	// the one item of it lands that is no folder. An empty name is its own; an error, or a
	// name for another offer, declines. Not with an Output. May be nil.
	Land       func(o transfer.Offer) (name string, err error)
	Most       Limits
	OnConflict transfer.ConflictPolicy
	// Resolve is asked for each conflict under ConflictAsk, one at a time.
	Resolve func(context.Context, transfer.Conflict) (transfer.ConflictPolicy, error)
	// Update skips a file if a file with a later mtime stands there, whatever OnConflict says
	// about others.
	Update bool
	Links  transfer.LinkPolicy
	// Backup, if it is not nil, has what is replaced kept; of a Destination with Backups.
	Backup *transfer.Backup
	// Modes change the modes of the sender's items before anything else is done with them.
	// An archive has modes as sent.
	Modes tree.Modes
	// Metadata is what may be taken beyond mode & 0777 and mtime, if the sender offers it
	// and the Destination keeps it. Numeric needs no permission. Umask holds at every
	// Destination, and 0 keeps modes exactly. An archive has modes as sent.
	Metadata tree.Metadata
	Limit    *transfer.Limit // that the sender is asked to keep to; nil is none
	Streams  int             // as in send.Options
	Observer transfer.Observer
}

// Limits bound what is offered and what comes.
type Limits struct {
	// OnlyNamed declines an offer of the contents of a folder (tree.Source.Contents),
	// since such an offer does not tell the names that come.
	OnlyNamed bool
	// MaxItems and MaxBytes bound what is taken, however it was offered: all items,
	// and the content of all of them. 0 is no bound. An offer of more is declined;
	// once more comes than that, the delivery ends with framing.CodeDeclined.
	MaxItems, MaxBytes int64
	Memory             int64 // as in send.Options
}
