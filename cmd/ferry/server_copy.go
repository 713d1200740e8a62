package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/store"
)

// Flags of copy that do not go with a server. It keeps to its own rules about what is
// there, and is asked for whole items.
const (
	notWithServer = "ssh remote-command push find delete delete-all max-delete"
	notUp         = "on-conflict update chmod links names no-sync verify-disk backup backup-dir suffix"
	notDown       = "follow allow-changed remove-source exclude include exclude-from ferryignore files-from from0 max-size min-size one-file-system"
)

// refuseFlags refuses those of names that are given.
func refuseFlags(c *cli.Context, why, names string) error {
	known := c.Command.Flags
	for name := range strings.FieldsSeq(names) {
		is := slices.ContainsFunc(known, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
		if is && c.IsSet(name) {
			return usagef("copy", "--%s does not go with ferry://: %s", name, why)
		}
	}
	return nil
}

// serverPairing reads the flags about the link to a server.
func serverPairing(c *cli.Context, env *Env, role link.Role, text string, o *copying) (p pairing, err error) {
	if err := refuseFlags(c, "a server is called at its address, and deletes nothing for others", notWithServer); err != nil {
		return p, err
	}
	t, err := newTrust(c, env, text)
	if err != nil {
		return p, err
	}
	if p, err = lastingOf(c, role); err != nil {
		return p, err
	}
	p.calls(t)
	p.dial, p.wait, p.offers = t.place.at.String(), defaultWait, o.throttle.compress.Capabilities()
	return p, p.ways.behind(c, env, p.to)
}

// serverDelivery is a copy from or to a server, before it begins.
func serverDelivery(c *cli.Context, env *Env, o *copying, codes *codeSource) *delivery {
	return &delivery{
		ctx: c.Context, env: env, render: newRenderer(env, o.out, false), codes: codes, sole: true,
		strict: c.Bool("strict"), unsynced: c.Bool("no-sync"), rules: o.rules, escapes: escapesNames(c),
	}
}

// copyUp copies what is here to a folder at a server.
func copyUp(c *cli.Context, env *Env, chosen *selectionArgs, dest string) error {
	args := c.Args().Slice()
	if err := refuseFlags(c, "what is there already is dealt with by the server's rules", notUp); err != nil {
		return err
	}
	o, err := copyingOf(c, env, chosen)
	if err != nil {
		return err
	}
	p, err := serverPairing(c, env, link.Sender, dest, o)
	if err != nil {
		return err
	}
	depots, err := storesOf(c, env, false, slices.ContainsFunc(args[:len(args)-1], store.Is))
	if err != nil {
		return err
	}
	defer depots.close()
	list, err := copySources(depots, args[:len(args)-1], c.Bool("follow"), o.rules)
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
	codes := newCodeSource(p, env)
	d := serverDelivery(c, env, o, codes)
	depots.show(d.render)
	if absent {
		return d.absent(sending)
	}
	sums, err := openManifest("copy", c.String("manifest"), "", list)
	if err != nil {
		return err
	}
	d.manifest.Store(sums)
	d.missing(list.missing)
	defer o.throttle.follow(c.Context, d.render)()
	conn, err := codes.connect(c.Context, link.Code{}, false, d.render)
	if err != nil {
		return d.abandon(err)
	}
	d.way = conn.meeting.Path
	sending.Place, sending.Unasked, sending.Observer, sending.Streams = p.server.place.path, true, d, p.streams
	result, err := d.run(conn,
		func(l *link.Link) (transfer.Result, error) { return send.Send(c.Context, l, sending) },
		func() error { return nil })
	// With the receipt in hand the end of the way changes nothing.
	if cerr := conn.close(); err == nil && cerr != nil && !result.Acknowledged {
		err = cerr
	}
	return d.finish(result, err, len(list.missing))
}

// copyDown copies what is at a server to a folder here.
func copyDown(c *cli.Context, env *Env, chosen *selectionArgs, there []string) error {
	args := c.Args().Slice()
	if err := refuseFlags(c, "a server sends what it is asked for, whole and as it is", notDown); err != nil {
		return err
	}
	o, err := copyingOf(c, env, chosen)
	if err != nil {
		return err
	}
	p, err := serverPairing(c, env, link.Receiver, there[0], o)
	if err != nil {
		return err
	}
	request := receive.Request{DryRun: c.Bool("dry-run"), Checksum: c.Bool("checksum"), Metadata: o.metadata}
	for _, text := range there {
		place, err := parseServer(text)
		switch {
		case err != nil:
			return usagef("copy", "%s: %v", text, err)
		case place.at != p.server.place.at:
			return usagef("copy", "SRC are on %s and on %s: copy them one after another", p.server.place.at.Short(), place.at.Short())
		}
		request.Paths = append(request.Paths, place.asked())
	}
	if dest := args[len(args)-1]; store.Is(dest) {
		return usagef("copy", "what is at a server goes to an object store by: %s", command("ferry", "receive", "--from", there[0], "--out", dest))
	}
	if _, err := storesOf(c, env, false, false); err != nil {
		return err
	}
	t, err := targetOf(c, args[len(args)-1], false, &o.place)
	if err != nil {
		return err
	}
	if request.DryRun {
		err = dryRunWithout("copy", c.IsSet("manifest"))
	} else {
		t.file = c.String("manifest")
		err = t.startList(false)
	}
	if err != nil {
		return err
	}
	codes := newCodeSource(p, env)
	d := serverDelivery(c, env, o, codes)
	d.place = t.landing.name()
	d.manifest.Store(t.list)
	o.place.Open = func() (storage.Destination, error) {
		makeWay(env, t.path)
		err := t.open()
		d.manifest.Store(t.list)
		return t.folder, err
	}
	defer o.throttle.follow(c.Context, d.render)()
	conn, err := codes.connect(c.Context, link.Code{}, false, d.render)
	if err != nil {
		return d.abandon(err)
	}
	d.way = conn.meeting.Path
	o.place.Observer, o.place.Limit, o.place.Streams = d, o.throttle.limit, p.streams
	result, err := d.run(conn,
		func(l *link.Link) (transfer.Result, error) {
			return receive.Fetch(c.Context, l, request, o.place)
		},
		t.close)
	if cerr := t.end(err); err == nil {
		err = cerr
	}
	_ = conn.close() // the receipt is out, or an error is in hand
	return d.finish(result, err, 0)
}
