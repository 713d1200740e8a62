package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"ferry/transfer/reach"
	"ferry/transfer/reach/proxy"
)

// With a proxy in force all of this side's connections go through it, and nothing else
// leaves: there is no search, no look-up of a name, and no direct path. A port is open only
// where --listen asks for it. A command that could do nothing so is refused, and goes no
// other way instead.

// proxyWord is the cause, for programs, that a proxy is to blame for.
const proxyWord = "proxy"

// proxyFlag says through which proxy this side calls.
func proxyFlag() cli.Flag {
	return optionOf(&cli.StringFlag{Name: "proxy", Usage: "call through the proxy at `URL`", Value: "env"}).
		oneOf("env", "off").
		more("URL is socks5h://HOST:PORT, http:// or https://, and the proxy looks up the names. env is what ALL_PROXY says, and off none. NO_PROXY and loopback are called without it. Nothing else leaves then: no search, no direct path, and no port but that of --listen. A password belongs in ALL_PROXY, since everybody on this machine can read arguments.")
}

// proxyOf is the proxy that all calls go through; nil without one.
func proxyOf(c *cli.Context, env *Env) (*proxy.Proxy, error) {
	verb, from := c.Command.Name, "--proxy"
	address, without := proxy.Environment(env.Getenv)
	switch text := c.String("proxy"); text {
	case "off":
		return nil, nil
	case "env":
		from = "ALL_PROXY"
	default:
		address = text
	}
	if address == "" {
		return nil, nil
	}
	p, err := proxy.New(address, without)
	if err != nil {
		return nil, usagef(verb, "%s %v; --proxy off goes without", from, err)
	}
	if p.Secret() && from == "--proxy" {
		return nil, usagef(verb, "--proxy: a password is never an argument, where everybody on this machine can read it: put the URL into ALL_PROXY")
	}
	return p, nil
}

// behind has a proxy in force make all calls, and takes back what would go beside it.
// Addresses that need no proxy are dialled as without one.
func (w *waysArgs) behind(c *cli.Context, env *Env, to []reach.Address) error {
	p, err := proxyOf(c, env)
	switch {
	case err != nil || p == nil:
		return err
	case c.IsSet("find") && w.lan:
		return usagef(c.Command.Name, "--find lan asks on the local network, which goes beside the proxy %s: --proxy off goes without it", p)
	case len(to) > 0 && w.relay == nil && !takesAny(p, to):
		w.lan = false
		return nil
	case len(to) == 0 && w.relay == nil && !w.chosen:
		dial := "to"
		if c.Command.Name == "receive" {
			dial = "from"
		}
		return usagef(c.Command.Name, "there is a proxy (%s, by %s), and nobody can be called through it without --%s or --relay; --listen waits for a call beside it, and --proxy off goes without it", p, proxySource(c), dial)
	}
	w.lan, w.proxy = false, p
	return nil
}

// proxySource is what names the proxy.
func proxySource(c *cli.Context) string {
	if c.String("proxy") == "env" {
		return "ALL_PROXY"
	}
	return "--proxy"
}

// takesAny reports whether an address of list is called through p.
func takesAny(p *proxy.Proxy, list []reach.Address) bool {
	for _, a := range list {
		if p.Takes(a.String()) {
			return true
		}
	}
	return false
}

// proxyText is what a proxy says, or what is wrong with it; "" for an error that has
// nothing to do with one.
func proxyText(err error) string {
	var told *proxy.Error
	if !errors.As(err, &told) {
		return ""
	}
	return told.Error()
}

// proxyHint is what can be done about a proxy that makes no connection.
func proxyHint(err error) string {
	const without = "--proxy off goes without it"
	switch {
	case errors.Is(err, proxy.ErrPassword):
		return "ALL_PROXY has them, as in socks5h://USER:PASSWORD@HOST:PORT; " + without
	case errors.Is(err, proxy.ErrForbidden):
		return "whoever runs it says what it connects to; " + without
	}
	return "is it running there, and of that kind? " + without
}
