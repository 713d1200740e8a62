package send

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/compress"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/parcel"
	"ferry/transfer/internal/progress"
	"ferry/transfer/internal/streams"
	"ferry/transfer/tree"
)

// The sender's pipeline. Content goes from top to bottom, wants and verdicts from bottom to
// top; every arrow is a bounded hand-over or counted by a gauge.
//
//  1. announce  sequential    the walk → entries → ENTRY            announce.go, batch.go, window.go
//  2. control   sequential    stream 0 → terms, book, wants, purse  control.go, terms.go, book.go, wants.go
//  3. feed      sequential    wants → jobs: a pack of small files, or one chunk   feed.go, job.go, belt.go
//  4. read      parallel      read, hash and compress a job         read.go, content.go
//  5. check     parallel      hash what the receiver holds already, beside the sending   check.go
//  6. write     one a stream  jobs in the order of feed → an outlet write.go
//  7. send      one a stream  content → DATA, PACK, under credit    lane.go, purse.go
//  8. widen     sequential    the path → more streams               streams.go
//
// To a receiver in this process a worker of 4 does 6 and 7 as well: it hands each job over
// as soon as it is read (hatch.go), and 8 has nothing to do.
//
// An attempt at a file ends in 3 to 6, wherever that is noticed: attempts.go. A source of
// unknown length has a goroutine of its own in the place of 3 to 6 (stream.go). Steps are
// goroutines, but for 7, which runs in those of 6.

// sender wires the objects of one delivery.
type sender struct {
	link     transfer.Link
	opt      *Options
	out      framing.Stream // stream 0
	track    *progress.Tracker
	terms    *terms
	book     *book
	purse    *purse
	announce *announcer
	control  *control
	wants    *wants
	checks   *flow.Queue[checkJob] // feed → check; bounded by wants
	belt     *belt
	bufs     *buffers
	attempts *attempts
	press    *compress.Compressor // set before the pipeline starts; nil: nothing is compressed
	opener   *streams.Opener
	inlet    parcel.Inlet   // set before the pipeline starts; nil: content takes the link
	held     atomic.Int32   // lanes whose bytes the system is to take, and does not yet
	answers  *answers       // nil: the receiver may not ask
	silent   sync.WaitGroup // the readers of streams beyond stream 0
}

// newSender makes the objects of a delivery whose goroutines end with ctx.
func newSender(ctx context.Context, l transfer.Link, o *Options) *sender {
	track := progress.New(o.Observer)
	s := &sender{
		link: l, opt: o, out: l.Stream(0), track: track, terms: newTerms(o), purse: newPurse(ctx, o.Limit),
		wants: newWants(track), checks: flow.NewQueue[checkJob](), belt: newBelt(), bufs: newBuffers(ctx, flow.Share(o.Memory), o.Reading), opener: streams.NewOpener(l),
	}
	addr, caps, _ := l.Peer()
	if caps&framing.CapRemarks != 0 {
		track.Share(true)
	}
	window, promise := newWindow(ctx, flow.Share(o.Memory), caps), new(promise)
	s.book = newBook(window)
	s.answers = newAnswers(s, caps)
	removal := newRemoval(o, l.Near() || isNear(addr))
	if removal != nil && track.Shares() {
		removal.shared = s.out
	}
	s.attempts = &attempts{out: s.out, book: s.book, terms: s.terms, promise: promise, track: s.track, asRead: o.AllowChanged}
	s.announce = newAnnouncer(s, window, promise)
	s.control = &control{
		in: s.out, link: l, opt: o, terms: s.terms, window: window, book: s.book, wants: s.wants, purse: s.purse, track: s.track, removal: removal, answers: s.answers,
		patches: caps&framing.CapCopy != 0,
		finished: func() {
			s.wants.close()
			s.checks.Close()
			s.purse.close()
		},
	}
	return s
}

