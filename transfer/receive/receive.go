package receive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/compress"
	"ferry/transfer/internal/delta"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/here"
	"ferry/transfer/internal/parcel"
	"ferry/transfer/internal/progress"
	"ferry/transfer/internal/streams"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// The receiver's pipeline. Readers wait for nothing: what they hand on is
// bounded by the credit and the entry window that this side granted.
//
//  1. read      one a stream    frames → entries, chunks, packs        reader.go, control.go, intake.go
//  2. plan      sequential      entry → verdict, or WANT               planner.go, asker.go
//  3. reuse     parallel        hash what is here already              reuse.go, old.go
//  4. work      parallel        hash, compare, write, seal             work.go, seal.go
//  5. publish   sequential      batches: sync, final names → DONE      publish.go
//  6. close     once            all durable → RECEIPT                  closing.go
//
// All run in one errgroup that Receive waits for. The first error cancels the
// rest; what was written stays as a partial for the next delivery. To an Output
// there is one step instead of 2 to 5: ordered.go.

// receiver is the wiring of one delivery: its objects, and the goroutines that run them.
type receiver struct {
	link  transfer.Link
	opt   *Options
	track *progress.Tracker

	opening opening
	site    site // filled in when the offer is accepted, and used by goroutines that start then
	queues  queues
	pool    flow.Pool
	decoder *compress.Decoder // nil: compression was not agreed on

	ledger   *ledger
	credit   *window
	requests *requests
	settle   *settler
	pace     *pace
	reuse    *reuse
	breadth  *breadth
	end      *closing
	there    *there
	deletion *deletion // nil: nothing is deleted
	within   *within   // nil: content comes over the link

	leaving leaving
}

// leaving is what the end of a delivery waits for.
type leaving struct {
	heard chan struct{}  // closed when stream 0 is read no more
	late  sync.WaitGroup // of goroutines that end with the link: readers beyond stream 0, and RECEIPT
}

// queues hand over from one step to the next.
type queues struct {
	plans *flow.Queue[message]  // bounded by the entry window
	jobs  *flow.Queue[job]      // bounded by credit, and by the entries in flight
	olds  *flow.Queue[old]      // bounded by slots, and by the entries in flight
	lists *flow.Queue[old]      // bounded by slots
	ready *flow.Queue[*attempt] // bounded by temps and slots
}

// close ends the steps: all is settled.
func (q *queues) close() {
	q.plans.Close()
	q.jobs.Close()
	q.olds.Close()
	q.lists.Close()
	q.ready.Close()
}

// Receive takes a delivery from the sender at the other end of l into
// o.Destination, and closes l. It returns nil only when everything offered is
// under its final name, verified and durable; see transfer.ErrIncomplete. The
// destination stays the caller's to close.
func Receive(ctx context.Context, l interface {
	transfer.Streams
	transfer.Liveness
	transfer.Ending
}, o Options) (transfer.Result, error) {
	return run(ctx, transfer.Link{Streams: l, Liveness: l, Ending: l}, nil, &o)
}

// run is Receive, and with a request Fetch.
func run(ctx context.Context, l transfer.Link, ask *Request, o *Options) (transfer.Result, error) {
	r := newReceiver(l, o)
	r.opening.request = ask
	l.AllowStreams(1) // until ACCEPT
	r.track.Be(framing.StateUser)
	l.SetState(r.heartbeat)
	err := r.opening.read(ctx)
	if err == nil {
		r.breadth.single = o.Output != nil
		err = r.opening.placed(r.run(ctx))
	}
	if err != nil {
		failure.Leave(r.link, err)
	}
	r.deletion.tellKept()
	res := r.track.Final()
	res.Resent, res.Wire, res.Streams = l.Resent(), l.Traffic(), l.NumStreams()
	if err == nil {
		res.Acknowledged = r.end.acknowledged.Load()
		r.track.Enter(transfer.PhaseComplete)
	}
	// The link's end changes nothing any more: the receipt is out, or an error is.
	_ = l.Close()
	if err == nil {
		err = r.deletion.verdict(&res)
	}
	if err == nil && res.Failed > 0 {
		err = fmt.Errorf("%w: %d of %d", transfer.ErrIncomplete, res.Failed, res.Failed+res.Delivered+res.Same+res.Skipped)
		if left := r.there.left(ask.byDigest()); left != nil && res.Failed == r.there.unremoved {
			err = left
		}
	} else if err == nil {
		err = r.there.left(ask.byDigest())
	}
	return res, err
}

