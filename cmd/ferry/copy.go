package main

import (
	"errors"
	"slices"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/storage"
	"ferry/transfer/store"
)

// copyAction is what copy does with its command line: at the far end of ssh it is another
// thing than where it was typed.
type copyAction func(c *cli.Context, env *Env, chosen *selectionArgs) error

func copyCommand(env *Env, action copyAction) *cli.Command {
	chosen := &selectionArgs{}
	return &cli.Command{
		Name:      "copy",
		Usage:     "copy files and folders, here or by ssh",
		ArgsUsage: "SRC... DEST",
		Description: "A folder SRC lands as DEST/SRC, and SRC/ as what is in it. DEST is a folder, made if absent. But one file to a DEST that is no folder and ends in no slash gets that name. " +
			"Either side may be [USER@]HOST:PATH, which ssh reaches. PATH is seen from the home there. If ferry is missing there, it offers to bring itself. " +
			"Or it is ferry://HOST/PATH at a ferry serve, where DEST is a folder.",
		Flags:  join(placeFlags("all", "the new item takes its place"), replaceFlags(), backupFlags(true), deleteFlags(), throttleFlags(), sourceFlags(), removeFlags(), metadataFlags(false), chosen.flags(), remoteFlags(), in(aboutConnection, hostKeyFlag()), storeFlags(), outputFlagList()),
		Action: func(c *cli.Context) error { return action(c, env, chosen) },
	}
}

// copyItems copies on this machine, or by ssh if one of its sides is elsewhere.
func copyItems(c *cli.Context, env *Env, chosen *selectionArgs) error {
	there, down, err := serverSides(c.Args().Slice())
	switch {
	case err != nil:
		return err
	case down:
		return copyDown(c, env, chosen, there)
	case there != nil:
		return copyUp(c, env, chosen, there[0])
	case c.IsSet(hostKeyFlagName):
		return usagef("copy", "--%s goes with a side ferry://HOST/PATH", hostKeyFlagName)
	}
	s, err := sidesOf(c.Args().Slice())
	if err != nil {
		return err
	}
	switch {
	case s.to != nil:
		return copyThere(c, env, chosen, s)
	case s.from != nil:
		return copyHere(c, env, chosen, s)
	}
	if err := localOnly(c); err != nil {
		return err
	}
	return copyLocal(c, env, chosen)
}

// copyLocal runs both sides in this process. No offer has to be accepted: one person
// controls both ends.
func copyLocal(c *cli.Context, env *Env, chosen *selectionArgs) error {
	o, err := copyingOf(c, env, chosen)
	if err != nil {
		return err
	}
	args := c.Args().Slice()
	if err := checkSides(args); err != nil {
		return err
	}
	s, err := storesOf(c, env, store.Is(args[len(args)-1]), slices.ContainsFunc(args[:len(args)-1], store.Is))
	if err != nil {
		return err
	}
	defer s.close()
	list, at, err := planCopy(s, args, c.Bool("follow"), o.rules)
	if err != nil {
		return err
	}
	folder := at.folder
	sending, remove, absent, err := o.selected(c, list)
	if err != nil {
		return err
	}
	if absent {
		d := &delivery{ctx: c.Context, env: env, render: newRenderer(env, o.out, false), alone: true, sole: true}
		return d.absent(sending)
	}
	if !c.Bool("dry-run") && at.depot == nil {
		makeWay(env, folder)
	}
	dst, err := destinationOf(c, at, &o.place)
	if err != nil {
		return err
	}
	sums, err := openManifest("copy", c.String("manifest"), at.here(), list)
	if err != nil {
		return errors.Join(err, dst.Close())
	}
	d := &delivery{ctx: c.Context, env: env, render: newRenderer(env, o.out, false), alone: true, sole: true, place: folder, strict: c.Bool("strict"), unsynced: c.Bool("no-sync"), rules: o.rules, escapes: escapesNames(c)}
	s.show(d.render)
	d.manifest.Store(sums)
	if sums != nil {
		o.place.Observer = sums
	}
	d.missing(list.missing)
	if remove != nil {
		remove.Keep = sums.keeps
	}
	if remove != nil && len(list.missing) > 0 {
		remove = nil
		d.Observe(transfer.Notice{Path: folder, Err: errNothingDeleted})
	}
	defer o.throttle.follow(c.Context, d.render)()
	sending.Observer = oneSided{d}
	result, err := local.Copy(c.Context, local.Options{Send: sending, Receive: o.place, Delete: remove})
	err = refusedDeletion(err, sending.DryRun)
	if cerr := closeFolder(dst); err == nil {
		err = cerr
	}
	return d.finish(result, ownError(err), len(list.missing))
}

// destinationOf opens DEST, or for a dry run looks at it, and puts it into opt.
func destinationOf(c *cli.Context, at copyPlace, opt *receive.Options) (dst storage.Destination, err error) {
	backups, dry := "", c.Bool("dry-run")
	if b := opt.Backup; b != nil {
		b.Folder = backupFolder(at.folder, b.Folder)
		backups = b.Folder
	}
	if dry {
		if err := dryRunWithout("copy", c.IsSet("manifest")); err != nil {
			return nil, err
		}
	}
	options := folderOptions(c, backups)
	switch {
	case at.depot != nil:
		if dst, err = at.depot.destination(options, dry); err != nil {
			return nil, err
		}
	case dry:
		dst, err = local.NewRehearsal(at.folder, options)
	default:
		dst, err = local.NewFolder(at.folder, options)
	}
	if err != nil {
		return nil, &exitError{exit: exitDestination, err: err}
	}
	if dry {
		opt.Rehearse = func() (storage.Destination, error) { return dst, nil }
	} else {
		opt.Destination = dst
	}
	return dst, nil
}

// oneSided passes on the events of a copy, where both sides are here: it removes the
// mark that a failure happened at the other side.
type oneSided struct{ to transfer.Observer }

func (o oneSided) Observe(e transfer.Event) {
	switch f := e.(type) {
	case transfer.ItemFailed:
		if f.Err.Remote {
			own := *f.Err
			own.Remote = false
			f.Err = &own
			e = f
		}
	case transfer.ItemWarned:
		f.Remote = false
		e = f
	}
	o.to.Observe(e)
}

// ownError does for the final error what oneSided does for events.
func ownError(err error) error {
	var remote *transfer.Error
	if errors.As(err, &remote) && remote.Remote {
		own := *remote
		own.Remote = false
		return &own
	}
	return err
}
