package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach"
)

// defaultWait leaves time to walk to the other machine and type a command.
const defaultWait = time.Minute

const (
	// defaultRetry outlasts a reboot of a router.
	defaultRetry = 10 * time.Minute
	// longestRetry is the longest that the protocol can express: 136 years.
	longestRetry = math.MaxUint32 * time.Second
)

// pairing is how the two sides meet: one dials, the other listens.
type pairing struct {
	verb        string
	role        link.Role
	to          []reach.Address // to dial; none to listen
	dial        string          // the same as text
	listen      string
	wait        time.Duration // 0 of a listener is no limit
	timeout     time.Duration
	retry       time.Duration
	codeFile    string
	weakCode    bool   // a code that is easy to guess is taken too
	streams     int    // 0 is auto
	offers      uint64 // framing.Cap bits
	stdinIsData bool
}

// pairingOf reads and checks the flags. dial is "to" or "from".
func pairingOf(c *cli.Context, role link.Role, dial string) (pairing, error) {
	p := pairing{
		verb: c.Command.Name, role: role, listen: c.String("listen"),
		wait: c.Duration("wait"), timeout: c.Duration("timeout"), retry: c.Duration("retry-for"), codeFile: c.String("code-file"), weakCode: c.Bool("weak-code"),
	}
	var err error
	if p.streams, err = parseStreams(c.String("streams")); err != nil {
		return p, usagef(p.verb, "%v", err)
	}
	if p.to, err = placesOf(c, dial); err != nil {
		return p, err
	}
	p.dial = reach.Join(p.to)
	dials := len(p.to) > 0
	if !dials && !c.IsSet("wait") {
		p.wait = 0
	}
	switch {
	case dials && c.IsSet("listen"):
		return p, usagef(p.verb, "--%s dials and --listen listens: give one of them", dial)
	case p.wait < 0:
		return p, usagef(p.verb, "--wait is a time, and not %s", p.wait)
	case !dials && c.IsSet("wait") && p.wait == 0:
		return p, usagef(p.verb, "--wait 0 leaves no time to call; without --wait a side that listens waits as long as it takes")
	case p.timeout < link.MinTimeout:
		return p, usagef(p.verb, "--timeout is at least %s", link.MinTimeout)
	case p.retry < 0 || p.retry > longestRetry:
		return p, usagef(p.verb, "--retry-for is a time, and not %s", p.retry)
	case c.IsSet("code-file") && p.codeFile == "":
		return p, usagef(p.verb, "--code-file needs the name of a file, or -")
	}
	if _, port, err := net.SplitHostPort(p.listen); !dials && (err != nil || !isPort(port)) {
		return p, usagef(p.verb, "--listen needs an address such as :33779, 192.0.2.7:0 or [::1]:33779, and not %q", p.listen)
	}
	return p, nil
}

// isPort reports whether text may be a port: a number that fits, or the name of a
// service, which need not be known here.
func isPort(port string) bool {
	n, err := strconv.Atoi(port)
	return err != nil || 0 <= n && n <= math.MaxUint16
}

// parseStreams reads the value of --streams; 0 is auto.
func parseStreams(text string) (int, error) {
	if text == "auto" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > link.MaxStreams {
		return 0, fmt.Errorf("--streams is auto or a number from 1 to %d, and not %q", link.MaxStreams, text)
	}
	return n, nil
}

// connection is a link, and what is needed to make another one like it.
type connection struct {
	*link.Link
	pairing  pairing
	config   link.Config
	args     []string       // the command line
	race     *reach.Race    // nil at the side that listens
	listener *link.Listener // nil at the side that dialled
}

// close ends the listener; the link is closed by the delivery.
func (c *connection) close() error {
	if c.listener == nil {
		return nil
	}
	return c.listener.Close()
}

