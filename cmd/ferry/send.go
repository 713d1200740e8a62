package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/link"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// stdinName is what standard input is stored under unless --name says other.
const stdinName = "stdin"

func sendCommand(env *Env) *cli.Command {
	chosen := &selectionArgs{}
	return &cli.Command{
		Name:      "send",
		Usage:     "offer files and folders, or standard input",
		ArgsUsage: "PATH... | -",
		Description: "A folder DIR lands as DIR in the folder that the other side chose. Without --to this\n" +
			"side listens, and prints its addresses, the code and the command for the other side.\n\n" + selectionHelp,
		Flags: join(pairingFlags("to"), throttleFlags(), sourceFlags(), metadataFlags(false), chosen.flags(), []cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "store standard input under `NAME` (default: " + stdinName + ")"},
		}, outputFlagList()),
		Action: func(c *cli.Context) error { return sendPaths(c, env, chosen) },
	}
}

// sendPaths offers what the arguments name. Sources are looked at before the other
// side is waited for, so that a typing error is not found out an hour later.
func sendPaths(c *cli.Context, env *Env, chosen *selectionArgs) error {
	ctx := c.Context
	out, err := outputOf(c)
	if err != nil {
		return err
	}
	pair, err := pairingOf(c, link.Sender, "to")
	if err != nil {
		return err
	}
	throttle, err := throttleOf(c)
	if err != nil {
		return err
	}
	pair.offers = throttle.compress.Capabilities()
	selection, rules, err := chosen.selection(c, env)
	if err != nil {
		return err
	}
	list, err := sendSources(c, env, &selection, rules)
	if err != nil {
		return err
	}
	stream := list.sources[0].Reader != nil
	pair.stdinIsData = stream || isStdin(c.String("files-from"))
	metadata, err := metadataOf(c)
	if err != nil {
		return err
	}
	options := send.Options{
		Sources:      list.sources,
		Checksum:     c.Bool("checksum"),
		AllowChanged: c.Bool("allow-changed"),
		Follow:       c.Bool("follow"),
		Select:       selection,
		DryRun:       c.Bool("dry-run"),
		Metadata:     metadata,
		Compress:     throttle.compress,
		Limit:        throttle.limit,
		Streams:      pair.streams,
	}
	if options.DryRun {
		if err := dryRunWithout("send", c.IsSet("manifest")); err != nil {
			return err
		}
	}
	absent, err := list.selects(ctx, "send", options)
	if err != nil {
		return err
	}
	if absent {
		d := &delivery{ctx: ctx, env: env, render: newRenderer(env, out, false)}
		return d.absent(options)
	}
	codes := newCodeSource(pair, env)
	code, made, err := codes.find(ctx)
	if err != nil {
		return err
	}
	sums, err := openManifest("send", c.String("manifest"), "", list)
	if err != nil {
		return err
	}
	d := &delivery{ctx: ctx, env: env, render: newRenderer(env, out, false), madeCode: made, fed: stream, strict: c.Bool("strict"), rules: rules}
	d.manifest.Store(sums)
	d.missing(list.missing)
	defer throttle.follow(ctx, d.render)()
	conn, err := codes.connect(ctx, code, made, d.render)
	if err != nil {
		return d.abandon(err)
	}
	options.Observer = d
	result, err := d.run(conn,
		func(l *link.Link) (transfer.Result, error) { return send.Send(ctx, l, options) },
		func() error { return nil })
	// With the receipt in hand the end of the listener changes nothing.
	if cerr := conn.close(); err == nil && cerr != nil && !result.Acknowledged {
		err = cerr
	}
	return d.finish(result, err, len(list.missing))
}

// sendSources looks at what the arguments of send name.
func sendSources(c *cli.Context, env *Env, selection *tree.Selection, rules *filter.List) (*sourceList, error) {
	paths := c.Args().Slice()
	list := &sourceList{}
	switch {
	case len(paths) == 0:
		return nil, usagef("send", "nothing to send: name files or folders, or - for standard input")
	case len(paths) == 1 && paths[0] == "-" && !selection.IsZero():
		return nil, usagef("send", "standard input is sent whole: flags that select files do not go with -")
	case len(paths) == 1 && paths[0] == "-":
		name := stdinName
		if c.IsSet("name") {
			name = c.String("name")
		}
		if err := tree.CheckName(name); err != nil {
			return nil, usagef("send", "--name %q: %v", name, err)
		}
		list.sources = []send.Source{{Source: tree.Source{Name: name}, Reader: env.Stdin}}
		return list, nil
	case slices.Contains(paths, "-"):
		return nil, usagef("send", "- is standard input and is sent alone; a file of that name is ./-")
	case c.IsSet("name"):
		return nil, usagef("send", "--name names standard input: it goes with -")
	}
	for _, p := range paths {
		if err := list.add("send", p, c.Bool("follow"), false); err != nil {
			return nil, err
		}
	}
	// What is here is meant, whatever its name.
	for _, m := range list.missing {
		if err := refuseRemote("send", "PATH", m.path); err != nil {
			return nil, err
		}
	}
	return list, list.check("send", rules)
}