// Send delivers the sources to the receiver at the other end of l, and closes l.
// It returns nil only with the receiver's receipt in hand; see transfer.ErrIncomplete.
func Send(ctx context.Context, l interface {
	transfer.Streams
	transfer.Liveness
	transfer.Ending
}, o Options) (transfer.Result, error) {
	outer := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	group, gctx := errgroup.WithContext(ctx)
	l.AllowStreams(1) // until they are asked for
	o.text()
	s := newSender(gctx, transfer.Link{Streams: l, Liveness: l, Ending: l}, &o)
	err := s.run(gctx, group, cancel)
	s.book.releaseAll()
	defer s.announce.close()
	defer s.answers.close()

	r := s.track.Final()
	r.Resent, r.Streams = l.Resent(), l.NumStreams()
	err = s.verdict(&r, err)
	if s.control.removal.shares() && r.Acknowledged {
		err = s.control.removal.run(outer, &r, err)
		s.control.goodbye()
	}
	if cerr := l.Close(); err == nil && cerr != nil && !r.Acknowledged {
		err = failure.Link("closing the link", cerr)
	}
	s.silent.Wait()
	s.bufs.share.end()
	r.Wire = l.Traffic()
	if !s.control.removal.shares() {
		err = s.control.removal.run(outer, &r, err)
	}
	return r, err
}

// text makes a text the only source.
func (o *Options) text() {
	if o.Text != "" {
		o.Sources = []Source{{Source: tree.Source{Name: TextName}, Reader: strings.NewReader(o.Text)}}
	}
}

// starter runs a function in the group of a delivery.
type starter func(run func(context.Context) error)

// run starts what goes on for as long as the delivery, and waits for all goroutines. ctx
// is the group's; cancel ends it.
func (s *sender) run(ctx context.Context, group *errgroup.Group, cancel context.CancelCauseFunc) error {
	s.track.Be(framing.StateUser)
	s.link.SetState(func() (uint8, uint64) { return s.track.Heartbeat(s.link.Received()) })
	unwatch := failure.Watch(ctx, s.link, s.control.agreed.Load)

	heard := make(chan struct{}) // closed when stream 0 is read no more
	group.Go(func() error {
		defer close(heard)
		return s.control.run(ctx)
	})
	group.Go(func() error { return progress.WatchStall(ctx, s.link, &s.track.Activity, heard) })
	group.Go(func() error {
		return streams.Each(ctx, s.link, 1, heard, func(i int) error {
			s.silent.Go(func() {
				if err := readMore(s.link, i); err != nil {
					cancel(err)
				}
			})
			return nil
		})
	})
	if s.link.Dialled() {
		group.Go(func() error { return s.opener.Run(ctx, heard) })
	}
	if s.opt.Limit != nil {
		group.Go(func() error { return s.purse.follow(ctx, heard) })
	}
	start := func(run func(context.Context) error) {
		group.Go(failure.Patient(ctx, s.link, func() error { return run(ctx) }))
	}
	start(func(ctx context.Context) error { return s.deliver(ctx, start, heard) })
	err := group.Wait()
	unwatch() // the link is closed only when the other side was told why
	return err
}

// deliver offers, and starts the pipeline when the offer is accepted.
func (s *sender) deliver(ctx context.Context, start starter, heard <-chan struct{}) error {
	if err := s.opt.removable(); err != nil {
		return err
	}
	if err := checkSelection(ctx, s.opt); err != nil {
		return err
	}
	if _, caps, _ := s.link.Peer(); s.opt.Text != "" && caps&framing.CapText == 0 {
		return &transfer.Error{Op: "offering:", Code: framing.CodeVersion, Err: ErrNoText}
	}
	s.track.Enter(transfer.PhaseOffering)
	if err := sendPlace(s.link, s.opt.Place); err != nil {
		return err
	}
	if err := s.announce.offer(s.link); err != nil {
		return err
	}
	start(s.announce.run)
	if err := s.terms.wait(ctx); err != nil {
		return err
	}
	if a := s.answers; a != nil {
		start(func(ctx context.Context) error { return a.Run(ctx, heard) })
	}
	s.track.Begin()
	s.track.Enter(transfer.PhaseScanning)
	s.track.Be(framing.StateSending)
	if !s.terms.ordered() {
		s.inlet = parcel.Of(s.link.Streams).Inlet()
	}
	var err error
	addr, caps, _ := s.link.Peer()
	if s.press, err = compress.New(addr, caps, s.opt.Compress, s.purse.unlimited()); err != nil {
		return err
	}
	// The pipeline ends from its top: feed closes the belt when wants is
	// closed and drained, which control does at the receipt.
	start(s.newFeeder(ctx, start).run)
	for range s.opt.readers() {
		start(s.newReader().run)
	}
	for range 2 {
		start(s.newChecker().run)
	}
	if s.inlet != nil {
		return nil // the readers write
	}
	most, fixed := agreed(s.opt.Streams, &s.terms.accept, s.opt.DryRun)
	start(func(ctx context.Context) error { return s.writers(ctx, start, most, heard) })
	w := &widener{link: s.link.Streams, out: s.out, opener: s.opener, track: s.track, held: &s.held}
	start(func(ctx context.Context) error { return w.run(ctx, most, fixed, heard) })
	return nil
}

