package transfer

import (
	"cmp"
	"context"
	"errors"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// CopyOptions say what to copy, to where, and what to remove there.
type CopyOptions struct {
	Send    SendOptions
	Receive ReceiveOptions
	Delete  *Delete // nil removes nothing
}

// Copy runs a sender and a receiver in this process, over TCP on the loopback
// interface: the same protocol, proof and encryption as between two machines.
// It returns what the sender knows at the end, receipt included. Send.Observer is told
// the events; Receive.Observer, if there is one, the receiver's beside them. After a
// success it deletes what Delete asks for; what could not be deleted is in the result
// like what was not delivered.
func Copy(ctx context.Context, o CopyOptions) (Result, error) {
	s, r := o.Send, o.Receive
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.ownSkips, s.unasked = true, true
	var del *deletion
	if o.Delete != nil {
		var err error
		if del, err = newDeletion(s, *o.Delete); err != nil {
			return Result{}, err
		}
		defer del.close()
	}
	dst := r.Destination
	if rehearse := r.Rehearse; s.DryRun && rehearse != nil {
		r.Rehearse = func() (storage.Rehearsal, error) {
			h, err := rehearse()
			if dst = h; err == nil {
				del.makeWay(h, r.OnConflict)
			}
			return h, err
		}
	} else {
		del.makeWay(dst, r.OnConflict)
	}
	code, err := link.GenerateCode()
	if err != nil {
		return Result{}, linkError("making a code", err)
	}
	listener, err := link.Listen(ctx, "127.0.0.1:0", link.Config{Role: link.Receiver, Code: code, Capabilities: s.Compress.Capabilities()})
	if err != nil {
		return Result{}, linkError("listening on loopback", cmp.Or(errors.Unwrap(err), err)) // the step is said once
	}
	defer listener.Close() // the links are closed before

	type end struct {
		Result
		error
	}
	received := make(chan end, 1)
	go func() {
		l, err := listener.Accept(ctx)
		if err != nil {
			received <- end{error: linkError("accepting", err)}
			return
		}
		if r.Observer == nil && s.Observer != nil {
			r.Observer = remarks{s.Observer}
		}
		res, err := Receive(ctx, l, r)
		received <- end{res, err}
	}()
	l, err := link.Dial(ctx, listener.Addr().String(), link.Config{Role: link.Sender, Code: code, Capabilities: s.Compress.Capabilities()}, 0)
	if err != nil {
		cancel()
		<-received
		if few := tree.FewOpen(); few != nil {
			return Result{}, &Error{Op: "dialling on loopback:", Code: framing.CodeIO, Err: few} // at which end, err does not say
		}
		return Result{}, linkError("dialling on loopback", err)
	}
	result, err := Send(ctx, l, s)
	there := <-received
	rerr := there.error
	result.Unsynced = there.Unsynced
	result.Lost = append(result.Lost, ofWhatStood(there.Lost)...)
	// Each side names the other's failure as remote: the one that had it says more.
	var own *Error
	if rerr != nil && !errors.Is(rerr, ErrIncomplete) && (err == nil || errors.As(err, &own) && own.Remote) {
		err = rerr
	}
	if err == nil && del != nil {
		err = del.run(ctx, dst, &result)
	}
	del.tellKept(dst)
	return result, err
}

// remarks passes on what only the side with the destination can tell.
type remarks struct{ to Observer }

func (r remarks) Observe(e Event) {
	switch e := e.(type) {
	case Notice:
		if e.Stays {
			r.to.Observe(e)
		}
	case ItemWarned:
		if e.Stood() {
			r.to.Observe(e)
		}
	}
}
