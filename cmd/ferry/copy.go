package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

func copyCommand(env *Env) *cli.Command {
	chosen := &selectionArgs{}
	return &cli.Command{
		Name:        "copy",
		Usage:       "copy files and folders on this machine",
		ArgsUsage:   "SRC... DEST",
		Description: "A folder SRC lands as DEST/SRC, and SRC/ as what is in it. DEST is a folder, made if absent. But one file to a DEST that is no folder and ends in no slash gets that name.",
		Flags:       join(placeFlags("all", "the new item takes its place"), replaceFlags(), backupFlags(true), deleteFlags(), throttleFlags(), sourceFlags(), removeFlags(), metadataFlags(false), chosen.flags(), outputFlagList()),
		Action:      func(c *cli.Context) error { return copyLocal(c, env, chosen) },
	}
}

// copyLocal runs both sides in this process. No offer has to be accepted: one person
// controls both ends.
func copyLocal(c *cli.Context, env *Env, chosen *selectionArgs) error {
	out, err := outputOf(c)
	if err != nil {
		return err
	}
	opt, err := placeOf(c)
	if err != nil {
		return err
	}
	if !c.IsSet("on-conflict") {
		opt.OnConflict = transfer.ConflictOverwrite
	}
	if err := replacingOf(c, env, &opt); err != nil {
		return err
	}
	throttle, err := throttleOf(c)
	if err != nil {
		return err
	}
	selection, rules, err := chosen.selection(c, env)
	if err != nil {
		return err
	}
	list, folder, err := planCopy(c.Args().Slice(), c.Bool("follow"), rules)
	if err != nil {
		return err
	}
	if opt.Metadata, err = metadataOf(c); err != nil {
		return err
	}
	sending := sendOptions(c, list, selection, opt.Metadata, throttle)
	if sending.Remove, err = removalOf(c); err != nil {
		return err
	}
	absent, err := list.selects(c.Context, "copy", sending)
	if err != nil {
		return err
	}
	remove, err := deleteOf(c, list)
	if err != nil {
		return err
	}
	if absent {
		d := &delivery{ctx: c.Context, env: env, render: newRenderer(env, out, false), alone: true}
		return d.absent(sending)
	}
	dst, err := destinationOf(c, folder, &opt)
	if err != nil {
		return err
	}
	sums, err := openManifest("copy", c.String("manifest"), folder, list)
	if err != nil {
		return errors.Join(err, dst.Close())
	}
	d := &delivery{ctx: c.Context, env: env, render: newRenderer(env, out, false), alone: true, place: folder, strict: c.Bool("strict"), unsynced: c.Bool("no-sync"), rules: rules}
	d.manifest.Store(sums)
	if sums != nil {
		opt.Observer = sums
	}
	d.missing(list.missing)
	if remove != nil {
		remove.Keep = sums.keeps
	}
	if remove != nil && len(list.missing) > 0 {
		remove = nil
		d.Observe(transfer.Notice{Path: folder, Err: errNothingDeleted})
	}
	defer throttle.follow(c.Context, d.render)()
	sending.Observer = oneSided{d}
	result, err := local.Copy(c.Context, local.Options{Send: sending, Receive: opt, Delete: remove})
	err = refusedDeletion(err, sending.DryRun)
	if cerr := closeFolder(dst); err == nil {
		err = cerr
	}
	return d.finish(result, ownError(err), len(list.missing))
}

// destinationOf opens DEST, or for a dry run looks at it, and puts it into opt.
func destinationOf(c *cli.Context, folder string, opt *receive.Options) (dst storage.Destination, err error) {
	backups := ""
	if b := opt.Backup; b != nil {
		b.Folder = backupFolder(folder, b.Folder)
		backups = b.Folder
	}
	if !c.Bool("dry-run") {
		dst, err = local.NewFolder(folder, folderOptions(c, backups))
		opt.Destination = dst
	} else if err = dryRunWithout("copy", c.IsSet("manifest")); err != nil {
		return nil, err
	} else {
		var r storage.Destination
		r, err = local.NewRehearsal(folder)
		opt.Rehearse = func() (storage.Destination, error) { return r, nil }
		dst = r
	}
	if err != nil {
		return nil, &exitError{exit: exitDestination, err: err}
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

// planCopy reads SRC... DEST as rsync does. It returns the sources under the
// names they will get, and the folder that they land in.
func planCopy(args []string, follow bool, rules *filter.List) (*sourceList, string, error) {
	if len(args) < 2 {
		return nil, "", usagef("copy", "copy needs SRC... DEST")
	}
	sources, dest := args[:len(args)-1], args[len(args)-1]
	if slices.Contains(args, "-") {
		return nil, "", usagef("copy", "copy knows no standard input or output; a file of that name is ./-")
	}
	if dest == "" {
		return nil, "", usagef("copy", "an empty DEST names nothing")
	}
	for _, p := range sources {
		if err := refuseRemote("copy", "SRC", p); err != nil {
			return nil, "", err
		}
	}
	if err := refuseRemote("copy", "DEST", dest); err != nil {
		return nil, "", err
	}
	list := &sourceList{}
	for _, p := range sources {
		if err := list.add("copy", p, follow, meansContents(p)); err != nil {
			return nil, "", err
		}
	}
	if err := list.check("copy", rules); err != nil {
		return nil, "", err
	}
	if err := list.checkInside(dest, follow, rules); err != nil {
		return nil, "", err
	}
	info, err := os.Stat(filepath.Clean(dest)) // a file is there, even if named with a slash
	switch {
	case err == nil && info.IsDir():
		return list, dest, nil
	case len(sources) == 1 && !list.folder && !endsInSlash(dest):
		name := filepath.Base(dest)
		if err := tree.CheckName(name); err != nil {
			return nil, "", usagef("copy", "DEST %s: %v", dest, err)
		}
		list.sources[0].Name = name
		return list, filepath.Dir(dest), nil
	case err == nil:
		return nil, "", usagef("copy", "%s is no folder: only one file can be copied to it", dest)
	}
	return list, dest, nil
}

// meansContents reports whether a path stands for the content of its folder: it ends
// in a slash, or in "." or "..", which are no names.
func meansContents(path string) bool {
	if endsInSlash(path) {
		return true
	}
	base := filepath.Base(path)
	return base == "." || base == ".."
}
