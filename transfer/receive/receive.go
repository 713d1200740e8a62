package receive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/compress"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/internal/streams"
	"ferry/transfer/internal/wire"
	"ferry/transfer/link"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// The receiver's pipeline. Readers wait for nothing: what they hand on is
// bounded by the credit and the entry window that this side granted.
//
//  1. read      one a stream    frames → entries, chunks, packs        read.go, streams.go
//  2. plan      sequential      entry → WANT, DONE or FAULT            plan.go
//  3. basis     parallel        hash what is here already              basis.go
//  4. work      parallel        hash, compare, write, seal             work.go
//  5. publish   sequential      batches: sync, final names → DONE      publish.go
//  6. finish    once            all durable → RECEIPT                  finish.go
//
// All run in one errgroup that Receive waits for. The first error cancels the
// rest; what was written stays as a partial for the next delivery. To standard
// output there is one step instead of 2 to 5: ordered.go.
type receiver struct {
	link  *link.Link
	opt   Options
	track *progress.Tracker
	dst   storage.Destination
	offer framing.Offer
	bound *consent         // what of a delivery was accepted; set by run
	dry   bool             // dst is one for a dry run
	at    *storage.Landing // of dst, from grantMetadata on; nil to standard output
	way   storage.Way      // of at, if items of another kind are to make way; else nil
	twins *twins           // nil if dst cannot tell

	granted tree.Metadata // what of it was offered and is taken; set before ACCEPT

	mu       sync.Mutex
	entries  map[uint64]*inEntry  // announced and not settled
	folders  map[uint64]*inFolder // not finished
	open     map[uint64]bool      // folders whose end did not come; read's of stream 0
	lastID   uint64               // written by read of stream 0
	end      *framing.End
	settled  uint64
	closing  bool // all settled: complete is closed
	sums     checksum.Sumset
	held     int64  // weight of entries
	verdict  []byte // DONE records that were not sent yet
	warnings []byte // WARN records likewise

	links     map[uint64]*linkTarget // entries to which hard links may come, or wait
	openLinks int                    // those of which the last link was not announced

	verdicts sync.Mutex // held while verdicts are sent, so that they keep their order

	plans   *flow.Queue[planItem] // read → plan; bounded by the entry window
	jobs    *flow.Queue[*inJob]   // read, basis → work; bounded by credit
	bases   *flow.Queue[*inEntry] // plan → basis; bounded by flow.OpenFiles
	ready   *flow.Queue[*inEntry] // work → publish; bounded by temps
	parked  []parkedWant          // large files that wait for one of large; plan's
	wants   []byte                // WANT records that were not sent yet; plan's
	large   *flow.Gauge           // files of more than one chunk in work
	temps   *flow.Gauge           // small files between work and publish
	pages   *flow.Gauge           // WANT pages under way
	pool    flow.Pool
	decoder *compress.Decoder // nil: compression was not agreed on
	streams atomic.Int32      // that the sender may have; 0 before ACCEPT
	opened  int               // of them, those that it asked for; read's of stream 0
	opener  *streams.Opener
	readers sync.WaitGroup // of the streams beyond stream 0
	window  atomic.Int64   // credit granted beyond flow.CreditWindow
	sources atomic.Int32   // entries of unknown length that were asked for and are not settled
	widest  int32          // the most of them at a time; plan's
	owed    atomic.Int64   // credit that the sender used and was not granted again
	freed   atomic.Int64   // the part of it that can be granted again
	budget  int64          // bytes that may be asked for before the space is looked at again; plan's
	wanted  int64          // bytes that a dry run has found to be needed; plan's
	due     atomic.Int64   // bytes asked for and not written

	heard        chan struct{} // closed when stream 0 is read no more
	complete     chan struct{} // closed when every entry is settled
	asking       atomic.Bool   // the first WANT was sent
	receipt      atomic.Bool   // RECEIPT was sent
	acknowledged atomic.Bool   // and the sender said goodbye, or closed
}

// Receive takes a delivery from the sender at the other end of l into
// o.Destination, and closes l. It returns nil only when everything offered is
// under its final name, verified and durable; see ErrIncomplete. The
// destination stays the caller's to close.
func Receive(ctx context.Context, l *link.Link, o Options) (transfer.Result, error) {
	r := &receiver{link: l, opt: o, track: progress.New(o.Observer), dst: o.Destination}
	l.AllowStreams(min(r.mostStreams(), streams.Early)) // until ACCEPT
	r.track.Be(framing.StateUser)
	l.SetState(r.heartbeat)
	err := r.readOffer(ctx)
	if err == nil {
		err = r.placed(r.run(ctx))
	}
	if err != nil {
		failure.Leave(l, err)
	}
	res := r.track.Final()
	res.Resent, res.Wire, res.Streams = l.Resent(), l.Traffic(), l.NumStreams()
	if err == nil {
		res.Acknowledged = r.acknowledged.Load()
		r.track.Enter(transfer.PhaseComplete)
	}
	// The link's end changes nothing any more: the receipt is out, or an error is.
	_ = l.Close()
	if err == nil && res.Failed > 0 {
		err = fmt.Errorf("%w: %d of %d", transfer.ErrIncomplete, res.Failed, res.Failed+res.Delivered+res.Same+res.Skipped)
	}
	return res, err
}

