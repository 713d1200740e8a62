package local

import (
	"cmp"
	"context"
	"errors"

	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
)

// Options say what to copy, to where, and what to remove there.
type Options struct {
	Send    send.Options
	Receive receive.Options
	Delete  *Delete // nil removes nothing
}

// Copy runs a sender and a receiver in this process: the same walk, plan and publication as
// between two machines. Content is handed over as it was read, and everything else by the
// protocol over memory. Compression, streams and what a link may have are of no effect.
// It returns what the sender knows at the end, receipt included. Send.Observer is told
// the events, and of the receiver's those that no sender can tell; Receive.Observer, if there
// is one, is told all of the receiver's. After a
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
	del.goFirst(s.Remove, dst)
	if s.Observer != nil {
		r.Observer = remarks{to: s.Observer, beside: r.Observer}
	}
	from, to, err := within()
	if err != nil {
		return transfer.Result{}, failure.Link("joining both ends", err)
	}

	type end struct {
		transfer.Result
		error
	}
	received := make(chan end, 1)
	go func() {
		res, err := receive.Receive(ctx, to, r)
		received <- end{res, err}
	}()
	result, err := send.Send(ctx, from, s)
	there := <-received
	rerr := there.error
	result.Wire, result.Streams = 0, 0 // nothing left this process
	// A deletion that came before the sources went has counted already.
	result.Unsynced, result.Backups = cmp.Or(there.Unsynced, result.Unsynced), there.Backups+result.Backups
	result.Lost = append(result.Lost, ofWhatStood(there.Lost)...)
	// Each side names the other's failure as remote: the one that had it says more.
	var own *transfer.Error
	if rerr != nil && !errors.Is(rerr, transfer.ErrIncomplete) && (err == nil || errors.As(err, &own) && own.Remote) {
		err = rerr
	}
	err = del.end(ctx, dst, &result, err)
	return result, err
}

// remarks passes on what only the side with the destination can tell, and everything beside.
type remarks struct {
	to     transfer.Observer
	beside transfer.Observer // may be nil
}

func (r remarks) Observe(e transfer.Event) {
	if r.beside != nil {
		r.beside.Observe(e)
	}
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
