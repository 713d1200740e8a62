package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/send"
)

// copyThere copies what is here to a place that ssh reaches.
func copyThere(c *cli.Context, env *Env, chosen *selectionArgs, s sides) error {
	args := c.Args().Slice()
	if err := checkSides(args); err != nil {
		return err
	}
	o, err := copyingOf(c, env, chosen)
	if err != nil {
		return err
	}
	list, err := copySources(nil, args[:len(args)-1], c.Bool("follow"), o.rules)
	if err != nil {
		return err
	}
	sending, _, absent, err := o.selected(c, list)
	if err == nil && sending.DryRun {
		err = dryRunWithout("copy", c.IsSet("manifest"))
	}
	if err != nil {
		return err
	}
	if absent {
		d := &delivery{ctx: c.Context, env: env, render: newRenderer(env, o.out, false), sole: true}
		return d.absent(sending)
	}
	x, err := newCrossing(c, env, o, chosen, s.host, link.Sender, len(args) == 2 && !list.folder, s.to.path)
	if err != nil {
		return err
	}
	defer x.end()
	sums, err := openManifest("copy", c.String("manifest"), "", list)
	if err != nil {
		return err
	}
	x.d.rules = o.rules
	x.d.manifest.Store(sums)
	x.d.missing(list.missing)
	if _, err := x.begin(); err != nil {
		return x.d.abandon(err)
	}
	sending.OwnSkips, sending.Unasked, sending.Observer, sending.Streams = true, true, x.d, x.pairing.streams
	result, err := x.run(
		func(ctx context.Context, l *link.Link) (transfer.Result, error) { return send.Send(ctx, l, sending) },
		func() error { return nil })
	return x.d.finish(result, refusedDeletion(err, sending.DryRun), len(list.missing))
}
