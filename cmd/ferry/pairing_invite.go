package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"ferry/transfer/link"
	"ferry/transfer/reach"
)

// mostInvited is how many addresses a person is shown.
const mostInvited = 4

// elsewhere stands for the zone of a link-local address, which is another one on each
// machine.
const elsewhere = "INTERFACE"

// invitation is how the other side comes to this one, which listens.
type invitation struct {
	role  link.Role       // of this side
	at    []reach.Address // the likeliest first
	scope reach.Scope
	relay string // where alone this side can be called; "" if it listens
	meet  string // what the other side runs to be met by the code alone; "" if that cannot be
	code  string // made up here; "" when both sides were given it
	held  string // what has the code that a person at the other side may be asked for
}

func inviteTo(at net.Addr, role link.Role) invitation {
	v := invitation{role: role}
	var ips []netip.Addr
	own := reach.Own(at)
	for _, a := range own {
		ips = append(ips, a.Addr())
	}
	v.scope, v.at = reach.ScopeOf(ips), placesFor(own)
	return v
}

// placesFor are addresses of this machine as another one may dial them.
func placesFor(own []netip.AddrPort) (list []reach.Address) {
	for _, a := range own {
		ip := a.Addr()
		if ip.Is6() && ip.IsLinkLocalUnicast() {
			ip = ip.WithZone(elsewhere)
		}
		list = append(list, reach.Address{Host: ip.String(), Port: a.Port()})
	}
	return list
}

// addresses has all of them, as HOST:PORT.
func (v invitation) addresses() []string {
	list := []string{}
	for _, a := range v.at {
		list = append(list, a.String())
	}
	return list
}

func (v invitation) shown() []reach.Address { return v.at[:min(len(v.at), mostInvited)] }

// command is what to run at the other side.
func (v invitation) command() string {
	switch {
	case v.relay != "":
		return v.meet
	case len(v.at) == 0:
		return ""
	}
	return callCommand(v.role, v.shown())
}

// callCommand is the command that dials a side of that role.
func callCommand(callee link.Role, at []reach.Address) string {
	if callee == link.Sender {
		return command("ferry", "receive", "--from", reach.JoinShort(at))
	}
	return command("ferry", "send", "--to", reach.JoinShort(at)) + " " + anyPath
}

// lines tell a person how to start the other side. All that is said of it is said here.
// Lines that begin with a space are to be typed there.
func (v invitation) lines() []string {
	if v.relay != "" {
		lines := []string{"waiting at the relay " + v.relay, "on the other machine run:", "    " + v.meet}
		return append(lines, v.codeLines()...)
	}
	addresses := v.addresses()
	lines := []string{"listening on " + strings.Join(addresses[:min(len(addresses), mostInvited)], ", ")}
	switch {
	case v.scope == reach.OwnMachine:
		lines = append(lines, "only this machine can reach it")
	case v.scope == reach.OwnNetwork:
		lines = append(lines, "only machines on the same network can reach it")
	}
	other, where := v.command(), "on the other machine run:"
	switch {
	case v.scope == reach.OwnMachine:
		where = "in another terminal run:"
	case v.meet != "":
		lines = append(lines[:1], where, "    "+v.meet)
		lines = append(lines, v.codeLines()...)
		if other != "" {
			lines = append(lines, "or there, if it finds nothing, with an address of this side:", "    "+other)
		}
		return append(lines, zoneLines(other)...)
	}
	if other != "" {
		lines = append(lines, where, "    "+other)
		lines = append(lines, zoneLines(other)...)
	}
	return append(lines, v.codeLines()...)
}

func zoneLines(command string) []string {
	if !strings.Contains(command, "%"+elsewhere) {
		return nil
	}
	return []string{"with that machine's own name of the network, such as eth0, for " + elsewhere}
}

func (v invitation) codeLines() []string {
	switch {
	case v.code != "":
		return []string{"and give it this code when it asks:", "    " + v.code}
	case v.held != "":
		return []string{"and if it asks, give it the code in " + show(v.held)}
	}
	return nil
}

// port is the one that is listened on.
func (v invitation) port() uint16 {
	if len(v.at) == 0 {
		return 0
	}
	return v.at[0].Port
}

// firewall is what may keep others out, and what then: the other side listens. here is
// the command for this side then, and first what to do here before that.
func (v invitation) firewall(here, first string) []string {
	if v.relay != "" {
		return []string{"is the other side running, with this code? There:", "    " + v.meet}
	}
	return []string{
		fmt.Sprintf("is port %d open here? A firewall or a router may keep others out: let TCP port %d in, or %sturn it round, with the address that is printed there:", v.port(), v.port(), first),
		"    there: " + startCommand(v.role, reach.DefaultPort),
		"    here:  " + here,
	}
}

// uncalled is what to say when nobody has called.
func (v invitation) uncalled(here string) []string {
	if v.scope == reach.OwnMachine {
		return []string{"nobody has called yet; only this machine can reach this address"}
	}
	lines := v.firewall(here, "press Ctrl-C and ")
	lines[0] = "nobody has called yet; " + lines[0]
	return lines
}

// turnedHere is the command that dials from here.
func (c *connection) turnedHere() string {
	return command(diallingArgs(c.args, c.pairing, anyAddress)...)
}

// remind says, once that time has passed, that nobody has called. It returns when ctx ends
// or it has spoken.
func (c *connection) remind(ctx context.Context, after time.Duration, v invitation, r renderer) {
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		if c.meeting.Calls() == 0 {
			r.advise(v.uncalled(c.turnedHere()))
		}
	}
}

// notCalled is the error at the end of --wait.
func (c *connection) notCalled(v invitation) error {
	wait := c.pairing.wait
	if n := c.meeting.Calls(); n > 0 {
		return &exitError{exit: exitConnection, err: fmt.Errorf("nobody proved the code within %s, with %s", asGiven(wait.String()), counted(n, "call")),
			hint: "the other side needs this side's address and code; with more time: " + command(c.args...)}
	}
	hint := strings.Join(v.firewall(c.turnedHere(), ""), "\n")
	if v.scope == reach.OwnMachine {
		hint = "only this machine can reach that address: is it on a network, and is there no --listen with an address of its own?"
	}
	return &exitError{exit: exitConnection, err: fmt.Errorf("nobody called within %s", asGiven(wait.String())), hint: hint}
}

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// sameRoleThere tells a listener of that role what a caller should have run.
func sameRoleThere(own link.Role, from, other string) []string {
	return []string{
		fmt.Sprintf("%s called and wants to %s too: one side has to %s. There:", hostOf(from), verbOf(own), verbOf(opposite(own))),
		"    " + other,
	}
}

// verbOf is what a side of that role runs.
func verbOf(r link.Role) string {
	if r == link.Sender {
		return "send"
	}
	return "receive"
}

func opposite(r link.Role) link.Role {
	if r == link.Sender {
		return link.Receiver
	}
	return link.Sender
}

// hostOf is an address without its port, which says nothing of a caller. A port other
// than the default one stays out too: where it was dialled, the command line has it.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