// connect makes the link. It dials, or it listens and tells r how to start the other side.
func (s *codeSource) connect(ctx context.Context, code link.Code, made bool, r renderer) (*connection, error) {
	p := s.pairing
	c := &connection{pairing: p, args: s.env.Args}
	tell := func(e link.Event) {
		if e.Kind != link.EventLost || ctx.Err() == nil { // whoever ended the program waits for no link
			r.linkEvent(e)
		}
	}
	c.config = link.Config{Role: p.role, Code: code, Timeout: p.timeout, RetryFor: p.retry, Capabilities: p.offers | framing.CapWide, Notify: tell}
	if len(p.to) > 0 {
		return c, s.call(ctx, c, r)
	}
	var known atomic.Pointer[invitation] // once it listens
	var once sync.Once
	c.config.Notify = func(e link.Event) {
		tell(e)
		if invite := known.Load(); e.Kind == link.EventBroken && errors.Is(e.Err, link.ErrSameRole) && invite != nil {
			once.Do(func() { r.advise(sameRoleThere(p.role, e.Addr, invite.command())) })
		}
	}
	ln, err := link.Listen(ctx, p.listen, c.config)
	if err != nil {
		return nil, &exitError{exit: exitConnection, err: err, hint: listenHint(err)}
	}
	c.listener = ln
	invite := inviteTo(ln.Addr(), p.role)
	if made {
		invite.code = code.Reveal()
	} else if s.env.interactive() && s.pairing.codeFile != "-" {
		invite.held = cmp.Or(s.pairing.codeFile, codeVariable)
	}
	known.Store(&invite)
	r.listening(invite)
	s.shown = invite.code
	if err := c.await(ctx, invite, r); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return c, nil
}

// oneMoreTry is how long other addresses are tried after one has refused a code that a
// person at the terminal can type again.
const oneMoreTry = 3 * time.Second

// call dials, asking for the code again if the other side refuses one that was typed.
func (s *codeSource) call(ctx context.Context, c *connection, r renderer) error {
	var on *screen
	if people, ok := r.(*console); ok {
		on = people.screen
	}
	var once sync.Once
	tell := c.config.Notify
	c.config.Notify = func(e link.Event) {
		tell(e)
		if e.Kind == link.EventWaiting && reach.CauseOf(e.Err) == reach.SameRole {
			once.Do(func() { r.advise(c.sameRoleHere()) })
		}
	}
	for {
		patience := time.Duration(0)
		if s.typed && s.left > 0 {
			patience = oneMoreTry
		}
		c.race = reach.NewRace(s.pairing.to, patience)
		r.searching(&search{tries: c.race.Tries, began: time.Now(), wait: s.pairing.wait})
		err := c.meet(ctx, s.pairing.wait)
		r.searching(nil)
		if err == nil || !refused(err) {
			return err
		}
		if c.config.Code, err = s.again(ctx, on, err); err != nil {
			return err
		}
	}
}

// callPatience is how long a listener waits before it wonders.
const callPatience = 30 * time.Second

// await takes the link of the side that calls. It says once if nobody calls.
func (c *connection) await(ctx context.Context, invite invitation, r renderer) error {
	var watch sync.WaitGroup
	defer watch.Wait()
	met, cancel := context.WithCancel(ctx)
	defer cancel()
	watch.Go(func() { c.remind(met, callPatience, invite, r) })
	within := ctx
	if c.pairing.wait > 0 {
		var stop context.CancelFunc
		within, stop = context.WithTimeout(ctx, c.pairing.wait)
		defer stop()
	}
	err := c.meet(within, 0)
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		return c.notCalled(invite)
	}
	return err
}

// listenHint is what can be done about an address that cannot be listened on.
func listenHint(err error) string {
	const free = "--listen :0 picks a free port"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "another ferry may be listening there; " + free
	case errors.Is(err, syscall.EACCES):
		return "that port takes more rights; " + free
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "that is no address of this machine; without a host, as in --listen :33779, it listens on all of them"
	}
	return free
}

// meet makes the link. A listener waits until ctx ends, a dialler waits as long as wait
// says.
func (c *connection) meet(ctx context.Context, wait time.Duration) error {
	var err error
	if c.listener != nil {
		c.Link, err = c.listener.Accept(ctx)
		return err
	}
	c.Link, err = c.race.Dial(ctx, c.config, wait)
	return c.explain(err)
}

// refused reports whether the other side refused the code.
func refused(err error) bool {
	var le *link.Error
	return errors.As(err, &le) && le.Remote && le.Code == framing.CodeCodeRefused
}

// meetAgain makes another link to a side whose process was started again. It waits as
// long as for a lost link.
func (c *connection) meetAgain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.pairing.retry)
	defer cancel()
	return c.meet(ctx, c.pairing.retry)
}
