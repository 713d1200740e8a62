package local

import (
	"cmp"
	"context"
	"errors"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/link"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Options say what to copy, to where, and what to remove there.
type Options struct {
	Send    send.Options
	Receive receive.Options
	Delete  *Delete // nil removes nothing
}

// Copy runs a sender and a receiver in this process, over TCP on the loopback
// interface: the same protocol, proof and encryption as between two machines.
// It returns what the sender knows at the end, receipt included. Send.Observer is told
// the events; Receive.Observer, if there is one, the receiver's beside them. After a
// success it deletes what Delete asks for; what could not be deleted is in the result
// like what was not delivered.
func Copy(ctx context.Context, o Options) (transfer.Result, error) {
	s, r := o.Send, o.Receive
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.OwnSkips, s.Unasked = true, true
	var del *deletion
	if o.Delete != nil {
		var err error
		if del, err = newDeletion(s, *o.Delete, r.Backup); err != nil {
			return transfer.Result{}, err
		}
		defer del.close()
	}
	dst := r.Destination
	if rehearse := r.Rehearse; s.DryRun && rehearse != nil {
		r.Rehearse = func() (storage.Destination, error) {
			h, err := rehearse()
			if dst = h; err == nil {
				del.makeWay(h, r.OnConflict)
			}
			return h, err
		}
	} else {
		del.makeWay(dst, r.OnConflict)
	}
	place := newOwn(&r)
	defer place.close()
	s.Remove = place.spared(s.Remove)
	code, err := link.GenerateCode()
	if err != nil {
		return transfer.Result{}, failure.Link("making a code", err)
	}
	listener, err := link.Listen(ctx, "127.0.0.1:0", link.Config{Role: link.Receiver, Code: code, Capabilities: s.Compress.Capabilities() | framing.CapWide})
	if err != nil {
		return transfer.Result{}, failure.Link("listening on loopback", cmp.Or(errors.Unwrap(err), err)) // the step is said once
	}
	defer listener.Close() // the links are closed before

	type end struct {
		transfer.Result
		error
	}
	received := make(chan end, 1)
	go func() {
		l, err := listener.Accept(ctx)
		if err != nil {
			received <- end{error: failure.Link("accepting", err)}
			return
		}
		if r.Observer == nil && s.Observer != nil {
			r.Observer = remarks{s.Observer}
		}
		res, err := receive.Receive(ctx, l, r)
		received <- end{res, err}
	}()
	l, err := link.Dial(ctx, listener.Addr().String(), link.Config{Role: link.Sender, Code: code, Capabilities: s.Compress.Capabilities() | framing.CapWide}, 0)
	if err != nil {
		cancel()
		<-received
		if few := tree.FewOpen(); few != nil {
			return transfer.Result{}, &transfer.Error{Op: "dialling on loopback:", Code: framing.CodeIO, Err: few} // at which end, err does not say
		}
		return transfer.Result{}, failure.Link("dialling on loopback", err)
	}
	result, err := send.Send(ctx, l, s)
	there := <-received
	rerr := there.error
	result.Unsynced, result.Backups = there.Unsynced, there.Backups
	result.Lost = append(result.Lost, ofWhatStood(there.Lost)...)
	// Each side names the other's failure as remote: the one that had it says more.
	var own *transfer.Error
	if rerr != nil && !errors.Is(rerr, transfer.ErrIncomplete) && (err == nil || errors.As(err, &own) && own.Remote) {
		err = rerr
	}
	if err == nil && del != nil {
		err = del.run(ctx, dst, &result)
	}
	del.tellKept(dst)
	return result, err
}

// remarks passes on what only the side with the destination can tell.
type remarks struct{ to transfer.Observer }

func (r remarks) Observe(e transfer.Event) {
	switch e := e.(type) {
	case transfer.Notice:
		if e.Stays {
			r.to.Observe(e)
		}
	case transfer.ItemKept:
		r.to.Observe(e)
	case transfer.ItemWarned:
		if e.Stood() {
			r.to.Observe(e)
		}
	}
}

func ofWhatStood(lost []transfer.Loss) (found []transfer.Loss) {
	for _, l := range lost {
		if l.Stood() {
			found = append(found, l)
		}
	}
	return found
}
