package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/storage"
	"ferry/transfer/store"
)

func receiveCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:        "receive",
		ArgsUsage:   "[HOST]",
		Usage:       "take a delivery into a folder, or to standard output",
		Description: "HOST is whom to call, as with --from. Without it a person is asked for the code, and the sender is looked for on the local network. To --out - a single file or stream comes as it is, anything else as a tar archive.",
		Flags: join(in(aboutDestination,
			everyday(&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "put what comes into `DIR`, - for stdout", Value: "."}).
				aFile().more("A folder that is absent is made. s3://BUCKET/PREFIX is a place in an object store."),
			everyday(boolFlag("yes", "accept the offer, and ask nothing at all", "y")),
			optionOf(&cli.StringFlag{Name: "answers", Usage: "`-`: answer the questions of --json on standard input"}).
				more("A question is an object; JSON.md says what answers it. The end of standard input is a no."),
			optionOf(&cli.Int64Flag{Name: "max-items", Usage: "take at most `N` items, those in folders too"}).
				more("An offer of more is declined, and a delivery that grows beyond it ends."),
			optionOf(&cli.StringFlag{Name: "max-bytes", Usage: "take at most `SIZE`, such as 500M or 2G"}).
				more("An offer of more is declined, and a delivery that grows beyond it ends."),
		), placeFlags("safe", "a person at a terminal is asked, and else it is fail"), replaceFlags(), backupFlags(false), metadataFlags(true), pairingFlags("from"), storeFlags(), streamsFlag(), throttleFlags(), outputFlagList()),
		Action: func(c *cli.Context) error { return receiveItems(c, env) },
	}
}

// receiving is what the command line of receive says.
type receiving struct {
	out      outputFlags
	pair     pairing
	throttle *throttle
	place    *landing
	options  receive.Options
	answers  *answers // nil without --answers
	stores   *stores
}

// receivingOf reads the flags, and opens the folder if it is there.
func receivingOf(c *cli.Context, env *Env) (r *receiving, err error) {
	r = &receiving{}
	if r.out, err = outputOf(c); err != nil {
		return nil, err
	}
	if r.pair, err = pairingOf(c, env, link.Receiver, "from"); err != nil {
		return nil, err
	}
	if r.options, err = placeOf(c); err != nil {
		return nil, err
	}
	if err = replacingOf(c, env, &r.options); err != nil {
		return nil, err
	}
	if r.options.Metadata, err = permittedOf(c, env); err != nil {
		return nil, err
	}
	if r.options.Most.MaxItems, r.options.Most.MaxBytes, err = limitsOf(c); err != nil {
		return nil, err
	}
	r.options.Most.OnlyNamed = r.pair.server == nil // of a server what is in a folder is asked for
	if r.throttle, err = throttleOf(c); err != nil {
		return nil, err
	}
	r.pair.offers, r.options.Limit, r.options.Streams = r.throttle.compress.Capabilities()|framing.CapText, r.throttle.limit, r.pair.streams
	if err := checkReceive(c, env, r.out, r.pair.server != nil); err != nil {
		return nil, err
	}
	if c.IsSet("answers") && r.pair.server == nil && r.pair.dial != "" && r.pair.codeFile == "" && env.Getenv(codeVariable) == "" {
		return nil, r.pair.noCode() // a program is not asked for it
	}
	if r.stores, err = storesOf(c, env, store.Is(c.String("out")), false); err != nil {
		return nil, err
	}
	r.place = landingOf(c, r.stores)
	return r, r.place.early()
}

// receiveItems takes one delivery. The order of its steps matters: errors of the command
// line and of the folder are shown before it waits, and nothing is made on disk before
// the sender has proved the code.
func receiveItems(c *cli.Context, env *Env) error {
	ctx := c.Context
	r, err := receivingOf(c, env)
	if err != nil {
		return err
	}
	defer r.stores.close()
	codes := newCodeSource(r.pair, env)
	code, made, err := codes.find(ctx)
	if err == nil {
		err = r.place.startList(false)
	}
	if err != nil {
		return errors.Join(err, r.place.close())
	}
	d := &delivery{
		ctx: ctx, env: env, render: newRenderer(env, r.out, r.place.stream), stream: r.place.stream,
		codes: codes, sole: r.pair.server != nil, place: r.place.name(), strict: c.Bool("strict"), unsynced: c.Bool("no-sync"), escapes: escapesNames(c), checksums: "the sender's ",
	}
	d.manifest.Store(r.place.list)
	r.stores.show(d.render)
	defer r.throttle.follow(ctx, d.render)()
	conn, err := codes.connect(ctx, code, made, d.render)
	if err != nil {
		return d.abandon(errors.Join(err, r.place.close()))
	}
	d.way = conn.meeting.Path
	r.prepare(env, d, conn)
	if programs, ok := d.render.(*jsonRenderer); ok && c.IsSet("answers") {
		r.answers = newAnswers(env, programs)
	}
	result, err := d.run(conn,
		func(l *link.Link) (transfer.Result, error) {
			if t := r.pair.server; t != nil {
				ask := receive.Request{Paths: []string{t.place.asked()}, Metadata: r.options.Metadata}
				return receive.Fetch(ctx, l, ask, r.asking(c, env, d.render))
			}
			return receive.Receive(ctx, l, r.asking(c, env, d.render))
		},
		r.place.close)
	if cerr := r.place.end(err); err == nil {
		err = cerr
	}
	// The receipt is out, or an error is in hand: the listener's end changes nothing.
	_ = conn.close()
	return d.finish(result, err, 0)
}

