package main

import (
	"cmp"
	"slices"

	"github.com/urfave/cli/v2"

	"ferry/transfer/link"
	"ferry/transfer/reach/ssh"
	"ferry/transfer/store"
)

// sshVariable names ssh and its arguments where --ssh does not.
const sshVariable = "FERRY_SSH"

// The names of flags that copy has for a side elsewhere.
const (
	sshFlag     = "ssh"
	commandFlag = "remote-command"
	pushFlag    = "push"
)

// remoteFlags are those of copy that are about HOST:PATH.
func remoteFlags() []cli.Flag {
	return join(in(aboutConnection,
		optionOf(&cli.StringFlag{Name: sshFlag, Usage: "run `WORDS` in the place of ssh"}).
			more("They are a program and its arguments, as in --ssh 'ssh -p 2222 -J jump'. Quotes keep a word together. Without it FERRY_SSH has them."),
		optionOf(&cli.StringFlag{Name: commandFlag, Usage: "run `CMD` at HOST", DefaultText: "ferry remote"}).
			more("The login shell there takes them apart, as in --remote-command 'sudo -n ferry remote'."),
		optionOf(&cli.StringFlag{Name: pushFlag, Usage: "`WHEN`: bring a missing ferry to HOST", DefaultText: "ask"}).
			oneOf("ask", "always", "never", "once").
			more("ask, always, never or once. ferry lands in a folder of its own below the home there, and stays for the next time; with once it goes again. Without a terminal nobody is asked, and nothing is brought."),
		optionOf(&cli.StringFlag{Name: "find", Usage: "`WHERE`: paths beside ssh: auto or off", Value: "auto"}).
			oneOf("auto", "off").more("auto moves what is copied to a direct path, if there is one. off leaves all in ssh, and opens no port. FERRY_FIND has the value where the flag is not given."),
		proxyFlag(), timeoutFlag(), retryFlag(),
	), streamsFlag())
}

// localOnly refuses flags that mean nothing where both sides are here.
func localOnly(c *cli.Context) error {
	for _, f := range remoteFlags() {
		if name := f.Names()[0]; c.IsSet(name) {
			if slices.ContainsFunc(c.Args().Slice(), store.Is) {
				return usagef("copy", "--%s goes with a side HOST:PATH, and none is", name)
			}
			return usagef("copy", "--%s goes with a side HOST:PATH, and both are on this machine", name)
		}
	}
	return nil
}

// reaching is what those flags say.
type reaching struct {
	call    ssh.Call
	own     bool // the command there is the user's own
	push    string
	stays   bool // all of it goes by ssh, as with --find off and with a proxy
	pairing pairing
}

// reachingOf reads them. role is that of this side.
func reachingOf(c *cli.Context, env *Env, host string, role link.Role) (r reaching, err error) {
	r.call = ssh.Call{Host: host, Command: cmp.Or(c.String(commandFlag), "ferry remote")}
	r.own = c.IsSet(commandFlag)
	if words := cmp.Or(c.String(sshFlag), env.Getenv(sshVariable)); words != "" {
		what := "--" + sshFlag
		if !c.IsSet(sshFlag) {
			what = sshVariable
		}
		if r.call.Program, err = ssh.Words(words); err != nil {
			return r, usagef("copy", "%s: %v", what, err)
		}
	}
	switch r.push = cmp.Or(c.String(pushFlag), "ask"); r.push {
	case "ask", "always", "never", "once":
	default:
		return r, usagef("copy", "--%s is ask, always, never or once, and not %q", pushFlag, r.push)
	}
	switch find, from := findOf(c, env); {
	case find == "off":
		r.stays = true
	case find != "auto" && (find != "lan" || from != findVariable):
		return r, usagef("copy", "%s is auto or off, and not %q: ssh finds HOST", from, find)
	}
	if r.own && c.IsSet(pushFlag) && r.push != "never" {
		return r, usagef("copy", "--%s says what runs there, and --%s brings another: give one of them", commandFlag, pushFlag)
	}
	p, err := proxyOf(c, env)
	if err != nil {
		return r, err
	}
	if p != nil { // nothing goes beside ssh, which has ways of its own through a proxy
		r.stays = true
	}
	r.pairing, err = lastingOf(c, role)
	return r, err
}

// lastingOf reads the flags about how long a link is waited for, which both ends of ssh
// have.
func lastingOf(c *cli.Context, role link.Role) (p pairing, err error) {
	p = pairing{verb: c.Command.Name, role: role, timeout: c.Duration("timeout"), retry: c.Duration("retry-for")}
	if p.streams, err = parseStreams(c.String("streams")); err != nil {
		return p, usagef(p.verb, "%v", err)
	}
	return p, p.checkTimes()
}
