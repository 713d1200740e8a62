package receive

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/here"
	"ferry/transfer/internal/progress"
	"ferry/transfer/internal/wire"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// opening is a delivery until its offer is accepted or declined.
type opening struct {
	link    transfer.Link
	opt     *Options
	request *Request // nil: what is offered was not asked for
	track   *progress.Tracker
	offer   framing.Offer
	place   string // where it is to go; see transfer.Offer
	consent *consent
	letter  *letter // nil unless the offer is a text that is shown
	growth  *growth
	dest    storage.Destination // nil: not yet, or an Output
	landing string              // the name that the only item gets; empty: its own
	here    here.Machine

	declined atomic.Pointer[transfer.Error] // set before the other side hears of it
}

// read reads OFFER, with which every delivery begins, and asks for it before.
func (o *opening) read(ctx context.Context) error {
	defer failure.Watch(ctx, o.link, func() bool { return false })()
	o.track.Enter(transfer.PhaseOffering)
	if o.request != nil {
		if err := o.request.send(o.link); err != nil {
			return err
		}
	}
	t, body, err := o.next()
	if _, caps, _ := o.link.Peer(); err == nil && t == framing.TypePlace && o.request == nil && caps&framing.CapPlace != 0 {
		m, malformed := framing.ParsePlace(body)
		if malformed != nil {
			return failure.Malformed(malformed)
		}
		o.place = string(m.Path)
		t, body, err = o.next()
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
	case t == framing.TypeDecline && o.request != nil:
		d, err := framing.ParseDecline(body)
		if err != nil {
			return failure.Malformed(err)
		}
		return failure.Remote("asking for it", d.Code, d.Message)
	case t != framing.TypeOffer:
		return failure.Violation("%v in place of OFFER", t)
	}
	if o.offer, err = framing.ParseOffer(body); err != nil {
		return failure.Malformed(err)
	}
	for i, it := range o.offer.Listed {
		o.offer.Listed[i].Name = bytes.Clone(it.Name) // the body is gone with the next frame
	}
	if err := o.request.check(&o.offer); err != nil {
		return err
	}
	peer, caps, _ := o.link.Peer()
	text := o.offer.Flags&framing.FlagText != 0
	switch {
	case text && caps&framing.CapText == 0:
		return failure.Violation("a text, which this side cannot take")
	case text && o.opt.Text != nil && o.opt.Output == nil:
		o.letter = &letter{peer: peer, show: o.opt.Text}
		o.opt.Output = o.letter
	}
	o.consent = newConsent(o.offer, limits{o.opt.Most.MaxItems, o.opt.Most.MaxBytes}, o.request.covers())
	return nil
}

// next reads a frame of stream 0.
func (o *opening) next() (framing.Type, []byte, error) {
	in := o.link.Stream(0)
	t, _, err := in.Next()
	if err != nil {
		return 0, nil, err
	}
	body, err := in.Body()
	return t, body, err
}

func (o *opening) dry() bool { return o.offer.Flags&framing.FlagDryRun != 0 }

// event is the offer as people and the Observer are told it.
func (o *opening) event() transfer.Offer {
	e := transfer.Offer{
		Items: int64(o.offer.Items), Bytes: int64(o.offer.Bytes), Exact: o.offer.Exact, DryRun: o.dry(), Text: o.offer.Flags&framing.FlagText != 0,
		Place: o.place, Extent: o.growth.now(),
	}
	e.Peer, _, _ = o.link.Peer()
	for _, it := range o.offer.Listed {
		e.Listed = append(e.Listed, transfer.OfferItem{Name: string(it.Name), Kind: tree.Kind(it.Kind), Size: int64(it.Size) - 1})
	}
	return e
}

// decide has the offer declined, or returns nil if it may be accepted. It waits for the
// user.
func (o *opening) decide(ctx context.Context) error {
	if o.dry() && o.opt.Rehearse == nil {
		return o.decline(framing.CodeUnsupported, errNoRehearsal)
	}
	if err := o.consent.refuse(o.opt.Most.OnlyNamed); err != nil {
		return o.decline(framing.CodeDeclined, err)
	}
	if o.letter != nil {
		return nil
	}
	if o.opt.Accept == nil {
		return o.landed()
	}
	if err := o.opt.Accept(ctx, o.event(), o.growth.news); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		code := framing.CodeDeclined
		var own *transfer.Error
		if errors.As(err, &own) {
			code = cmp.Or(own.Code, code)
			err = cmp.Or(own.Err, err)
		}
		return o.decline(code, err)
	}
	return o.landed()
}

// landed has the name found under which the delivery lands.
func (o *opening) landed() error {
	if err := o.land(); err != nil {
		return o.decline(framing.CodeDeclined, err)
	}
	return nil
}

// errNoRehearsal declines a dry run.
var errNoRehearsal = errors.New("a dry run needs a folder to look at, and this goes elsewhere")