func newReceiver(l transfer.Link, o *Options) *receiver {
	r := &receiver{link: l, opt: o, track: progress.New(o.Observer), ledger: newLedger(), leaving: leaving{heard: make(chan struct{})}}
	control := l.Stream(0)
	_, caps, _ := l.Peer()
	if caps&framing.CapRemarks != 0 {
		r.track.Share(false)
	}
	if caps&framing.CapNames != 0 {
		r.track.ShareNames()
	}
	if caps&framing.CapStored != 0 {
		r.track.ShareStore()
	}
	r.ledger.widen(framing.EntriesBeforeAccept(caps))
	r.opening = opening{link: l, opt: o, track: r.track, growth: newGrowth(), here: here.This()}
	r.queues = queues{flow.NewQueue[message](), flow.NewQueue[job](), flow.NewQueue[old](), flow.NewQueue[old](), flow.NewQueue[*attempt]()}
	r.credit = &window{control: control}
	r.requests = &requests{control: control}
	r.breadth = &breadth{link: l, opener: streams.NewOpener(l), credit: r.credit, choice: o.Streams}
	r.settle = &settler{
		ledger: r.ledger, site: &r.site, verdicts: &verdicts{control: control, track: r.track}, track: r.track, links: newLinks(), plans: r.queues.plans,
		room: &room{site: &r.site}, window: r.credit,
	}
	r.pace = &pace{limit: o.Limit, agreed: caps&framing.CapCopy != 0 && o.Output == nil, heard: l.Received}
	r.reuse = &reuse{
		jobs: r.queues.jobs, plans: r.queues.plans, ledger: r.ledger, settle: r.settle, site: &r.site,
		requests: r.requests, pace: r.pace, track: r.track,
	}
	r.there = &there{}
	r.end = &closing{
		control: control, ending: l, live: l, ledger: r.ledger, settle: r.settle, site: &r.site, track: r.track, heard: r.leaving.heard, late: &r.leaving.late,
	}
	return r
}

func (r *receiver) heartbeat() (state uint8, progress uint64) {
	return r.track.Heartbeat(r.link.Received())
}

// run is the delivery from the offer to RECEIPT. The link is read from the
// start, also while a person thinks about the offer: an unread one looks dead.
func (r *receiver) run(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	group, gctx := errgroup.WithContext(ctx)
	r.settle.slots = flow.NewGauge(gctx, int64(flow.MayOpen(flow.OpenFiles, 8)))
	r.settle.temps = flow.NewGauge(gctx, openTemps)
	r.settle.pages = flow.NewGauge(gctx, flow.PagesWindow)
	r.settle.pieces = flow.NewGauge(gctx, delta.MaxPieces)
	if _, caps, _ := r.link.Peer(); caps&framing.CapZstd != 0 {
		var err error
		if r.decoder, err = compress.NewDecoder(); err != nil {
			return err
		}
		defer r.decoder.Close()
	}

	var err error
	if r.deletion, err = newDeletion(gctx, r); err != nil {
		return err
	}
	r.end.deletion = r.deletion

	defer failure.Watch(gctx, r.link, r.end.sent)()

	group.Go(func() error {
		defer close(r.leaving.heard)
		return r.reader(0).run(gctx, r.end)
	})
	group.Go(func() error {
		return streams.Each(gctx, r.link, 1, r.leaving.heard, func(i int) error {
			r.leaving.late.Go(func() {
				if err := r.readMore(gctx, i); err != nil {
					cancel(err)
				}
			})
			return nil
		})
	})
	if r.link.Dialled() {
		group.Go(func() error { return r.breadth.opener.Run(gctx, r.leaving.heard) })
	}
	group.Go(func() error { return progress.WatchStall(gctx, r.link, &r.track.Activity, r.leaving.heard) })
	start := func(run func(context.Context) error) {
		group.Go(failure.Patient(gctx, r.link, func() error { return run(gctx) }))
	}
	start(func(ctx context.Context) error { return r.accept(ctx, start) })
	return r.over(ctx, group.Wait())
}

// over waits for what ends with the link, and says how the delivery ended.
func (r *receiver) over(ctx context.Context, err error) error {
	switch {
	case r.end.sent():
		err = nil // what comes after the receipt changes nothing
	case err == nil && ctx.Err() != nil:
		err = context.Cause(ctx)
	case err != nil && ctx.Err() == nil:
		if own := r.opening.declined.Load(); own != nil {
			err = own // a sender that hears of it ends the link, which the reader may meet first
		}
	}
	if err == nil {
		_ = r.link.Close() // RECEIPT is out
	} else {
		failure.Leave(r.link, err)
	}
	r.leaving.late.Wait()
	r.within.end()
	for _, a := range r.ledger.left() {
		// The delivery failed already or is complete; a hint that is lost
		// with this costs only rework.
		_ = a.part.end(a.of.kind != tree.Stream)
	}
	if err == nil && !r.end.sent() {
		err = &transfer.Error{Op: "receiving", Code: framing.CodeInternal, Err: errors.New("ended without a receipt")}
	}
	return err
}

// reader is the reader of one stream.
func (r *receiver) reader(stream int) *reader {
	ordered := r.opt.Output != nil
	in := &reader{
		in: r.link.Stream(stream), number: stream,
		intake: r.intake(),
		ledger: r.ledger, consent: r.opening.consent, requests: r.requests, credit: r.credit, jobs: r.queues.jobs, pool: &r.pool,
		zstd: r.decoder != nil, copies: r.pace.agreed, ordered: ordered,
	}
	if stream == 0 {
		in.control = &control{
			ledger: r.ledger, plans: r.queues.plans, jobs: r.queues.jobs, reuse: r.reuse, breadth: r.breadth, end: r.end,
			growth: r.opening.growth, track: r.track, there: r.there, deletion: r.deletion, ordered: ordered,
		}
	}
	return in
}

