package send

import (
	"io"
	"sync/atomic"

	"ferry/checksum"
	"ferry/transfer"
	"ferry/transfer/tree"
)

// entry is an item between its announcement and its verdict, DONE or FAULT.
//
//	state      entered when                              the receiver may say then              and goes to
//	announced  its ENTRY record is written               WANT, FAULT, DONE without content      asked, given up, settled
//	asked      the first WANT came                       likewise; no WANT for a stream again   hashed, given up, settled
//	hashed     all content of the attempt was sent or    likewise, and DONE with content        asked (CHANGED), given up, settled
//	           compared: its digest is known
//	given up   this side sent FAULT                      WANT, which crossed and is ignored;    settled
//	                                                     DONE or FAULT
//	settled    DONE or FAULT came                        WARN, if there was none
//
// DONE with content says that the content is there: delivered, replaced, renamed, equal. In a
// dry run nothing is sent, and what would be delivered may come in any state. WARN may come in
// every state, once.
//
// In a dry run an entry may have a trial, which says why a delivery could not send it. The
// receiver gets no content and cannot know; it says that the item would be delivered. So the
// item counts as delivered in the tally, which the receipt must agree with, and as failed in
// this side's result.
type entry struct {
	item   *tree.Item
	reader io.Reader // of a source that is a stream
	at     string    // path at the destination
	cost   int64     // room in the window that it takes
	most   int64     // bytes that it was announced with at first
	trial  *trial    // nil: a delivery could send it, as far as is known
	bundle *bundle   // of a small file that may be shared
	// compared is how many bytes were hashed for a comparison, and are taken for the same
	// until the receiver says more.
	compared atomic.Int64

	// The book's, under its mu.
	open   opened          // nil until content is asked for
	size   int64           // announced last; -1 of a stream
	hashed bool            // root and length are those of the content of this attempt
	root   checksum.Digest //
	length int64           //
	asked  bool            // a WANT came
	checks int             // attempts that a WANT check came for, at most once each
	failed *transfer.Error // why it is given up
	warned bool            // WARN came
}

// opened is what an entry keeps open while its content is sent.
type opened interface {
	// end lets go of it. Nothing more is sent.
	end()
}

// hasContent tells whether something of the entry follows its announcement.
func (e *entry) hasContent() bool { return e.item.Kind == tree.File || e.item.Kind == tree.Stream }

// trial is why an item of a dry run could not be sent. Goroutine walk makes it, control
// alone uses it from then on.
type trial struct {
	err  *transfer.Error
	of   *trial // of a hard link: that of the item which it is a further name of
	came bool   // the item counts as failed
}

// fails tells whether an item counts as failed for which the receiver says that it would be
// delivered. A hard link fails only if its target does: a target that would stay as it is,
// or be skipped, is not read in a delivery either. The verdict on the target comes first.
func (t *trial) fails() bool {
	if t == nil || t.of != nil && !t.of.came {
		return false
	}
	t.came = true
	return true
}
