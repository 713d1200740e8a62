package serve

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"ferry/transfer/dest"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Disk is a Root in the file system.
type Disk struct {
	path string // absolute
	self os.FileInfo
	opts dest.Options
}

// DiskOptions say how a Disk keeps what lands in it.
type DiskOptions struct {
	NoSync     bool // nothing is synced: a power cut may lose what is there
	VerifyDisk bool // everything is read back, past the page cache where possible
}

// OpenDisk opens the folder at path as a root, and makes it if it is absent.
func OpenDisk(path string, o DiskOptions) (*Disk, error) {
	f, err := dest.Open(path, dest.Options{})
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, err
	}
	d := &Disk{opts: dest.Options{NoSync: o.NoSync, VerifyDisk: o.VerifyDisk, Guest: true}}
	if d.path, err = filepath.Abs(path); err == nil {
		d.self, err = os.Stat(d.path)
	}
	return d, err
}

// Place is Root's.
func (d *Disk) Place() string { return d.path }

// Check is Root's. The file system says it in each case.
func (d *Disk) Check([]string) error { return nil }

// present fails if the root is not what it was: another disk, or none, is mounted there.
func (d *Disk) present() error {
	now, err := os.Stat(d.path)
	if err == nil && !os.SameFile(now, d.self) {
		err = storage.ErrGone
	}
	if err != nil {
		return &storage.Error{Kind: storage.Gone, Op: "opening", Err: err}
	}
	return nil
}

// Destination is Root's.
func (d *Disk) Destination(_ context.Context, path []string, owner string) (storage.Destination, error) {
	if err := d.present(); err != nil {
		return nil, err
	}
	o := d.opts
	o.Below, o.Owner = below(path, []string{}), owner
	f, err := dest.Open(d.path, o)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Rehearsal is Root's.
func (d *Disk) Rehearsal(_ context.Context, path []string) (storage.Destination, error) {
	if err := d.present(); err != nil {
		return nil, err
	}
	r, err := dest.Rehearse(d.path, dest.Options{Below: below(path, []string{}), Guest: true})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Sources is Root's. No link on the way to what is wished for is followed.
func (d *Disk) Sources(_ context.Context, wishes []Wish, o *send.Options) error {
	if err := d.present(); err != nil {
		return err
	}
	for _, w := range wishes {
		at := text(w.Path)
		s := tree.Source{Path: w.Asked, Contents: w.Contents, Within: &tree.Within{Root: d.path, Path: at}}
		if !w.Contents {
			s.Name = path.Base(at)
		}
		o.Sources = append(o.Sources, send.Source{Source: s})
	}
	return nil
}

// Usage is Root's. Files of several names count once for each, and holes count as bytes.
func (d *Disk) Usage(ctx context.Context, path []string) (u Usage, err error) {
	if err := d.present(); err != nil {
		return u, err
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return u, err
	}
	defer root.Close() // only read
	c := counting{ctx: ctx, usage: &u}
	return u, c.folder(root, path)
}

// counting adds up what is below a folder. It follows no link.
type counting struct {
	ctx   context.Context
	usage *Usage
}

// folder goes to the folder at path in r, and counts it; nothing there is nothing.
func (c counting) folder(r *os.Root, path []string) error {
	for _, name := range path {
		sub, err := enter(r, name)
		if errors.Is(err, fs.ErrNotExist) || sub == nil && err == nil {
			return nil
		}
		if err != nil {
			return err
		}
		defer sub.Close() // only read
		r = sub
	}
	return c.all(r, false)
}

// enter opens a folder in r; nil is what is no folder.
func enter(r *os.Root, name string) (*os.Root, error) {
	before, err := r.Lstat(name)
	if err != nil || !before.IsDir() {
		return nil, err
	}
	sub, err := r.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	if now, err := sub.Stat("."); err != nil || !os.SameFile(before, now) {
		return nil, errors.Join(err, sub.Close()) // a link took its place
	}
	return sub, nil
}

// all counts what is in r; unfinished says that it is a state folder.
func (c counting) all(r *os.Root, unfinished bool) error {
	list, err := r.Open(".")
	if err != nil {
		return err
	}
	defer list.Close() // only read
	for {
		items, err := list.ReadDir(256)
		for _, item := range items {
			if c.ctx.Err() != nil {
				return context.Cause(c.ctx)
			}
			if err := c.item(r, item, unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if len(items) == 0 || err != nil {
			return nil // the end
		}
	}
}

func (c counting) item(r *os.Root, item fs.DirEntry, unfinished bool) error {
	if item.IsDir() {
		sub, err := enter(r, item.Name())
		if err != nil || sub == nil {
			return err
		}
		defer sub.Close() // only read
		return c.all(sub, unfinished || tree.IsStateName(item.Name()))
	}
	if !item.Type().IsRegular() {
		return nil
	}
	info, err := item.Info()
	switch {
	case err != nil:
		return err
	case unfinished:
		c.usage.Partial += allocated(info)
	default:
		c.usage.Files += info.Size()
	}
	return nil
}