func (r *receiver) intake() *intake {
	return &intake{ledger: r.ledger, jobs: r.queues.jobs, ordered: r.opt.Output != nil}
}

// readMore reads a stream beyond stream 0, which tells how the delivery ends: so
// that only a broken rule is an error here.
func (r *receiver) readMore(ctx context.Context, stream int) error {
	err := r.reader(stream).run(ctx, r.end)
	if r.link.Err() != nil || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// starter runs a function in the group of a delivery.
type starter func(run func(context.Context) error)

// accept has the offer accepted or declined, and starts the pipeline.
func (r *receiver) accept(ctx context.Context, start starter) error {
	if err := r.opening.decide(ctx); err != nil {
		return err
	}
	if err := r.opening.enter(&r.site); err != nil {
		return err
	}
	if err := r.deletion.enter(&r.site, r.opt.OnConflict); err != nil {
		return err
	}
	if p := parcel.Of(r.link.Streams); p != nil && r.opt.Output == nil {
		r.within = newWithin(r.intake(), r.worker())
		p.Open(r.within)
		start(func(ctx context.Context) error { return r.within.run(ctx, r.ledger.complete) })
	}
	rate := r.opt.Limit.Rate()
	_, caps, _ := r.link.Peer()
	entries, _ := flow.Share(r.opt.Most.Memory).Entries()
	r.ledger.widen(max(entries, framing.EntriesBeforeAccept(caps))) // before the sender can know of it
	if err := r.opening.accept(&r.site, r.breadth.allow(), rate, r.credit); err != nil {
		return err
	}
	r.track.Enter(transfer.PhaseScanning)
	if r.opt.Limit != nil {
		start(func(ctx context.Context) error {
			return flow.Follow(ctx, r.opt.Limit, rate, r.leaving.heard, r.opening.limit)
		})
	}
	start(func(ctx context.Context) error { return r.breadth.widen(ctx, r.leaving.heard) })
	gate := &gate{ledger: r.ledger, links: r.settle.links, site: &r.site, consent: r.opening.consent, policy: r.opt.Links, landing: r.opening.landing}
	if r.opt.Output != nil {
		start(func(ctx context.Context) error { return r.ordered(ctx, gate) })
		return nil
	}
	r.settle.twins = newTwins(&r.site, r.opt.OnConflict, r.opt.Backup)
	start(r.planner(gate).run)
	for _, olds := range [...]*flow.Queue[old]{r.queues.olds, r.queues.olds, r.queues.lists} {
		start(func(ctx context.Context) error { return r.reuse.run(ctx, olds) })
	}
	for range flow.Workers() {
		start(r.worker().run)
	}
	start((&publisher{ready: r.queues.ready, ledger: r.ledger, settle: r.settle, site: &r.site, track: r.track, backup: r.opt.Backup}).run)
	start(func(ctx context.Context) error {
		select {
		case <-r.ledger.complete:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		r.queues.close()
		return r.end.durable(ctx)
	})
	return nil
}

// ordered is steps 2 to 6 where the delivery goes to an Output. For an output, which
// nobody here can sync, the receipt says that the bytes were handed over and were right.
func (r *receiver) ordered(ctx context.Context, g *gate) error {
	o := &ordered{
		plans: r.queues.plans, jobs: r.queues.jobs, ledger: r.ledger, settle: r.settle, gate: g, requests: r.requests, credit: r.credit,
		pool: &r.pool, decoder: r.decoder, track: r.track, letter: r.opening.letter,
		archive: newArchive(r.opt.Output, &r.opening.offer, r.site.granted, r.track),
	}
	if err := o.run(ctx); err != nil {
		return err
	}
	if err := r.settle.verdicts.flush(); err != nil {
		return err
	}
	return r.end.sign(ctx, storage.Report{})
}

func (r *receiver) planner(g *gate) *planner {
	return &planner{
		plans: r.queues.plans, ledger: r.ledger, settle: r.settle, gate: g, site: &r.site, twins: r.settle.twins, links: r.settle.links,
		ask: &asker{
			ledger: r.ledger, settle: r.settle, site: &r.site, room: r.settle.room, credit: r.credit, requests: r.requests,
			olds: r.queues.olds, lists: r.queues.lists, slots: r.settle.slots, pace: r.pace, track: r.track,
		},
		track: r.track, consent: r.opening.consent, deletion: r.deletion,
		policy: r.opt.OnConflict, update: r.opt.Update, backup: r.opt.Backup, byDigest: r.opening.offer.Flags&framing.FlagChecksum != 0, resolve: r.opt.Resolve,
	}
}

func (r *receiver) worker() *worker {
	return &worker{
		queues: &r.queues, ledger: r.ledger, settle: r.settle, site: &r.site, requests: r.requests, credit: r.credit,
		pace: r.pace, pool: &r.pool, decoder: r.decoder, track: r.track,
	}
}
