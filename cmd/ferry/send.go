package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/link"
	"ferry/transfer/send"
	"ferry/transfer/store"
	"ferry/transfer/tree"
)

// stdinName is what standard input is stored under unless --name says other.
const stdinName = "stdin"

func sendCommand(env *Env) *cli.Command {
	chosen := &selectionArgs{}
	return &cli.Command{
		Name:        "send",
		Usage:       "offer files and folders, or standard input",
		ArgsUsage:   "PATH... | - | --text WORDS",
		Description: "A folder DIR lands as DIR in the folder that the other side chose. Without --to it waits to be found, and prints the code and what to run over there.",
		Flags: join(pairingFlags("to"), receiversFlags(), storeFlags(), streamsFlag(), throttleFlags(), sourceFlags(), removeFlags(), metadataFlags(false), chosen.flags(), in(aboutSent,
			&cli.StringFlag{Name: "name", Usage: "store standard input under `NAME`", DefaultText: stdinName},
			everyday(&cli.StringFlag{Name: textFlag, Usage: "send `WORDS` for a person to read; - reads them"}).
				more("At most 64 KiB of UTF-8. The other side shows them, and stores nothing unless its --out names a folder. Everybody on this machine can see WORDS in the list of processes (ps); with - they come from standard input, or are asked for."),
		), outputFlagList()),
		Action: func(c *cli.Context) error { return sendPaths(c, env, chosen) },
	}
}

// sending is what the command line of send says.
type sending struct {
	out       outputFlags
	pair      pairing
	throttle  *throttle
	rules     *filter.List // nil without any
	list      *sourceList
	stream    bool // what is sent is standard input
	options   send.Options
	receivers receiversArgs
	stores    *stores
	strict    bool
}

// sendingOf reads the flags and looks at the sources.
func sendingOf(c *cli.Context, env *Env, chosen *selectionArgs) (s *sending, err error) {
	s = &sending{}
	if s.out, err = outputOf(c); err != nil {
		return nil, err
	}
	if s.receivers, err = receiversOf(c); err != nil {
		return nil, err
	}
	s.strict = c.Bool("strict")
	if s.pair, err = pairingOf(c, env, link.Sender, "to"); err != nil {
		return nil, err
	}
	if s.throttle, err = throttleOf(c); err != nil {
		return nil, err
	}
	s.pair.offers, s.pair.links = s.throttle.compress.Capabilities(), s.receivers.links()
	if s.receivers.until > 0 {
		s.pair.wait, s.pair.ways.waits = s.receivers.until, true
	}
	remove, err := removalOf(c)
	if err != nil {
		return nil, err
	}
	if c.IsSet(textFlag) {
		if s.pair.server != nil {
			return nil, usagef("send", "--%s is for a person to read, and nobody reads at a server", textFlag)
		}
		return s, s.text(c, env)
	}
	selection, rules, err := chosen.selection(c, env)
	if err != nil {
		return nil, err
	}
	s.rules = rules
	if s.stores, err = storesOf(c, env, false, slices.ContainsFunc(c.Args().Slice(), store.Is)); err != nil {
		return nil, err
	}
	if s.list, err = sendSources(c, env, s.stores, &selection, rules); err != nil {
		return nil, err
	}
	s.stream = s.list.sources[0].Reader != nil
	s.pair.stdinIsData = s.stream || isStdin(c.String("files-from"))
	metadata, err := metadataOf(c)
	if err != nil {
		return nil, err
	}
	s.options = sendOptions(c, s.list, selection, metadata, s.throttle)
	s.options.Streams, s.options.Remove = s.pair.streams, remove
	if t := s.pair.server; t != nil {
		s.options.Place, s.options.Unasked = t.place.path, true
	}
	if s.options.DryRun {
		return s, dryRunWithout("send", c.IsSet("manifest"))
	}
	return s, nil
}

// sendOptions are the options of the sender that send and copy share.
func sendOptions(c *cli.Context, list *sourceList, selection tree.Selection, metadata tree.Metadata, t *throttle) send.Options {
	return send.Options{
		Sources:      list.sources,
		Checksum:     c.Bool("checksum"),
		AllowChanged: c.Bool("allow-changed"),
		Follow:       c.Bool("follow"),
		Select:       selection,
		DryRun:       c.Bool("dry-run"),
		Metadata:     metadata,
		Compress:     t.compress,
		Limit:        t.limit,
	}
}

// sendPaths offers what the arguments name. It looks at the sources before it waits for
// the other side, so that a typing error shows at once.
func sendPaths(c *cli.Context, env *Env, chosen *selectionArgs) error {
	ctx := c.Context
	s, err := sendingOf(c, env, chosen)
	if err != nil {
		return err
	}
	defer s.stores.close()
	absent, err := s.list.selects(ctx, "send", s.options)
	if err != nil {
		return err
	}
	if absent {
		d := &delivery{ctx: ctx, env: env, render: newRenderer(env, s.out, false)}
		return d.absent(s.options)
	}
	codes := newCodeSource(s.pair, env)
	code, made, err := codes.find(ctx)
	if err != nil {
		return err
	}
	if s.receivers.several {
		return s.toSeveral(ctx, env, codes, code, made)
	}
	sums, err := openManifest("send", c.String("manifest"), "", s.list)
	if err != nil {
		return err
	}
	d := &delivery{
		ctx: ctx, env: env, render: newRenderer(env, s.out, false),
		codes: codes, sole: s.pair.server != nil, fed: s.stream, text: s.options.Text != "", strict: c.Bool("strict"), rules: s.rules,
	}
	s.stores.show(d.render)
	d.manifest.Store(sums)
	d.missing(s.list.missing)
	defer s.throttle.follow(ctx, d.render)()
	conn, err := codes.connect(ctx, code, made, d.render)
	if err != nil {
		return d.abandon(err)
	}
	s.options.Observer, d.way = d, conn.meeting.Path
	result, err := d.run(conn,
		func(l *link.Link) (transfer.Result, error) { return send.Send(ctx, l, s.options) },
		func() error { return nil })
	// With the receipt in hand the end of the listener changes nothing.
	if cerr := conn.close(); err == nil && cerr != nil && !result.Acknowledged {
		err = cerr
	}
	return d.finish(result, err, len(s.list.missing))
}

// sendSources looks at what the arguments of send name.
func sendSources(c *cli.Context, env *Env, stored *stores, selection *tree.Selection, rules *filter.List) (*sourceList, error) {
	paths := c.Args().Slice()
	list := &sourceList{stores: stored}
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
	if err := misplacedAddress(c, paths, env.Args); err != nil {
		return nil, err
	}
	for _, p := range paths {
		if err := list.add("send", p, c.Bool("follow"), false); err != nil {
			return nil, err
		}
	}
	// A path that exists here is meant, even if it looks like one on another machine.
	for _, m := range list.missing {
		if err := refuseRemote("send", "PATH", m.path); err != nil && !store.Is(m.path) {
			return nil, err
		}
	}
	return list, list.check("send", rules)
}
