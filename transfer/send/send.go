package send

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/compress"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/internal/streams"
	"ferry/transfer/link"
	"ferry/transfer/tree"
)

// The sender's pipeline. Data goes from top to bottom, wants and verdicts from
// bottom to top; every arrow is a bounded hand-over or counted by a gauge.
//
//  1. walk      sequential       folders → entries → ENTRY frames   entries.go
//  2. control   sequential       WANT, CREDIT, DONE, FAULT, RECEIPT ← stream 0   control.go
//  3. feed      sequential       wants → jobs: a pack of small files, or one chunk   feed.go
//  4. work      parallel         read, hash and compress a job   work.go
//  5. check     parallel         hash what the receiver holds already, beside the sending   check.go
//  6. write     one a stream     jobs in the order of feed → DATA, PACK under credit   write.go, credit.go
//  7. widen     sequential       looks at the path, asks for more streams   streams.go, internal/streams
//
// A stream source has a goroutine of its own in place of 3 and 4 (stream.go).
// All run in one errgroup that Send waits for. The first error cancels the rest.
type sender struct {
	link  *link.Link
	opt   Options
	track *progress.Tracker
	dirs  *tree.Dirs

	offered  atomic.Uint32 // the flags of OFFER
	promise  promise
	wish     tree.Metadata // offered
	accept   framing.Accept
	accepted chan struct{} // closed by control when ACCEPT came

	// inFlight: entries announced and not settled; written by walk, emptied by
	// control. slots and room bound it.
	mu       sync.Mutex
	inFlight map[uint64]*outEntry
	lastID   uint64 // of the entries announced
	walked   bool
	unsent   int64 // items that could not be offered
	// roots are the entries that stand for the destination, as the user calls
	// them: at most as many as there are sources.
	roots  map[uint64]string
	digest checksum.Sumset

	slots     *flow.Gauge  // entries, set by ACCEPT
	room      *flow.Gauge  // bytes of ENTRY records
	entryCost atomic.Int64 // the most that one record counts for
	open      *flow.Gauge  // large files
	bytes     *flow.Gauge  // credit
	bufs      *flow.Gauge  // bytes in chunk buffers
	pool      flow.Pool
	limit     *flow.Pacer          // the smaller of both sides'
	peerRate  atomic.Int64         // the receiver's limit, 0 for none
	press     *compress.Compressor // set before the workers start; nil: nothing is compressed
	opener    *streams.Opener
	sending   atomic.Int32   // writers whose bytes the system is to take
	silent    sync.WaitGroup // the readers of streams beyond stream 0
	turn      chan struct{}  // capacity 1: held by who waits for credit

	wants  *flow.Queue[want]     // control → feed; bounded by entries in flight and pages
	checks *flow.Queue[checkJob] // feed → check; likewise
	work   chan *job             // feed → work
	order  chan *job             // feed → write; each job goes to work too
	queued atomic.Int64          // the receiver's among wants
	pages  atomic.Int64          // WANT pages taken in and not yet dealt with

	receipt chan framing.Receipt // control → finish, capacity 1
	agreed  atomic.Bool          // it came, and agrees with what this side knows
}

// Send delivers the sources to the receiver at the other end of l, and closes l.
// It returns nil only with the receiver's receipt in hand; see ErrIncomplete.
func Send(ctx context.Context, l *link.Link, o Options) (transfer.Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	group, gctx := errgroup.WithContext(ctx)
	l.AllowStreams(1) // until they are asked for
	s := &sender{
		link: l, opt: o, limit: flow.NewPacer(o.Limit.Rate()), track: progress.New(o.Observer),
		dirs:     tree.NewDirs(flow.MayOpen(flow.OpenFolders, 8)),
		accepted: make(chan struct{}),
		inFlight: make(map[uint64]*outEntry),
		roots:    make(map[uint64]string),
		slots:    flow.NewGauge(gctx, firstEntries), room: flow.NewGauge(gctx, flow.EntryBytes),
		open: flow.NewGauge(gctx, int64(flow.MayOpen(2*flow.OpenFiles, 4))), bytes: flow.NewGauge(gctx, 0), bufs: flow.NewGauge(gctx, chunkBytes),
		wants: flow.NewQueue[want](), checks: flow.NewQueue[checkJob](),
		work: make(chan *job, readAhead), order: make(chan *job, readAhead),
		receipt: make(chan framing.Receipt, 1),
		opener:  streams.NewOpener(l), turn: make(chan struct{}, 1),
	}
	s.wish = o.Metadata
	s.wish.HardLinks = s.wish.HardLinks && !o.Follow
	s.entryCost.Store(flow.EntryBytes)
	s.track.Be(framing.StateUser)
	own := func() (uint8, uint64) { return s.track.Heartbeat(l.Received()) }
	l.SetState(own)
	// A blocked read or write on the link ends when the delivery is cancelled;
	// leave says goodbye first where it can.
	left := make(chan struct{})
	unwatch := context.AfterFunc(gctx, func() {
		defer close(left)
		if !s.agreed.Load() {
			failure.Leave(l, context.Cause(gctx))
		}
	})

	heard := make(chan struct{})
	group.Go(func() error {
		defer close(heard)
		return s.control(gctx)
	})
	group.Go(func() error { return progress.WatchStall(gctx, l, &s.track.Activity, heard) })
	group.Go(func() error {
		return streams.Each(gctx, l, 1, heard, func(i int) error {
			s.silent.Go(func() {
				if err := s.readMore(i); err != nil {
					cancel(err)
				}
			})
			return nil
		})
	})
	if l.Dialled() {
		group.Go(func() error { return s.opener.Run(gctx, heard) })
	}
	if o.Limit != nil {
		group.Go(func() error {
			return flow.Follow(gctx, o.Limit, s.limit.Rate(), heard, func(int64) error { s.setLimit(); return nil })
		})
	}
	start := func(run func(context.Context) error) {
		group.Go(failure.Patient(gctx, l, func() error { return run(gctx) }))
	}
	start(func(ctx context.Context) error { return s.deliver(ctx, start, heard) })
	err := group.Wait()
	if !unwatch() {
		<-left // the link is closed only when the other side was told why
	}
	s.closeAll()

	r := s.track.Final()
	r.Resent, r.Streams = l.Resent(), l.NumStreams()
	err = s.verdict(&r, err)
	if cerr := l.Close(); err == nil && cerr != nil && !r.Acknowledged {
		err = failure.Link("closing the link", cerr)
	}
	s.silent.Wait()
	r.Wire = l.Traffic()
	return r, err
}