func (s *sender) newFeeder(ctx context.Context, start starter) *feeder {
	return &feeder{
		wants: s.wants, checks: s.checks, belt: s.belt, bufs: s.bufs, book: s.book, attempts: s.attempts, purse: s.purse, track: s.track,
		slots: flow.NewGauge(ctx, int64(flow.MayOpen(2*flow.OpenFiles, 4))), within: s.inlet != nil,
		lists:  new(lists),
		stream: func(e *entry) { start(s.newStreamRun(e).run) },
	}
}

func (s *sender) newReader() *reader {
	r := &reader{belt: s.belt, bufs: s.bufs, wants: s.wants, book: s.book, attempts: s.attempts, press: s.press, track: s.track}
	if s.inlet != nil {
		r.hatch = &hatch{to: s.inlet, purse: s.purse}
		r.writer = &writer{out: r.hatch, attempts: s.attempts}
		r.own = make([]byte, checksum.ChunkSize)
	}
	return r
}

func (s *sender) newChecker() *checker {
	return &checker{checks: s.checks, wants: s.wants, out: s.out, attempts: s.attempts, track: s.track}
}

func (s *sender) newStreamRun(e *entry) *streamRun {
	return &streamRun{entry: e, out: s.outlet(0), attempts: s.attempts, press: s.press, pool: s.bufs.pool, track: s.track}
}

// outlet takes what is sent on stream i.
func (s *sender) outlet(i int) *lane {
	return &lane{out: s.link.Stream(i), purse: s.purse, held: &s.held}
}

// writers starts a writer for each of the first most streams, as they come.
func (s *sender) writers(ctx context.Context, start starter, most int, over <-chan struct{}) error {
	return streams.Each(ctx, s.link, 0, over, func(i int) error {
		if i >= most {
			return nil
		}
		if i > 0 {
			s.bufs.widen()
			s.press.Widen(i + 1)
		}
		w := &writer{belt: s.belt, out: s.outlet(i), attempts: s.attempts, press: s.press}
		start(w.run)
		return nil
	})
}

// verdict turns how the goroutines ended into what the caller is told.
func (s *sender) verdict(r *transfer.Result, err error) error {
	if err == nil && !s.control.agreed.Load() {
		err = &transfer.Error{Op: "waiting for the receipt", Code: framing.CodeLost, Err: errors.New("the other side ended without it")}
	}
	if err != nil {
		return err
	}
	r.Digest, r.Durable = s.control.receipt.Digest, s.control.receipt.Durable
	r.Acknowledged = true
	r.Store, r.Unsynced = s.control.there.store, s.control.there.unsynced
	s.track.Enter(transfer.PhaseComplete)
	switch there := &s.control.there; {
	case there.refused != nil:
		r.Deleted = 0
		return there.refused
	case there.undeleted > 0 && r.Failed == there.undeleted:
		return &transfer.NotDeletedError{Items: r.Failed, DryRun: r.DryRun}
	case r.Failed > 0:
		return fmt.Errorf("%w: %d of %d", transfer.ErrIncomplete, r.Failed, r.Failed+r.Delivered+r.Same+r.Skipped)
	}
	return nil
}