// placed names the destination in an error of it that ended the delivery.
func (r *receiver) placed(err error) error {
	var own *transfer.Error
	if !errors.As(err, &own) || own.Remote || own.Place != "" || !failure.OfDestination(own.Code) || errors.As(own.Err, new(*transfer.SpaceError)) {
		return err
	}
	named := *own
	named.Place = r.place()
	return &named
}

// place is the destination as the user named it, if there is one.
func (r *receiver) place() string {
	if r.dst == nil {
		return ""
	}
	return r.dst.Place()
}

func (r *receiver) heartbeat() (state uint8, progress uint64) {
	return r.track.Heartbeat(r.link.Received())
}

// readOffer reads OFFER, with which every delivery begins.
func (r *receiver) readOffer(ctx context.Context) error {
	unwatch := context.AfterFunc(ctx, func() { failure.Leave(r.link, context.Cause(ctx)) })
	defer unwatch()
	r.track.Enter(transfer.PhaseOffering)
	in := r.link.Stream(0)
	t, _, err := in.Next()
	var body []byte
	if err == nil {
		body, err = in.Body()
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return failure.Link("waiting for the offer", err)
	case t == framing.TypeBye:
		b, err := framing.ParseBye(body)
		if err != nil {
			return failure.Malformed(err)
		}
		return failure.Farewell(b)
	case t != framing.TypeOffer:
		return failure.Violation("%v in place of OFFER", t)
	}
	if r.offer, err = framing.ParseOffer(body); err != nil {
		return failure.Malformed(err)
	}
	for i, it := range r.offer.Listed {
		r.offer.Listed[i].Name = bytes.Clone(it.Name) // the body is gone with the next frame
	}
	return nil
}

