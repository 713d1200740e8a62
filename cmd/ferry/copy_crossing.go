package main

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/reach"
	"ferry/transfer/reach/socket"
	"ferry/transfer/reach/ssh"
)

// crossing is the near end of a copy by ssh, in whichever direction it goes:
//
//  1. newCrossing reads the flags about the way, and makes the order.
//  2. begin runs ssh, gives the order, and returns what the far end answered.
//  3. run makes the link and runs the delivery over it, again and again if the far end was
//     lost for good and another one took its place.
//  4. finish ends the way and shows how it went.
type crossing struct {
	*way
	d       *delivery
	config  link.Config
	follows func() // ends what watches the limit

	mu      sync.Mutex // guards what follows
	opening bool       // ssh has not got there yet
	held    []string   // what it said meanwhile
}

// newCrossing plans a copy from or to host. args follow the flags in the order.
func newCrossing(c *cli.Context, env *Env, o *copying, chosen *selectionArgs, host string, role link.Role, single bool, args ...string) (*crossing, error) {
	r, err := reachingOf(c, env, host, role)
	if err != nil {
		return nil, err
	}
	request := order{Sends: role == link.Receiver, Single: single, Stays: r.stays, Args: orderedFlags(c)}
	for _, a := range args {
		request.Args = append(request.Args, []byte(a))
	}
	if request.Sends {
		chosen.into(&request)
	}
	d := &delivery{ctx: c.Context, env: env, render: newRenderer(env, o.out, false), sole: true, strict: c.Bool("strict"), unsynced: c.Bool("no-sync"), escapes: escapesNames(c)}
	x := &crossing{d: d, opening: true}
	var code link.Code
	if x.way, code, err = newWay(r, env, request, x.heard); err != nil {
		return nil, err
	}
	x.live = env.interactive() && !o.out.json && !o.out.quiet
	x.asks = newPusher(r.push, env, d.render)
	tell := func(e link.Event) {
		if e.Kind != link.EventLost || c.Context.Err() == nil { // whoever ended the program waits for no link
			d.render.linkEvent(e)
		}
	}
	x.config = link.Config{Role: role, Code: code, Timeout: r.pairing.timeout, RetryFor: r.pairing.retry,
		Capabilities: o.throttle.compress.Capabilities() | r.capabilities(), Notify: tell}
	x.follows = o.throttle.follow(c.Context, d.render)
	return x, nil
}

// mostKept is how many lines wait: what goes on talking is heard no further until it is there.
const mostKept = 100

// heard shows what ssh says. A person at a terminal may have to do something about it. Else
// it waits until ssh has got there: if it has not, the error says it.
func (x *crossing) heard(line string) {
	x.mu.Lock()
	held := x.opening && !x.live
	if held && len(x.held) < mostKept {
		x.held = append(x.held, line)
	}
	x.mu.Unlock()
	if !held {
		x.show(line)
	}
}

func (x *crossing) show(line string) {
	x.d.render.advise([]string{x.call.Host + ": " + plain(line)})
}

// begin opens the way.
func (x *crossing) begin() (reply, error) {
	x.d.way = func() string { return "ssh" }
	a, err := x.open(x.d.ctx)
	x.mu.Lock()
	held := x.held
	x.held, x.opening = nil, false
	x.mu.Unlock()
	var failed *ssh.Error
	switch {
	case errors.As(err, &failed) && !failed.Absent() && len(held) > 0:
		held = held[:len(held)-1] // which the error says
	case err != nil || x.asks.brought != "":
		held = nil // one of them says that ferry is missing
	}
	for _, line := range held {
		x.show(line)
	}
	return a, err
}

// run runs the delivery over links to the far end, until one of them ends it. Each link
// begins on ssh, and climbs to a direct path if there is one and it may.
func (x *crossing) run(once func(context.Context, *link.Link) (transfer.Result, error), between func() error) (transfer.Result, error) {
	before := x.d.tally.counts()
	wait := time.Duration(0)
	for {
		result, err := x.link(once, wait)
		if !errors.Is(err, link.ErrBegunAnew) {
			return result, err
		}
		if err := between(); err != nil {
			return result, err
		}
		x.d.tally.restore(before)
		wait = x.pairing.retry
	}
}

// link makes one link, and runs the delivery over it. wait is how long the far end may take
// that is begun anew.
func (x *crossing) link(once func(context.Context, *link.Link) (transfer.Result, error), wait time.Duration) (transfer.Result, error) {
	config := x.config
	config.Connect = x.connect
	var climb *reach.Climb
	if !x.stays {
		climb = x.climb()
		config.Connect = climb.Connect
	}
	l, err := link.Dial(x.d.ctx, x.call.Host, config, wait)
	if err != nil {
		return transfer.Result{}, err
	}
	x.d.render.linked(l)
	if climb == nil {
		return once(x.d.ctx, l)
	}
	x.d.way = climb.Path
	return climbing(x.d.ctx, climb, l, once)
}

// climbing runs a delivery over l while climb looks for a better path.
func climbing(ctx context.Context, climb *reach.Climb, l *link.Link, once func(context.Context, *link.Link) (transfer.Result, error)) (transfer.Result, error) {
	var up sync.WaitGroup
	defer up.Wait()
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	up.Go(func() { climb.Run(within, l) })
	return once(ctx, l)
}

// climb makes what brings a link to a direct path. Without a port of its own this side can
// still call the other.
func (x *crossing) climb() *reach.Climb {
	o := reach.ClimbOptions{Connect: x.connect, Slow: overSSH, Words: "ssh", Hosts: x.hosts}
	if ln, err := socket.Listen(x.d.ctx, ":0"); err == nil {
		o.Listener = ln
	}
	var known atomic.Bool // several goroutines of the climb tell
	o.Tell = func(path string) {
		if known.Swap(true) { // where it begins is no news
			x.d.render.meets(reach.News{Kind: reach.NewsPath, Path: path})
		}
	}
	return reach.NewClimb(o)
}

// overSSH tells whether an address that a link leads to is that of a connection by ssh: those
// have no port.
func overSSH(addr string) bool {
	_, err := netip.ParseAddrPort(addr)
	return err != nil
}

// end leaves ssh, and ends what watches.
func (x *crossing) end() {
	x.close()
	x.follows()
}
