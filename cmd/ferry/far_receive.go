package main

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"ferry/cmd/ferry/confine"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/receive"
	"ferry/transfer/storage"
)

// target is where a copy from or to elsewhere lands, at the side that has DEST.
type target struct {
	*landing
	name string // that the one item gets; "" is its own
}

// targetOf plans the place for a copy to dest, and completes o. single says that what comes
// is one item, and no folder. Nothing is made yet.
func targetOf(c *cli.Context, dest string, single bool, o *receive.Options) (*target, error) {
	folder, name, err := placeFor(dest, single)
	if err != nil {
		return nil, err
	}
	backups := ""
	if b := o.Backup; b != nil {
		b.Folder = backupFolder(folder, b.Folder)
		backups = b.Folder
	}
	t := &target{name: name, landing: &landing{path: folder, named: true, options: folderOptions(c, backups)}}
	remove, err := deleteOf(c)
	if err != nil {
		return nil, err
	}
	if remove != nil {
		o.Mirror = &storage.Mirror{Max: remove.Max, All: remove.All, Keep: func(path string) bool { return t.list.keeps(path) }}
	}
	o.Rehearse = t.rehearse
	o.Land = func(transfer.Offer) (string, error) { return t.name, nil }
	o.Open = func() (storage.Destination, error) {
		err := t.open()
		return t.folder, err
	}
	return t, nil
}

// receive follows an order to take what the near end sends.
func (f *farEnd) receive(c *cli.Context, chosen *selectionArgs) (err error) {
	o, err := copyingOf(c, f.env, chosen)
	if err != nil {
		return err
	}
	if c.NArg() != 1 {
		return usagef("copy", "one DEST is taken, and %d came", c.NArg())
	}
	t, err := targetOf(c, c.Args().First(), f.order.Single, &o.place)
	if err != nil {
		return err
	}
	open := o.place.Open
	o.place.Open = func() (storage.Destination, error) {
		folder, err := open()
		return folder, named(err)
	}
	ctx, end := context.WithCancelCause(c.Context)
	defer end(nil)
	place, err := resolved(t.path)
	if err != nil {
		place = t.path
	}
	l, err := f.meet(ctx, c, link.Receiver, o.throttle.compress.Capabilities(), reply{}, place, end)
	if err != nil {
		return err
	}
	defer l.close() // behind the locks
	o.place.Streams, _ = parseStreams(c.String("streams"))
	o.place.Begin = func() error {
		f.confine(t.landing, o, l)
		return nil
	}
	err = l.beside(ctx, func(ctx context.Context, l *link.Link) (transfer.Result, error) {
		return receive.Receive(ctx, l, o.place)
	})
	return t.end(err)
}

// named is an error whose text names the place. What goes over a link names none else: the
// near end knows the place only as DEST.
func named(err error) error {
	var failed *transfer.Error
	if !errors.As(err, &failed) {
		return err
	}
	return &transfer.Error{Code: failed.Code, Err: errors.New(err.Error())}
}

// confine gives up the rights that the delivery does not need.
func (f *farEnd) confine(place *landing, o *copying, l *farLink) {
	if f.env.Confine == nil {
		return
	}
	limits := &confinement{landing: place, way: l, throttle: o.throttle, metadata: o.metadata}
	_, _ = f.env.Confine(limits.needs()) // a system without such means delivers all the same
}

// needs adds what the way to the near end goes by: any port, if it may leave ssh. The socket
// of a delivery that waits is removed at its end.
func (l *farLink) needs(s *confine.Set) {
	if !l.stays {
		s.AnyPort = true
		s.Reads = append(s.Reads, "/proc/sys/net/ipv4", "/proc/sys/net/core")
	}
	if l.folder != "" {
		s.Renames = append(s.Renames, l.folder)
	}
}
