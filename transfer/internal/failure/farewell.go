package failure

import (
	"context"
	"errors"
	"time"

	"ferry/framing"
	"ferry/transfer"
)

// goodbye is how long an interrupted side tries to say so. The command line
// ends 1.5 s after a signal, and until then a way such as ssh ends too, and the
// result is told.
const goodbye = 700 * time.Millisecond

// Leave says goodbye with the cause if the link still takes it, and closes it
// so that every blocked read and write returns. The other side is read from
// until it closes too, for a moment: an abrupt end could destroy the goodbye
// before it is read.
func Leave(l transfer.Link, cause error) {
	bye := framing.Bye{Code: framing.CodeInterrupted}
	var own *transfer.Error
	switch {
	case errors.As(cause, &own):
		if own.Remote || own.Code == framing.CodeLost || own.Code == framing.CodeTimeout {
			l.Abort(cause)
			return
		}
		bye.Code, bye.Message = own.Code, lastWords(own)
	case cause != nil && !errors.Is(cause, context.Canceled):
		bye.Code = framing.CodeInternal
	}
	limit := time.AfterFunc(goodbye, func() { l.Abort(cause) })
	defer limit.Stop()
	// A goodbye that does not arrive shows as a lost link at the other side.
	_ = l.Stream(0).Send(true, framing.TypeBye, bye.Append(nil))
	_ = l.Close()
}

// Watch calls Leave when ctx ends, unless over says then that the delivery is over. A read or
// write that waits on the link ends so. stop, which is to be called once, ends the watch and
// waits for a Leave under way.
func Watch(ctx context.Context, l transfer.Link, over func() bool) (stop func()) {
	left := make(chan struct{})
	unwatch := context.AfterFunc(ctx, func() {
		defer close(left)
		if !over() {
			Leave(l, context.Cause(ctx))
		}
	})
	return func() {
		if !unwatch() {
			<-left
		}
	}
}

// Patient keeps a failed write from ending the delivery before the reader of
// the same link had its chance to find the reason: a goodbye that came before.
func Patient(ctx context.Context, l transfer.Ending, run func() error) func() error {
	return func() error {
		err := run()
		var own *transfer.Error
		if errors.As(err, &own) && own.Code == framing.CodeLost && !own.Remote {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-l.Done():
			}
		}
		return err
	}
}