// decline ends the delivery before anything of it was taken.
func (o *opening) decline(code framing.Code, cause error) error {
	own := &transfer.Error{Op: "offer declined:", Code: framing.CodeDeclined, Err: cause}
	if failure.OfDestination(code) {
		own.Code = code
	}
	o.declined.Store(own)
	d := framing.Decline{Code: code, Message: cause.Error()}
	if err := o.link.Stream(0).Send(true, framing.TypeDecline, d.Append(nil)); err != nil {
		return failure.Link("declining", err)
	}
	return own
}

// enter opens the destination of an offer that may be accepted, and fills in s.
func (o *opening) enter(s *site) error {
	s.dry = o.dry()
	if err := o.open(s); err != nil {
		return failure.DestinationEnds("opening", "", err)
	}
	permitted := o.opt.Metadata
	permitted.Numeric = true // a wish about owners, which needs no permission
	wish := wire.Metadata(o.offer.Flags)
	s.granted = wire.Metadata(o.offer.Flags & wire.Flags(permitted))
	s.granted.System = s.granted.Xattrs && permitted.System
	o.track.Declined(wish, s.granted, framing.CodeDeclined, false)
	if o.opt.Output != nil {
		return nil // modes as sent: whoever unpacks an archive has a umask
	}
	s.granted.Umask, s.modes = permitted.Umask, o.opt.Modes
	landing, err := o.dest.Start(s.granted)
	if err == nil && (s.dry && landing.Estimate == nil || !s.dry && landing.Files == nil) {
		err = errors.New("it is not of the kind that this delivery needs")
	}
	if err == nil && o.opt.Backup != nil && !s.dry && landing.Backups == nil {
		err = errors.New("it keeps no backups")
	}
	if err != nil {
		return failure.DestinationEnds("opening", "", err)
	}
	s.Landing, s.dest, s.place = *landing, o.dest, o.dest.Place()
	o.track.Declined(s.granted, s.Keeps, framing.CodeUnsupported, false)
	s.granted = s.Keeps
	if o.opt.OnConflict != transfer.ConflictOverwrite {
		s.Way = nil
	}
	for _, n := range s.Notes {
		o.track.Lost(n.Path, []tree.Loss{n.Loss})
	}
	return nil
}

// open gets the destination.
func (o *opening) open(s *site) (err error) {
	if o.letter != nil {
		return nil
	}
	o.dest = o.opt.Destination
	switch {
	case s.dry:
		o.track.Rehearse()
		o.dest, err = o.opt.Rehearse()
	case o.opt.Open != nil:
		o.dest, err = o.opt.Open()
	}
	if err == nil && o.opt.Begin != nil {
		err = o.opt.Begin()
	}
	return err
}

// accept sends ACCEPT and the first credit.
func (o *opening) accept(s *site, streams uint16, rate int64, credit *window) error {
	o.link.LimitRetry(time.Duration(o.offer.RetrySeconds) * time.Second)
	o.track.Begin()
	o.track.Tell(transfer.Offered{Offer: o.event()})
	o.track.Be(framing.StateIdle)
	granted := framing.FlagChecksum | framing.FlagAllowChanged | framing.FlagDryRun
	if o.letter != nil {
		granted |= framing.FlagText
	}
	entries, bytes := flow.Share(o.opt.Most.Memory).Entries()
	a := framing.Accept{
		Flags:        o.offer.Flags&granted | wire.Flags(s.granted),
		RetrySeconds: wire.RetrySeconds(o.link.RetryFor()),
		EntryWindow:  uint64(entries), EntryBytes: uint64(bytes), Ordered: o.opt.Output != nil, Streams: streams,
	}
	if err := o.tellLanding(); err != nil {
		return err
	}
	if err := o.tellPlace(s); err != nil {
		return err
	}
	if err := o.link.Stream(0).Send(false, framing.TypeAccept, a.Append(nil)); err != nil {
		return failure.Link("accepting", err)
	}
	if rate > 0 {
		if err := o.limit(rate); err != nil {
			return err
		}
	}
	return credit.open(flow.Share(o.opt.Most.Memory), trip(o.link.Streams))
}

// limit tells the sender this side's limit: only who sends can keep to one evenly.
func (o *opening) limit(rate int64) error {
	m := framing.Limited{Rate: uint64(rate)}
	return failure.Link("limiting the rate", o.link.Stream(0).Send(true, framing.TypeLimit, m.Append(nil)))
}

// placed names the destination in an error of it that ended the delivery.
func (o *opening) placed(err error) error {
	var own *transfer.Error
	if o.dest == nil || !errors.As(err, &own) || own.Remote || own.Place != "" || !failure.OfDestination(own.Code) || errors.As(own.Err, new(*transfer.SpaceError)) {
		return err
	}
	named := *own
	named.Place = o.dest.Place()
	return &named
}
