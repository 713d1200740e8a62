package deliverytest

import (
	"errors"
	"slices"
	"testing"

	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// Mirror copies with Delete and returns what it deleted.
func Mirror(t *testing.T, dst string, sources []send.Source, prepare func(*local.Options)) (saw *Recorder, deleted []string, r transfer.Result, err error) {
	t.Helper()
	saw = new(Recorder)
	o := local.Options{
		Send:    send.Options{Sources: sources, Observer: saw},
		Receive: receive.Options{OnConflict: transfer.ConflictOverwrite, Links: transfer.LinksAll},
		Delete:  &local.Delete{Max: 1000},
	}
	if prepare != nil {
		prepare(&o)
	}
	if !o.Send.DryRun && o.Receive.Destination == nil {
		d, err := local.NewFolder(dst, local.FolderOptions{})
		Must(t, err)
		defer func() { Must(t, d.Close()) }()
		o.Receive.Destination = d
	}
	r, err = copyOver(t, t.Context(), o)
	for _, d := range Find[transfer.ItemDeleted](saw) {
		deleted = append(deleted, d.Path)
	}
	slices.Sort(deleted)
	count := int64(len(deleted))
	if errors.Is(err, local.ErrTooManyDeletions) {
		count = 0 // a dry run names them all the same
	}
	if r.Deleted != count {
		t.Errorf("%d are counted, deleted were %q", r.Deleted, deleted)
	}
	return saw, deleted, r, err
}

// DryMirror makes a mirror a dry run.
func DryMirror(t *testing.T, dst string) func(*local.Options) {
	return func(o *local.Options) {
		Rehearsed(t, dst)(&o.Send, &o.Receive, nil)
	}
}

// ObeyIgnoreFiles has a copy leave out what the ignore files in its source name.
func ObeyIgnoreFiles(o *local.Options) {
	o.Send.Select.Rules, o.Send.Select.IgnoreFile = tree.RulesOf((*filter.List)(nil)), filter.IgnoreFile
}
