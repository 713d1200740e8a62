package send

import (
	"context"
	"errors"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/tree"
)

// ErrNothingSelected is returned by Send, wrapped and before anything is offered,
// when Options.Select leaves out all there is: a delivery of nothing that
// succeeds would hide a wrong pattern.
var ErrNothingSelected = errors.New("the selection leaves out everything")

// NothingSelected reports that Send would fail with ErrNothingSelected, for a
// caller that wants to know before there is a link. It looks no further than the
// first item that is selected. A named folder is sent even if all that is in it is left
// out. The contents of a folder count as selected if the folder is empty, and a folder that
// cannot be read counts too, since it is told as a failure.
func NothingSelected(ctx context.Context, o Options) (bool, error) {
	if o.Select.IsZero() {
		return false, nil
	}
	nothing := false
	err := lookAt(o, func(w *tree.Walk) (err error) {
		nothing, err = w.SelectsNothing(ctx)
		return err
	})
	return nothing, err
}

// Unlisted calls report for each path of Options.Select.List that is not there,
// without a link. It is for a caller that was told NothingSelected: if nothing is
// reported, the rules leave out what is listed.
func Unlisted(ctx context.Context, o Options, report func(transfer.ItemFailed)) error {
	return lookAt(o, func(w *tree.Walk) error {
		w.Problem = func(display string, err error) {
			report(transfer.ItemFailed{Path: display, Err: failure.Source("looking for", display, err)})
		}
		return w.Run(ctx, func(*tree.Item) error { return nil })
	})
}

// lookAt calls look with the walk that Send would do, but not if a source is a
// stream.
func lookAt(o Options, look func(*tree.Walk) error) error {
	dirs := tree.NewDirs(flow.MayOpen(flow.OpenFolders, 8))
	defer dirs.Close() // only read handles: nothing is lost if one does not close
	w := tree.Walk{Dirs: dirs, Follow: o.Follow, Select: o.Select, Bare: true}
	for _, src := range o.Sources {
		if src.Reader != nil {
			return nil
		}
		w.Sources = append(w.Sources, src.Source)
	}
	return look(&w)
}

// checkSelection keeps an empty selection from being offered.
func checkSelection(ctx context.Context, o *Options) error {
	nothing, err := NothingSelected(ctx, *o)
	if err == nil && nothing {
		err = &transfer.Error{Op: "selecting", Code: framing.CodeGaveUp, Err: ErrNothingSelected}
	}
	return err
}
