package transfer

import (
	"context"
	"errors"

	"ferry/transfer/link"
)

// Copy runs a sender and a receiver in this process, over TCP on the loopback
// interface: the same protocol, proof and encryption as between two machines.
// It returns what the sender knows at the end, receipt included. Only
// s.Observer is told of events.
func Copy(ctx context.Context, s SendOptions, r ReceiveOptions) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	code, err := link.GenerateCode()
	if err != nil {
		return Result{}, linkError("making a code", err)
	}
	listener, err := link.Listen(ctx, "127.0.0.1:0", link.Config{Role: link.Receiver, Code: code})
	if err != nil {
		return Result{}, linkError("listening on loopback", err)
	}
	defer listener.Close() // the links are closed before

	received := make(chan error, 1)
	go func() {
		l, err := listener.Accept(ctx)
		if err != nil {
			received <- linkError("accepting", err)
			return
		}
		_, err = Receive(ctx, l, r)
		received <- err
	}()
	l, err := link.Dial(ctx, listener.Addr().String(), link.Config{Role: link.Sender, Code: code}, 0)
	if err != nil {
		cancel()
		<-received
		return Result{}, linkError("dialling on loopback", err)
	}
	result, err := Send(ctx, l, s)
	rerr := <-received
	// Each side names the other's failure as remote: the one that had it says more.
	var own *Error
	if rerr != nil && !errors.Is(rerr, ErrIncomplete) && (err == nil || errors.As(err, &own) && own.Remote) {
		err = rerr
	}
	return result, err
}
