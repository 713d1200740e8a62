package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"ferry/transfer/link"
	"ferry/transfer/reach"
)

// explain adds to a dialler's error what can be done about it: of all that its addresses
// have shown, about the cause that says most.
func (c *connection) explain(err error) error {
	if t := c.pairing.server; t != nil && err != nil {
		if told := t.explain(err); told != nil {
			return told
		}
	}
	if err == nil || exitOfCode(codeOf(err)) != exitConnection {
		return err
	}
	tries := c.tries()
	best := mostTelling(tries)
	text := "no connection to " + triesText(tries, false)
	word := ""
	switch best.Cause {
	case reach.Busy:
		word = "busy"
	case reach.NoProxy:
		word = proxyWord
	}
	return &exitError{exit: exitConnection, word: word, err: errors.New(text), hint: c.hintFor(best)}
}

// hintFor is what can be done about a cause. Its lines that begin with a space are
// commands.
func (c *connection) hintFor(t reach.Try) string {
	p, at := c.pairing, t.Address
	start := startCommand(p.role, at.Port)
	if p.server != nil {
		if hint := p.server.hint(t.Cause, at); hint != "" {
			return hint
		}
	}
	switch {
	case t.Cause == reach.NoProxy:
		return proxyHint(t.Err)
	case t.Cause < reach.Refused && p.ways.proxy != nil && p.ways.proxy.Takes(at.String()):
		return fmt.Sprintf("is the address right, as seen from the proxy %s, and TCP port %d open there? --proxy off goes without it", p.ways.proxy.Host(), at.Port)
	}
	switch t.Cause {
	case reach.Refused:
		return fmt.Sprintf("%s is there, and nothing listens on its port %d%s. There, start:\n    %s", at.Host, at.Port, notDefault(at.Port), start)
	case reach.NoName:
		return "is the name right? An address does too"
	case reach.NoAnswer:
		return fmt.Sprintf("is the address right"+onItsNetwork(at)+"? A firewall or a router there may drop calls: let TCP port %d in there, or turn it round:\n%s", at.Port, c.turned())
	case reach.Unreachable:
		if reach.NoHost(t.Err) {
			return fmt.Sprintf("is the address right, and that machine on? A firewall there may also answer so: let TCP port %d in there, or turn it round:\n%s", at.Port, c.turned())
		}
		return "this machine is on no network that leads there: is it connected, and is the address right?"
	case reach.Silent, reach.HungUp:
		return fmt.Sprintf("a port that is forwarded to nowhere does so. Is port %d the one that the other side prints%s? There:\n    %s", at.Port, notDefault(at.Port), start)
	case reach.NotFerry:
		return fmt.Sprintf("is port %d the one that the other side prints%s? Another one, there:\n    %s", at.Port, notDefault(at.Port), startCommand(p.role, otherPort(at.Port)))
	case reach.Busy:
		return "once its delivery is over, or a minute after a wrong code, run again:\n    " + command(c.args...)
	case reach.SameRole:
		return strings.Join(c.sameRoleHere(), "\n")
	}
	return "is the other side running? There:\n    " + start
}

// onItsNetwork asks about an address that means something within one network only.
func onItsNetwork(at reach.Address) string {
	if ip, err := netip.ParseAddr(at.Host); err == nil && ip.IsPrivate() {
		return ", and this machine on the same network"
	}
	return ""
}

// sameRoleHere tells a caller what to run instead.
func (c *connection) sameRoleHere() []string {
	own := c.pairing.role
	host := c.tries()[0].Address.Short()
	for _, t := range c.tries() {
		if t.Cause == reach.SameRole {
			host = t.Address.Short()
		}
	}
	return []string{
		fmt.Sprintf("%s wants to %s too: one side has to %s. Here, instead:", host, verbOf(own), verbOf(opposite(own))),
		"    " + callCommand(own, c.pairing.to),
	}
}

// turned are the commands that have this side listen and the other one dial.
func (c *connection) turned() string {
	own := placesFor(reach.Callable())
	if len(own) == 0 {
		own = unnamed()
	}
	there := callCommand(c.pairing.role, own[:min(len(own), mostInvited)])
	return "    here:  " + command(listeningArgs(c.args, c.pairing)...) + "\n    there: " + there
}

// unnamed stands for an address that is not known here.
func unnamed() []reach.Address { return []reach.Address{{Host: anyAddress, Port: reach.DefaultPort}} }

// startCommand is the command that has the other side listen on port.
func startCommand(own link.Role, port uint16) string {
	args := []string{"ferry", verbOf(opposite(own))}
	if port != reach.DefaultPort {
		args = append(args, "--listen", fmt.Sprintf(":%d", port))
	}
	if own == link.Receiver {
		return command(args...) + " " + anyPath
	}
	return command(args...)
}

// notDefault reminds of the default port where another one was dialled.
func notDefault(port uint16) string {
	if port == reach.DefaultPort {
		return ""
	}
	return fmt.Sprintf(" (the default is %d)", reach.DefaultPort)
}

// otherPort is one to go to where another program has port.
func otherPort(port uint16) uint16 {
	if port != reach.DefaultPort {
		return reach.DefaultPort
	}
	return reach.DefaultPort + 1
}
