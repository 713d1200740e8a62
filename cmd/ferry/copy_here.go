package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/receive"
	"ferry/transfer/storage"
)

// copyHere copies to here from a place that ssh reaches. The near end is not confined: it
// may have to run ssh again, which reads the user's keys.
func copyHere(c *cli.Context, env *Env, chosen *selectionArgs, s sides) error {
	args := c.Args().Slice()
	if err := checkSides(args); err != nil {
		return err
	}
	if err := chosen.load(c, env); err != nil {
		return err
	}
	o, err := copyingOf(c, env, chosen)
	if err != nil {
		return err
	}
	if _, err := deleteOf(c); err != nil {
		return err
	}
	x, err := newCrossing(c, env, o, chosen, s.host, link.Receiver, false, s.from...)
	if err != nil {
		return err
	}
	defer x.end()
	a, err := x.begin()
	if err != nil {
		return x.d.abandon(err)
	}
	t, err := targetOf(c, args[len(args)-1], a.Single, &o.place)
	if err != nil {
		return x.d.abandon(err)
	}
	if c.Bool("dry-run") {
		err = dryRunWithout("copy", c.IsSet("manifest"))
	} else {
		t.file = c.String("manifest")
		err = t.startList(false)
	}
	if err != nil {
		return x.d.abandon(err)
	}
	x.d.place, x.d.name = t.landing.name(), t.name
	x.d.manifest.Store(t.list)
	o.place.Open = func() (storage.Destination, error) {
		makeWay(env, t.path)
		err := t.open()
		x.d.manifest.Store(t.list)
		return t.folder, err
	}
	request := receive.Request{Paths: s.from, DryRun: c.Bool("dry-run"), Checksum: c.Bool("checksum"), Metadata: o.metadata}
	o.place.Observer, o.place.Limit, o.place.Streams = x.d, o.throttle.limit, x.pairing.streams
	result, err := x.run(
		func(ctx context.Context, l *link.Link) (transfer.Result, error) {
			return receive.Fetch(ctx, l, request, o.place)
		},
		t.close)
	if cerr := t.end(err); err == nil {
		err = cerr
	}
	return x.d.finish(result, refusedDeletion(err, c.Bool("dry-run")), 0)
}
