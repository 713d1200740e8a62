package send

import (
	"cmp"
	"context"
	"errors"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// Request is what the receiver asks for: receive.Request, as it came. Nothing about it is
// checked but its lengths.
type Request struct {
	Paths            []string // bytes as a person wrote them there
	DryRun, Checksum bool
	Metadata         tree.Metadata // wished for
}

// errNoRequest: the receiver's link has no framing.CapRequest.
var errNoRequest = errors.New("ferry has to be updated at the receiver, which asks for nothing yet")

// requestWait is how long a receiver has to say what it wants, beside a loss of the link. It
// does so at once.
const requestWait = 2 * time.Minute

var errNoneCame = errors.New("the receiver did not say what it wants")

// Serve waits for the receiver's request, and sends what answer makes of it; see Send. An
// error of answer declines: the receiver is told its code and its text, and Serve returns
// it. Nothing is sent before the request came.
func Serve(ctx context.Context, l interface {
	transfer.Streams
	transfer.Liveness
	transfer.Ending
}, answer func(context.Context, Request) (Options, error)) (transfer.Result, error) {
	whole := transfer.Link{Streams: l, Liveness: l, Ending: l}
	l.AllowStreams(1)
	r, err := awaitRequest(ctx, whole)
	if err != nil {
		failure.Leave(whole, err)
		return transfer.Result{}, err
	}
	o, err := answer(ctx, r)
	if err != nil {
		decline(whole, err)
		return transfer.Result{}, err
	}
	return Send(ctx, l, o)
}

// awaitRequest reads REQUEST, with which the receiver begins.
func awaitRequest(ctx context.Context, l transfer.Link) (Request, error) {
	if _, caps, _ := l.Peer(); caps&framing.CapRequest == 0 {
		return Request{}, &transfer.Error{Op: "waiting for a request:", Code: framing.CodeVersion, Err: errNoRequest}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, requestWait+l.RetryFor(), &transfer.Error{Op: "waiting for a request:", Code: framing.CodeGaveUp, Err: errNoneCame})
	defer cancel()
	defer failure.Watch(ctx, l, func() bool { return false })()
	in := l.Stream(0)
	t, _, err := in.Next()
	var body []byte
	if err == nil {
		body, err = in.Body()
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return Request{}, context.Cause(ctx)
	case err != nil:
		return Request{}, failure.Link("waiting for a request", err)
	case t == framing.TypeBye:
		b, err := framing.ParseBye(body)
		if err != nil {
			return Request{}, failure.Malformed(err)
		}
		return Request{}, failure.Farewell(b)
	case t != framing.TypeRequest:
		return Request{}, failure.Violation("%v in place of REQUEST", t)
	}
	m, err := framing.ParseRequest(body)
	if err != nil {
		return Request{}, failure.Malformed(err)
	}
	r := Request{DryRun: m.Flags&framing.FlagDryRun != 0, Checksum: m.Flags&framing.FlagChecksum != 0, Metadata: wire.Metadata(m.Flags)}
	for _, p := range m.Paths {
		r.Paths = append(r.Paths, string(p))
	}
	return r, nil
}

// decline answers a request that is not served, and leaves.
func decline(l transfer.Link, cause error) {
	d := framing.Decline{Code: framing.CodeDeclined, Message: cause.Error()}
	var own *transfer.Error
	if errors.As(cause, &own) {
		d.Code = cmp.Or(own.Code, framing.CodeDeclined)
		d.Message = cmp.Or(own.Err, cause).Error() // the step is this side's
	}
	// If it does not arrive, the goodbye or the end of the link says that nothing comes.
	_ = l.Stream(0).Send(true, framing.TypeDecline, d.Append(nil))
	failure.Leave(l, &transfer.Error{Op: "declining:", Code: d.Code, Err: cause})
}
