package main

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/transfer/link"
	"ferry/transfer/reach"
	"ferry/transfer/reach/proxy"
	"ferry/transfer/reach/relayed"
)

const (
	findVariable  = "FERRY_FIND"
	relayVariable = "FERRY_RELAY"
	tokenVariable = "FERRY_RELAY_TOKEN"
)

// mostRelayToken is the longest token of a relay, in bytes.
const mostRelayToken = 1024

// waysArgs says by which ways the sides find each other, beside an address.
type waysArgs struct {
	lan    bool         // questions on the local network are answered, and asked with a given code
	forced bool         // --find lan was given
	asks   bool         // a person may be asked for the code of the other side
	chosen bool         // the port to listen on was chosen, and no other will do
	waits  bool         // --wait was given
	relay  *relayed.URL // nil: none
	token  []byte       // that the relay asks for; nil without one
	proxy  *proxy.Proxy // makes all connections; nil without one
}

// findOf is where to look, and what said so.
func findOf(c *cli.Context, env *Env) (find, from string) {
	if text := env.Getenv(findVariable); text != "" && !c.IsSet("find") {
		return text, findVariable
	}
	return c.String("find"), "--find"
}

// waysOf reads the flags. dials says that an address was given.
func waysOf(c *cli.Context, env *Env, dials bool) (waysArgs, error) {
	verb := c.Command.Name
	w := waysArgs{chosen: c.IsSet("listen"), waits: c.IsSet("wait")}
	w.asks = verb == "receive" && !c.Bool("yes") && !c.Bool("json") && c.String("code-file") == "" && !w.chosen
	find, from := findOf(c, env)
	switch find {
	case "off":
	case "auto":
		w.lan = !dials && !w.chosen
	case "lan":
		w.lan, w.forced = true, true
	default:
		return w, usagef(verb, "%s is auto, lan or off, and not %q", from, find)
	}
	if w.lan && w.chosen && isLoopback(c.String("listen")) {
		return w, usagef(verb, "%s lan: no other machine reaches %s", from, c.String("listen"))
	}
	return w, w.relayOf(c, env, dials)
}

// relayOf reads the flags about a relay. The one of the environment is for sides that
// are not told another way.
func (w *waysArgs) relayOf(c *cli.Context, env *Env, dials bool) error {
	verb := c.Command.Name
	text, from := c.String("relay"), "--relay"
	if !c.IsSet("relay") {
		if text, from = env.Getenv(relayVariable), relayVariable; dials || w.chosen && isLoopback(c.String("listen")) {
			text = ""
		}
	}
	switch {
	case text == "", text == "off":
		if c.IsSet("relay-token") {
			return usagef(verb, "--relay-token goes with --relay")
		}
		return nil
	}
	u, err := relayed.ParseURL(text)
	if err != nil {
		return usagef(verb, "%s: %v", from, err)
	}
	w.relay = &u
	if file := c.String("relay-token"); c.IsSet("relay-token") {
		return w.tokenFrom(verb, file)
	}
	if text := strings.TrimSpace(env.Getenv(tokenVariable)); text != "" {
		w.token = []byte(text)
	}
	return nil
}

// tokenFrom reads the token that a relay asks for.
func (w *waysArgs) tokenFrom(verb, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return usagef(verb, "reading the relay's token: %v", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostRelayToken+1))
	if err != nil {
		return usagef(verb, "reading the relay's token: %v", err)
	}
	w.token = bytes.TrimSpace(text)
	if len(w.token) == 0 || len(text) > mostRelayToken {
		return usagef(verb, "%s holds no token of a relay: it has 1 to %d bytes", show(file), mostRelayToken)
	}
	return nil
}

// isLoopback reports an address to listen on that only this machine reaches.
func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// searches reports whether this side, which was given the code, looks for the other one.
func (p pairing) searches() bool {
	return p.links < 2 && (p.ways.lan || p.ways.relay != nil && !p.ways.chosen)
}

// listens reports whether this side can be called.
func (p pairing) listens() bool { return !p.dials() && p.ways.proxy == nil || p.ways.chosen }

// waysFor is how this side meets the other with code, which it may have made up.
func (p pairing) waysFor(code link.Code, made bool, patience time.Duration) reach.Ways {
	w := reach.Ways{
		Role: p.role, Addresses: p.to, Spare: !p.ways.chosen, LAN: p.ways.lan, Search: !made && p.searches(),
		Relay: p.ways.relay, Token: p.ways.token, Patience: patience,
	}
	if p.ways.proxy != nil {
		w.Dial = p.ways.proxy.Dial
	}
	if !made {
		w.Room = code.Room()
	}
	if p.listens() {
		w.Listen = p.listen
	}
	return w
}

// limit is how long the other side is waited for; 0 is no limit. A receiver with a code
// that it was given looks for a sender that is there, or soon will be. A sender may be
// there long before.
func (p pairing) limit(made bool) time.Duration {
	switch {
	case p.ways.waits, p.dials():
		return p.wait
	case !made && p.searches() && p.role == link.Receiver:
		return defaultWait
	}
	return 0
}

// meetCommand is what the other side runs to be found by the code alone.
func (p pairing) meetCommand() string {
	if !p.ways.lan && p.ways.relay == nil {
		return ""
	}
	args := []string{"ferry", verbOf(opposite(p.role))}
	if p.ways.relay != nil {
		args = append(args, "--relay", p.ways.relay.String())
	}
	line := command(args...)
	if p.role == link.Receiver {
		line += " " + anyPath
	}
	return line
}