// starter runs a function in the group of a delivery.
type starter func(run func(context.Context) error)

// deliver runs the delivery from the offer to the receipt.
func (s *sender) deliver(ctx context.Context, start starter, heard <-chan struct{}) error {
	if err := s.checkSelection(ctx); err != nil {
		return err
	}
	s.track.Enter(transfer.PhaseOffering)
	content, err := s.offer()
	if err != nil {
		return err
	}
	early := s.openEarly(content)
	start(s.walk)
	select {
	case <-s.accepted:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	most, fixed := s.agreedStreams()
	s.track.Begin()
	s.track.Enter(transfer.PhaseScanning)
	s.track.Be(framing.StateSending)
	if s.press, err = compress.New(s.link, s.opt.Compress, s.limit.Rate() == 0); err != nil {
		return err
	}
	// The pipeline ends from its top: feed closes work and order when wants is
	// closed and drained, which control does at the receipt.
	start(func(ctx context.Context) error { return s.feed(ctx, start) })
	for range flow.Workers() {
		start(s.workLoop)
	}
	for range 2 {
		start(s.checkLoop)
	}
	start(func(ctx context.Context) error { return s.writers(ctx, start, most, heard) })
	start(func(ctx context.Context) error { return s.widen(ctx, min(early, most), most, fixed, heard) })
	return nil
}

// verdict turns how the goroutines ended into what the caller is told.
func (s *sender) verdict(r *transfer.Result, err error) error {
	if err == nil {
		select {
		case receipt := <-s.receipt:
			r.Digest, r.Durable = receipt.Digest, receipt.Durable
		default:
			err = &transfer.Error{Op: "waiting for the receipt", Code: framing.CodeLost, Err: errors.New("the other side ended without it")}
		}
	}
	if err == nil {
		r.Acknowledged = true
		s.track.Enter(transfer.PhaseComplete)
	}
	if err != nil {
		return err
	}
	if r.Failed > 0 {
		return fmt.Errorf("%w: %d of %d", transfer.ErrIncomplete, r.Failed, r.Failed+r.Delivered+r.Same+r.Skipped)
	}
	return nil
}

// compare holds the receipt against what this side saw settled: everything.
func (s *sender) compare(got framing.Receipt) error {
	r := s.track.Final()
	turned := s.track.TurnedSoFar()
	s.mu.Lock()
	defer s.mu.Unlock()
	want := framing.Receipt{
		Delivered: uint64(r.Delivered + turned.Items), Same: uint64(r.Same), Skipped: uint64(r.Skipped + turned.Skipped),
		Failed: uint64(r.Failed - s.unsent - turned.Items - turned.Skipped), Bytes: uint64(flow.Plus(r.Bytes, turned.Bytes)), Digest: s.digest.Sum(), Durable: got.Durable,
	}
	if got != want {
		return &transfer.Error{Op: "comparing the receipt:", Code: framing.CodeDigest,
			Err: fmt.Errorf("it speaks of %d delivered, %d same, %d failed items and %d bytes; sent were %d, %d, %d and %d, or the digests differ",
				got.Delivered, got.Same, got.Failed, got.Bytes, want.Delivered, want.Same, want.Failed, want.Bytes)}
	}
	return nil
}

// closeAll releases what an ended delivery still holds. No goroutine of the
// group is left.
func (s *sender) closeAll() {
	for _, e := range s.inFlight {
		if e.file != nil {
			s.drop(e.file)
		}
	}
	// Only read handles: nothing is lost if one does not close.
	_ = s.dirs.Close()
}