// run is the delivery from the offer to RECEIPT. The link is read from the
// start, also while a person thinks about the offer: an unread one looks dead.
func (r *receiver) run(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	group, gctx := errgroup.WithContext(ctx)
	r.entries, r.folders = make(map[uint64]*inEntry), make(map[uint64]*inFolder)
	r.bound = newConsent(r.offer, limits{r.opt.MaxItems, r.opt.MaxBytes})
	r.open, r.links = make(map[uint64]bool), make(map[uint64]*linkTarget)
	r.plans, r.jobs = flow.NewQueue[planItem](), flow.NewQueue[*inJob]()
	r.bases, r.ready = flow.NewQueue[*inEntry](), flow.NewQueue[*inEntry]()
	r.large, r.temps, r.pages = flow.NewGauge(gctx, int64(flow.MayOpen(flow.OpenFiles, 8))), flow.NewGauge(gctx, openTemps), flow.NewGauge(gctx, flow.PagesWindow)
	if _, caps, _ := r.link.Peer(); caps&framing.CapZstd != 0 {
		var err error
		if r.decoder, err = compress.NewDecoder(); err != nil {
			return err
		}
		defer r.decoder.Close()
	}
	r.complete, r.heard = make(chan struct{}), make(chan struct{})

	// A blocked read or write on the link ends when the delivery fails.
	unwatch := context.AfterFunc(gctx, func() {
		if !r.receipt.Load() {
			failure.Leave(r.link, context.Cause(gctx))
		}
	})
	defer unwatch()

	group.Go(func() error { return r.read(gctx, 0) })
	group.Go(func() error {
		return streams.Each(gctx, r.link, 1, r.heard, func(i int) error {
			r.readers.Go(func() {
				if err := r.readMore(gctx, i); err != nil {
					cancel(err)
				}
			})
			return nil
		})
	})
	if r.opener = streams.NewOpener(r.link); r.link.Dialled() {
		group.Go(func() error { return r.opener.Run(gctx, r.heard) })
	}
	group.Go(func() error { return progress.WatchStall(gctx, r.link, &r.track.Activity, r.heard) })
	start := func(run func(context.Context) error) {
		group.Go(failure.Patient(gctx, r.link, func() error { return run(gctx) }))
	}
	start(func(ctx context.Context) error { return r.accept(ctx, start) })
	err := group.Wait()
	switch {
	case r.receipt.Load():
		err = nil // what comes after the receipt changes nothing
	case err == nil && ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	// The other readers end with the link.
	if err == nil {
		_ = r.link.Close() // RECEIPT is out
	} else {
		failure.Leave(r.link, err)
	}
	r.readers.Wait()
	r.keepPartials()
	if err == nil && !r.receipt.Load() {
		err = &transfer.Error{Op: "receiving", Code: framing.CodeInternal, Err: errors.New("ended without a receipt")}
	}
	return err
}

// accept has the offer accepted or declined, and starts the pipeline.
func (r *receiver) accept(ctx context.Context, start func(run func(context.Context) error)) error {
	dry := r.offer.Flags&framing.FlagDryRun != 0
	event := transfer.Offer{Items: int64(r.offer.Items), Bytes: int64(r.offer.Bytes), Exact: r.offer.Exact, DryRun: dry}
	event.Peer, _, _ = r.link.Peer()
	for _, it := range r.offer.Listed {
		event.Listed = append(event.Listed, transfer.OfferItem{Name: string(it.Name), Kind: tree.Kind(it.Kind), Size: int64(it.Size) - 1})
	}
	out := r.link.Stream(0)
	if dry && r.opt.Rehearse == nil {
		return r.decline(framing.CodeUnsupported, errNoRehearsal)
	}
	if err := r.bound.refuse(r.opt.OnlyNamed); err != nil {
		return r.decline(framing.CodeDeclined, err)
	}
	if r.opt.Accept != nil {
		if err := r.opt.Accept(ctx, event); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return r.decline(framing.CodeDeclined, err)
		}
	}
	if err := r.openDestination(dry); err != nil {
		return failure.DestinationEnds("opening", "", err)
	}
	if err := r.grantMetadata(); err != nil {
		return failure.DestinationEnds("opening", "", err)
	}
	r.link.LimitRetry(time.Duration(r.offer.RetrySeconds) * time.Second)
	r.track.Begin()
	r.track.Tell(transfer.Offered{Offer: event})
	r.track.Be(framing.StateIdle)
	a := framing.Accept{
		Flags: r.offer.Flags&(framing.FlagChecksum|framing.FlagAllowChanged|framing.FlagDryRun) | wire.Flags(r.granted), RetrySeconds: wire.RetrySeconds(r.link.RetryFor()),
		EntryWindow: flow.EntryWindow, EntryBytes: flow.EntryBytes, Ordered: r.opt.Output != nil, Streams: r.allowStreams(),
	}
	c := framing.Credit{Bytes: flow.CreditWindow}
	if err := out.Send(false, framing.TypeAccept, a.Append(nil)); err != nil {
		return failure.Link("accepting", err)
	}
	rate := r.opt.Limit.Rate()
	if rate > 0 {
		if err := r.sendLimit(rate); err != nil {
			return err
		}
	}
	if err := out.Send(true, framing.TypeCredit, c.Append(nil)); err != nil {
		return failure.Link("accepting", err)
	}
	r.track.Enter(transfer.PhaseScanning)
	if r.opt.Limit != nil {
		start(func(ctx context.Context) error { return flow.Follow(ctx, r.opt.Limit, rate, r.heard, r.sendLimit) })
	}
	start(r.widen)
	if r.opt.Output != nil {
		start(r.ordered)
		return nil
	}
	r.twins = newTwins(r.at.Twins, r.opt.OnConflict)
	start(r.plan)
	for range 2 {
		start(r.basis)
	}
	for range flow.Workers() {
		start(r.workLoop)
	}
	start(r.publish)
	start(r.finish)
	return nil
}

// errNoRehearsal declines a dry run.
var errNoRehearsal = errors.New("a dry run needs a folder to look at, and this goes elsewhere")

// decline ends the delivery before anything of it was taken.
func (r *receiver) decline(code framing.Code, cause error) error {
	d := framing.Decline{Code: code, Message: cause.Error()}
	if err := r.link.Stream(0).Send(true, framing.TypeDecline, d.Append(nil)); err != nil {
		return failure.Link("declining", err)
	}
	return &transfer.Error{Op: "offer declined:", Code: framing.CodeDeclined, Err: cause}
}

// openDestination gets the destination of an offer that was accepted.
func (r *receiver) openDestination(dry bool) (err error) {
	switch {
	case dry:
		r.track.Rehearse()
		r.dry = true
		r.dst, err = r.opt.Rehearse()
	case r.opt.Open != nil:
		r.dst, err = r.opt.Open()
	}
	if err == nil && r.opt.Begin != nil {
		err = r.opt.Begin()
	}
	return err
}

// keepPartials closes what was begun and leaves it for the next delivery.
func (r *receiver) keepPartials() {
	for _, e := range r.entries {
		e.mu.Lock()
		if e.partial != nil {
			// The delivery failed already or is complete; a hint that is lost
			// with this costs only rework.
			_ = e.partial.Discard(e.entry.Kind != tree.Stream)
			e.partial = nil
		}
		e.mu.Unlock()
	}
}
