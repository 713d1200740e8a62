package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
)

func copyCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "copy",
		Usage:     "copy files and folders on this machine",
		ArgsUsage: "SRC... DEST",
		Description: "A folder SRC lands as DEST/SRC, and SRC/ as what is in it. DEST is a folder, made if\n" +
			"absent; but one file to a DEST that is no folder and ends in no slash gets that name.",
		Flags:  join(placeFlags("all", "overwrite"), sourceFlags(), outputFlagList()),
		Action: func(c *cli.Context) error { return copyLocal(c, env) },
	}
}

// copyLocal runs both sides in this process. Nobody has to accept: who gives the
// command owns both ends.
func copyLocal(c *cli.Context, env *Env) error {
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
	list, folder, err := planCopy(c.Args().Slice(), c.Bool("follow"))
	if err != nil {
		return err
	}
	dst, err := transfer.NewFolder(folder, folderOptions(c))
	if err != nil {
		return &exitError{exit: exitDestination, err: err}
	}
	sums, err := openManifest("copy", c.String("manifest"), folder, list)
	if err != nil {
		return errors.Join(err, dst.Close())
	}
	d := &delivery{ctx: c.Context, env: env, render: newRenderer(env, out, false), alone: true}
	d.manifest.Store(sums)
	d.missing(list.missing)
	opt.Destination = dst
	result, err := transfer.Copy(c.Context, transfer.SendOptions{
		Sources:      list.sources,
		Checksum:     c.Bool("checksum"),
		AllowChanged: c.Bool("allow-changed"),
		Follow:       c.Bool("follow"),
		Observer:     oneSided{d},
	}, opt)
	if cerr := closeFolder(dst); err == nil {
		err = cerr
	}
	return d.finish(result, ownError(err), len(list.missing))
}

// oneSided passes on the events of a delivery that has both its sides here, so
// that no failure is that of an other side.
type oneSided struct{ to transfer.Observer }

func (o oneSided) Observe(e transfer.Event) {
	if f, ok := e.(transfer.ItemFailed); ok && f.Err.Remote {
		own := *f.Err
		own.Remote = false
		f.Err = &own
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
func planCopy(args []string, follow bool) (*sourceList, string, error) {
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
	list := &sourceList{}
	for _, p := range sources {
		if err := list.add("copy", p, follow, meansContents(p)); err != nil {
			return nil, "", err
		}
	}
	if err := list.check("copy"); err != nil {
		return nil, "", err
	}
	if err := list.checkInside(dest, follow); err != nil {
		return nil, "", err
	}
	info, err := os.Stat(filepath.Clean(dest)) // a file is there, even if named with a slash
	switch {
	case err == nil && info.IsDir():
		return list, dest, nil
	case len(sources) == 1 && !list.folder && !endsInSlash(dest):
		list.sources[0].Name = filepath.Base(dest)
		return list, filepath.Dir(dest), nil
	case err == nil:
		return nil, "", usagef("copy", "%s is no folder: only one file can be copied to it", dest)
	}
	return list, dest, nil
}

// meansContents reports whether a folder named so stands for what is in it: it
// ends in a slash, or in "." or "..", which are no names.
func meansContents(path string) bool {
	if endsInSlash(path) {
		return true
	}
	base := filepath.Base(path)
	return base == "." || base == ".."
}
