package main

import (
	"fmt"
	"math"
	"net"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

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
	links       int    // that may be there at once; 0 is one
	offers      uint64 // framing.Cap bits
	stdinIsData bool
	ways        waysArgs
	server      *trust // that is dialled, and takes keys; nil without one
}

// pairingOf reads and checks the flags. dial is "to" or "from".
func pairingOf(c *cli.Context, env *Env, role link.Role, dial string) (pairing, error) {
	p := pairing{
		verb: c.Command.Name, role: role, listen: c.String("listen"),
		wait: c.Duration("wait"), timeout: c.Duration("timeout"), retry: c.Duration("retry-for"), codeFile: c.String("code-file"), weakCode: c.Bool("weak-code"),
	}
	var err error
	if p.streams, err = parseStreams(c.String("streams")); err != nil {
		return p, usagef(p.verb, "%v", err)
	}
	server, err := trustOf(c, env, dial)
	if err != nil {
		return p, err
	}
	if server != nil {
		p.calls(server)
	} else if p.to, err = placesOf(c, dial); err != nil {
		return p, err
	}
	p.dial = reach.Join(p.to)
	dials := len(p.to) > 0
	if p.ways, err = waysOf(c, env, dials); err != nil {
		return p, err
	}
	if server != nil {
		p.ways.lan = false // as FERRY_FIND may have it
	}
	if err = p.ways.behind(c, env, p.to); err != nil {
		return p, err
	}
	switch {
	case dials && c.IsSet("listen"):
		return p, usagef(p.verb, "--%s dials and --listen listens: give one of them", dial)
	case p.wait < 0:
		return p, usagef(p.verb, "--wait is a time, and not %s", p.wait)
	case !dials && c.IsSet("wait") && p.wait == 0:
		return p, usagef(p.verb, "--wait 0 leaves no time to call; without --wait a side that listens waits as long as it takes")
	case c.IsSet("code-file") && p.codeFile == "":
		return p, usagef(p.verb, "--code-file needs the name of a file, or -")
	}
	if _, port, err := net.SplitHostPort(p.listen); !dials && (err != nil || !isPort(port)) {
		return p, usagef(p.verb, "--listen needs an address such as :33779, 192.0.2.7:0 or [::1]:33779, and not %q", p.listen)
	}
	return p, p.checkTimes()
}

// checkTimes refuses what no link can keep to.
func (p pairing) checkTimes() error {
	switch {
	case p.timeout < link.MinTimeout:
		return usagef(p.verb, "--timeout is at least %s", link.MinTimeout)
	case p.retry < 0 || p.retry > longestRetry:
		return usagef(p.verb, "--retry-for is a time, and not %s", p.retry)
	}
	return nil
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