// prepare completes the options for a delivery d.
func (r *receiving) prepare(env *Env, d *delivery, conn *connection) {
	r.options.Observer = d
	if !r.place.named {
		r.options.Text = func(peer, text string) error {
			d.taken = true
			return d.message(peer, text)
		}
	}
	limits := &confinement{landing: r.place, way: conn, throttle: r.throttle, metadata: r.options.Metadata}
	r.options.Begin = func() error {
		limits.apply(env, d.render)
		return nil
	}
	r.options.Open = func() (storage.Destination, error) {
		if r.place.isFolder() {
			makeWay(env, r.place.path)
		}
		err := r.place.open()
		d.manifest.Store(r.place.list)
		return r.place.folder, err
	}
	if r.place.stream {
		r.options.Output = env.Stdout
	} else {
		r.options.Rehearse = r.place.rehearse
	}
}

// asking returns the options for one offer, with the questions for a person, if one
// is asked. An answer for all conflicts is about those of one offer.
func (r *receiving) asking(c *cli.Context, env *Env, to renderer) receive.Options {
	o := r.options
	switch people, _ := to.(*console); {
	case c.Bool("yes"):
		return o
	case people != nil:
		o.Accept, o.Resolve = accept(env, people.screen, r.place), resolve(env, people.screen)
	case r.answers != nil:
		o.Accept, o.Resolve = r.answers.accept(r.place), r.answers.resolve
	}
	if r.pair.server != nil {
		o.Accept = nil // it was asked for
	}
	if !c.IsSet("on-conflict") && !o.Update && o.Backup == nil && o.Resolve != nil {
		o.OnConflict = transfer.ConflictAsk
	}
	return o
}

// checkReceive refuses flags that do not go together, before anybody is waited
// for: a script that forgot --yes must not hang at a question. asked says that this side
// asks a server for what comes, which nobody has to accept.
func checkReceive(c *cli.Context, env *Env, out outputFlags, asked bool) error {
	if out := c.String("out"); store.Is(out) {
		if err := checkPlace("receive", "--out", out); err != nil {
			return err
		}
	} else if err := refuseRemote("receive", "--out", out); err != nil {
		return err
	}
	switch {
	case c.String("out") == "":
		return usagef("receive", "--out needs the name of a folder, or -")
	case c.IsSet("answers") && c.String("answers") != "-":
		return usagef("receive", "--answers reads standard input: - is the only name it takes, and not %q", c.String("answers"))
	case c.IsSet("answers") && !out.json:
		return usagef("receive", "--answers goes with --json, which puts the questions")
	case c.IsSet("answers") && c.Bool("yes"):
		return usagef("receive", "--yes asks nothing, and --answers answers: give one of them")
	case c.Bool("yes"), c.IsSet("answers"), asked:
	case out.json:
		return usagef("receive", "--json asks nobody at the terminal: accept the offer with --yes, or answer with --answers -")
	case !env.interactive():
		return usagef("receive", "no terminal to ask at: accept the offer with --yes")
	case c.String("code-file") == "-" && !env.StdinTTY:
		return usagef("receive", "standard input holds the code and cannot answer: accept the offer with --yes")
	}
	if c.String("out") == "-" {
		for _, name := range []string{"on-conflict", "update", "backup", "backup-dir", "chmod", namesFlag, "no-sync", "verify-disk"} {
			if c.IsSet(name) {
				return usagef("receive", "--%s is about a folder and does not go with --out -", name)
			}
		}
	}
	return nil
}

// limitsOf reads the flags that limit how much is taken; 0 is no limit.
func limitsOf(c *cli.Context) (items, bytes int64, err error) {
	if items = c.Int64("max-items"); c.IsSet("max-items") && items < 1 {
		return 0, 0, usagef("receive", "--max-items is a number of items from 1 on, and not %d", items)
	}
	if c.IsSet("max-bytes") {
		if bytes, err = parseSize(c.String("max-bytes")); err == nil && bytes < 1 {
			err = errors.New("no bytes at all would be taken")
		}
		if err != nil {
			return 0, 0, usagef("receive", "--max-bytes: %v", err)
		}
	}
	return items, bytes, nil
}

// placeOf reads the flags about the destination.
func placeOf(c *cli.Context) (receive.Options, error) {
	var o receive.Options
	switch s := c.String("on-conflict"); s {
	case "", "fail":
	case "skip":
		o.OnConflict = transfer.ConflictSkip
	case "overwrite":
		o.OnConflict = transfer.ConflictOverwrite
	case "rename":
		o.OnConflict = transfer.ConflictRename
	default:
		return o, usagef(c.Command.Name, "--on-conflict is fail, skip, overwrite or rename, and not %q", s)
	}
	switch s := c.String("links"); s {
	case "safe":
	case "all":
		o.Links = transfer.LinksAll
	case "skip":
		o.Links = transfer.LinksSkip
	default:
		return o, usagef(c.Command.Name, "--links is safe, all or skip, and not %q", s)
	}
	return o, checkNames(c)
}

func folderOptions(c *cli.Context, backups string) local.FolderOptions {
	return local.FolderOptions{NoSync: c.Bool("no-sync"), VerifyDisk: c.Bool("verify-disk"), Backups: backups, EscapeNames: escapesNames(c)}
}
