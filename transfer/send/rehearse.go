package send

import (
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/tree"
)

// try opens and closes a file as a delivery would, in a dry run, and returns why it cannot
// be sent. Streams are not tried: to open one may wait, and may take what another reader
// is to get. Of what is away the walk has found out more.
func (a *announcer) try(it *tree.Item) *trial {
	if !a.opt.DryRun || it.Away != nil {
		return nil
	}
	switch it.Kind {
	case tree.File:
		f, _, err := it.Open()
		if err == nil {
			_ = f.Close() // nothing was read or written
			return nil
		}
		t := &trial{err: failure.Source("opening", it.Display, err)}
		if it.Linked {
			a.trials[it.ID] = t
		}
		return t
	case tree.HardLink:
		if first := a.trials[it.LinkTo]; first != nil {
			return &trial{of: first, err: &transfer.Error{Op: "linking", Path: it.Display, Code: first.err.Code, Err: failure.ErrTarget}}
		}
	}
	return nil
}
