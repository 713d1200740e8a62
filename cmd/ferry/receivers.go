package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/transfer/link"
)

const (
	// mostReceivers bounds how many receive one offer: each takes some 14 MiB here.
	mostReceivers = 64
	// sharedBytes is what is kept of the content that was read last, so that a receiver that
	// is a little behind finds it.
	sharedBytes = 64 << 20
)

// receiversFlags say that one offer is for several receivers.
func receiversFlags() []cli.Flag {
	return in(aboutConnection,
		optionOf(&cli.IntFlag{Name: "receivers", Usage: "send the same to `N` receivers, each with this code"}).
			oneOf("2", "3", "5", "10").
			more("Up to 64. Content is read and hashed once for all who are at about the same place; nobody waits for another. The code is spent, and this ends, when all have their receipt. A receiver that was interrupted continues when it is started again. --bwlimit is for all together."),
		optionOf(&cli.DurationFlag{Name: "until", Usage: "send to whoever comes within `TIME`"}).
			oneOf("10m", "1h", "24h").
			more("Who came by then is served to the end. With --receivers at most so many. Nobody at all is exit 3."),
	)
}

// receiversArgs is what those flags say.
type receiversArgs struct {
	several bool // one of the flags was given
	most    int
	all     bool          // most of them have to come
	until   time.Duration // 0: no limit
}

// receiversOf reads the flags, and refuses what several receivers cannot have.
func receiversOf(c *cli.Context) (r receiversArgs, err error) {
	r = receiversArgs{several: c.IsSet("receivers") || c.IsSet("until"), most: mostReceivers, until: c.Duration("until")}
	if c.IsSet("receivers") {
		r.most, r.all = c.Int("receivers"), !c.IsSet("until")
	}
	switch {
	case !r.several:
	case r.most < 1 || r.most > mostReceivers:
		err = usagef("send", "--receivers is a number from 1 to %d, and not %d", mostReceivers, r.most)
	case c.IsSet("until") && r.until <= 0:
		err = usagef("send", "--until is a time from now on, such as 1h, and not %s", r.until)
	case c.IsSet("until") && c.IsSet("wait"):
		err = usagef("send", "--until says how long receivers may come, and so does --wait: give one of them")
	case c.IsSet("to"):
		err = usagef("send", "several receivers call this side, and --to calls one: leave it out")
	case c.Args().First() == "-":
		err = usagef("send", "standard input can be read once, and each of several receivers goes at its own pace: put it into a file")
	case c.IsSet("manifest"):
		err = usagef("send", "--manifest lists one delivery: give it to the receivers, or use ferry checksum")
	case c.Bool("dry-run"):
		err = usagef("send", "--dry-run asks one receiver: leave out --receivers and --until")
	}
	return r, err
}

// links is how many links the listener may have at once.
func (r receiversArgs) links() int {
	if !r.several {
		return 1
	}
	return max(r.most, 2)
}

// toSeveral offers the sources to several receivers.
func (s *sending) toSeveral(ctx context.Context, env *Env, codes *codeSource, code link.Code, made bool) error {
	began := time.Now()
	show := newCrowdShow(newRenderer(env, s.out, false), codes)
	s.stores.show(show.renderer)
	d := &delivery{ctx: ctx, env: env, render: show, codes: codes}
	d.missing(s.list.missing)
	defer s.throttle.follow(ctx, show)()
	conn, err := codes.connect(ctx, code, made, show)
	if err != nil {
		return d.abandon(err)
	}
	err = newCrowd(ctx, env, s, show, conn).run(began, conn.Link)
	// All that matters is settled: the end of the listener changes nothing.
	_ = conn.close()
	return err
}
