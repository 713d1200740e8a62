package main

import (
	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// copying is what the flags of copy say, whichever of its sides are here.
type copying struct {
	out       outputFlags
	place     receive.Options // of the side with DEST
	throttle  *throttle
	selection tree.Selection
	rules     *filter.List // nil without any
	metadata  tree.Metadata
	remove    *send.Removal
}

// copyingOf reads the flags.
func copyingOf(c *cli.Context, env *Env, chosen *selectionArgs) (o *copying, err error) {
	o = &copying{}
	if o.out, err = outputOf(c); err != nil {
		return nil, err
	}
	if o.place, err = placeOf(c); err != nil {
		return nil, err
	}
	if !c.IsSet("on-conflict") {
		o.place.OnConflict = transfer.ConflictOverwrite
	}
	if err = replacingOf(c, env, &o.place); err != nil {
		return nil, err
	}
	if o.throttle, err = throttleOf(c); err != nil {
		return nil, err
	}
	if o.selection, o.rules, err = chosen.selection(c, env); err != nil {
		return nil, err
	}
	if o.metadata, err = metadataOf(c); err != nil {
		return nil, err
	}
	o.place.Metadata = o.metadata
	o.remove, err = removalOf(c)
	return o, err
}

// sending are the options of the side with the sources.
func (o *copying) sending(c *cli.Context, list *sourceList) send.Options {
	s := sendOptions(c, list, o.selection, o.metadata, o.throttle)
	s.Remove = o.remove
	return s
}

// selected is those options, checked against what the sources are, and what is to be deleted
// beside their copies. absent says that all of a list of files is absent.
func (o *copying) selected(c *cli.Context, list *sourceList) (s send.Options, remove *local.Delete, absent bool, err error) {
	s = o.sending(c, list)
	if absent, err = list.selects(c.Context, "copy", s); err != nil {
		return s, nil, absent, err
	}
	if remove, err = deleteOf(c); err == nil && remove != nil {
		err = list.canDelete(c.Bool("follow"))
	}
	return s, remove, absent, err
}
