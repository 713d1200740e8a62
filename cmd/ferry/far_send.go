package main

import (
	"context"
	"errors"
	"slices"

	"github.com/urfave/cli/v2"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// errNotNamed declines a request for what the order did not name.
var errNotNamed = errors.New("the request is not for what the command names")

// send follows an order to send what is here. The near end asks for it again over the link,
// and gets no more than the order named.
func (f *farEnd) send(c *cli.Context, chosen *selectionArgs) error {
	o, err := copyingOf(c, f.env, chosen)
	if err != nil {
		return err
	}
	paths := c.Args().Slice()
	list, err := copySources(nil, paths, c.Bool("follow"), o.rules)
	if err != nil {
		return err
	}
	sending, _, _, err := o.selected(c, list)
	if err != nil {
		return err
	}
	// What is not there is named by the walk.
	for _, m := range list.missing {
		name, err := tree.BaseName(m.path)
		if err != nil {
			name = "missing"
		}
		sending.Sources = append(sending.Sources, send.Source{Source: tree.Source{Path: m.path, Name: name}})
	}
	sending.OwnSkips, sending.Unasked = true, true
	sending.Streams, _ = parseStreams(c.String("streams"))
	ctx, end := context.WithCancelCause(c.Context)
	defer end(nil)
	single := len(paths) == 1 && !list.folder
	l, err := f.meet(ctx, c, link.Sender, o.throttle.compress.Capabilities(), reply{Single: single}, "", end)
	if err != nil {
		return err
	}
	defer l.close()
	serve := func(_ context.Context, r send.Request) (send.Options, error) {
		if !slices.Equal(r.Paths, paths) {
			return send.Options{}, &transfer.Error{Op: "serving", Code: framing.CodeDeclined, Err: errNotNamed}
		}
		sending.DryRun, sending.Checksum = r.DryRun, r.Checksum
		return sending, nil
	}
	return l.beside(ctx, func(ctx context.Context, l *link.Link) (transfer.Result, error) { return send.Serve(ctx, l, serve) })
}
