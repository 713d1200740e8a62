package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/framing"
	"ferry/transfer/link"
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
	dial        string // HOST:PORT, or "" to listen
	listen      string
	wait        time.Duration
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
		verb: c.Command.Name, role: role, dial: c.String(dial), listen: c.String("listen"),
		wait: c.Duration("wait"), timeout: c.Duration("timeout"), retry: c.Duration("retry-for"), codeFile: c.String("code-file"), weakCode: c.Bool("weak-code"),
	}
	var err error
	if p.streams, err = parseStreams(c.String("streams")); err != nil {
		return p, usagef(p.verb, "%v", err)
	}
	switch {
	case c.IsSet(dial) && c.IsSet("listen"):
		return p, usagef(p.verb, "--%s dials and --listen listens: give one of them", dial)
	case c.IsSet("wait") && !c.IsSet(dial):
		return p, usagef(p.verb, "--wait goes with --%s: a side that listens waits as long as it takes", dial)
	case p.wait < 0:
		return p, usagef(p.verb, "--wait is a time, and not %s", p.wait)
	case p.timeout < link.MinTimeout:
		return p, usagef(p.verb, "--timeout is at least %s", link.MinTimeout)
	case p.retry < 0 || p.retry > longestRetry:
		return p, usagef(p.verb, "--retry-for is a time, and not %s", p.retry)
	case c.IsSet("code-file") && p.codeFile == "":
		return p, usagef(p.verb, "--code-file needs the name of a file, or -")
	}
	if c.IsSet(dial) {
		if host, port, err := net.SplitHostPort(p.dial); err != nil || host == "" || port == "" || port == "0" || !isPort(port) {
			return p, usagef(p.verb, "--%s needs HOST:PORT, such as 192.0.2.7:33779 or [2001:db8::7]:33779, and not %q", dial, p.dial)
		}
	} else if _, port, err := net.SplitHostPort(p.listen); err != nil || !isPort(port) {
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
	listener *link.Listener // nil at the side that dialled
}

// close ends the listener; the link is closed by the delivery.
func (c *connection) close() error {
	if c.listener == nil {
		return nil
	}
	return c.listener.Close()
}

// connect makes the link. It dials, asking for the code again if the other side
// refuses one that was typed, or it listens and tells r how to start the other side.
func (s *codeSource) connect(ctx context.Context, code link.Code, made bool, r renderer) (*connection, error) {
	p := s.pairing
	c := &connection{pairing: p}
	c.config = link.Config{Role: p.role, Code: code, Timeout: p.timeout, RetryFor: p.retry, Capabilities: p.offers, Notify: r.linkEvent}
	if p.dial != "" {
		var on *screen
		if people, ok := r.(*console); ok {
			on = people.screen
		}
		err := c.meet(ctx, p.wait)
		for err != nil && refused(err) {
			if c.config.Code, err = s.again(ctx, on, err); err != nil {
				return c, err
			}
			err = c.meet(ctx, p.wait)
		}
		return c, err
	}
	ln, err := link.Listen(ctx, p.listen, c.config)
	if err != nil {
		return nil, &exitError{exit: exitConnection, err: err, hint: listenHint(err)}
	}
	c.listener = ln
	shown := ""
	if made {
		shown = code.Reveal()
	}
	addresses := dialable(ln.Addresses())
	other := ""
	if len(addresses) > 0 {
		other = p.otherSide(addresses[0])
	}
	r.listening(addresses, other, shown)
	if err := c.meet(ctx, 0); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return c, nil
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
	c.Link, err = link.Dial(ctx, c.pairing.dial, c.config, wait)
	return c.pairing.explain(err)
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

// dialable leaves out addresses with a zone, which means nothing on another
// machine, unless there are no others.
func dialable(addresses []string) []string {
	zoned := func(a string) bool { return strings.Contains(a, "%") }
	if rest := slices.DeleteFunc(slices.Clone(addresses), zoned); len(rest) > 0 {
		return rest
	}
	return addresses
}

// explain adds to a dialler's error what can be done about it.
func (p pairing) explain(err error) error {
	if err == nil || exitOfCode(codeOf(err)) != exitConnection {
		return err
	}
	_, port, _ := net.SplitHostPort(p.dial)
	other := command("ferry", "receive", "--listen", ":"+port)
	if p.role == link.Receiver {
		other = command("ferry", "send", "--listen", ":"+port) + " PATH..."
	}
	hint := "is the other side running? there: " + other
	var name *net.DNSError
	if errors.As(err, &name) {
		hint = "is the name right? an address does too"
	}
	if errors.Is(err, link.ErrSameRole) {
		hint = "one side has to send and the other to receive"
	}
	return &exitError{exit: exitConnection, err: fmt.Errorf("no connection to %s: %s", p.dial, dialCause(err)), hint: hint}
}

// otherSide is the command that dials this side.
func (p pairing) otherSide(address string) string {
	if p.role == link.Sender {
		return command("ferry", "receive", "--from", address)
	}
	return command("ferry", "send", "--to", address) + " PATH..."
}

// pairingLines tell a person how to start the other side.
func pairingLines(addresses []string, other, code string) []string {
	lines := []string{
		"listening on " + strings.Join(addresses, ", "),
		"on the other machine run:",
		"    " + other,
	}
	if code != "" {
		lines = append(lines, "and give it this code when it asks:", "    "+code)
	}
	return lines
}
