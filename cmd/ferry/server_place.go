package main

import (
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach"
	"ferry/transfer/tree"
)

// serverScheme begins a place at a ferry serve.
const serverScheme = "ferry://"

// hostKeyFlagName names the flag with the fingerprint of a server's key.
const hostKeyFlagName = "host-key"

// hostKeyFlag says which key a server has.
func hostKeyFlag() cli.Flag {
	return optionOf(&cli.StringFlag{Name: hostKeyFlagName, Usage: "`KEY`: the server's fingerprint, SHA256:..."}).
		more("It goes with ferry://HOST/PATH, and takes the place of the known hosts: scripts need it, or a host that is known. ferry serve prints it.")
}

// serverPlace is ferry://HOST[:PORT]/PATH: a path at a server.
type serverPlace struct {
	at   reach.Address
	path string // without a slash at its start; "" is all that the key may see
}

// isServer reports whether an argument is meant as such a place.
func isServer(text string) bool {
	return len(text) >= len(serverScheme) && strings.EqualFold(text[:len(serverScheme)], serverScheme)
}

// parseServer reads one. Percent signs in the path begin bytes in hexadecimal.
func parseServer(text string) (p serverPlace, err error) {
	host, path, _ := strings.Cut(text[len(serverScheme):], "/")
	switch {
	case strings.ContainsAny(text, "?#"):
		return p, errors.New("? and # mean something else in a URL: write %3F and %23")
	case strings.Contains(host, "@"):
		return p, errors.New("a server knows people by their keys: leave out what is before the @")
	case host == "":
		return p, errors.New("the machine is missing: ferry://HOST/PATH")
	case strings.Contains(host, ","):
		return p, errors.New("one machine is named, and no list of them")
	}
	if host, err = url.PathUnescape(host); err != nil { // of the zone of an address
		return p, errors.New("a percent sign is followed by two digits in hexadecimal")
	}
	list, err := reach.ParseList(host)
	if err == nil {
		err = reach.CheckZones(list)
	}
	if err != nil {
		return p, err
	}
	p.at = list[0]
	if p.path, err = url.PathUnescape(path); err != nil {
		return p, errors.New("a percent sign is followed by two digits in hexadecimal")
	}
	return p, checkServerPath(p.path)
}

// checkServerPath refuses a path that no server has.
func checkServerPath(path string) error {
	if len(path) > framing.MaxPlace {
		return errors.New("the path is too long")
	}
	if path == "" {
		return nil
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
		if err := tree.CheckComponent(part); err != nil {
			return err
		}
	}
	return nil
}

// asked is the path as a request names it.
func (p serverPlace) asked() string {
	if p.path == "" {
		return "."
	}
	return p.path
}

// trustOf reads the place at a server, from the flag named dial or the argument of
// receive; nil if the other side is something else.
func trustOf(c *cli.Context, env *Env, dial string) (*trust, error) {
	verb, text := c.Command.Name, c.String(dial)
	if first := c.Args().First(); dial == "from" && isServer(first) {
		text = first
		if c.IsSet(dial) || c.NArg() > 1 {
			return nil, usagef(verb, "one place is fetched from: ferry copy takes several, and the folder for what comes as the last")
		}
	} else if dial == "from" && isServer(text) && c.NArg() > 0 {
		return nil, usagef(verb, "the other side is named twice: %s and --from %s", first, text)
	}
	if !isServer(text) {
		if c.IsSet(hostKeyFlagName) {
			return nil, usagef(verb, "--%s goes with --%s ferry://HOST/PATH: elsewhere a code says who it is", hostKeyFlagName, dial)
		}
		return nil, nil
	}
	for _, name := range []string{"listen", "code-file", "weak-code", "find", "relay", "relay-token"} {
		if c.IsSet(name) {
			return nil, usagef(verb, "--%s does not go with ferry://: a server is called at its address, and keys say who both are", name)
		}
	}
	return newTrust(c, env, text)
}

// newTrust reads a place and --host-key.
func newTrust(c *cli.Context, env *Env, text string) (*trust, error) {
	verb := c.Command.Name
	place, err := parseServer(text)
	if err != nil {
		return nil, usagef(verb, "%s: %v", text, err)
	}
	t := &trust{env: env, place: place, asks: env.interactive() && !c.Bool("yes") && !c.Bool("json")}
	if c.IsSet(hostKeyFlagName) {
		t.pinned = strings.TrimRight(c.String(hostKeyFlagName), "=")
		digest, found := strings.CutPrefix(t.pinned, "SHA256:")
		if raw, err := base64.RawStdEncoding.DecodeString(digest); err != nil || !found || len(raw) != 32 {
			return nil, usagef(verb, "--%s is a fingerprint as ferry serve and ssh-keygen -l print it, SHA256: and 43 characters, and not %q", hostKeyFlagName, c.String(hostKeyFlagName))
		}
	}
	return t, nil
}

// calls has p dial a server.
func (p *pairing) calls(t *trust) {
	p.server, p.to = t, []reach.Address{t.place.at}
}

// capabilities are those that a server needs of a client.
func (t *trust) capabilities(role link.Role) uint64 {
	if role == link.Sender {
		return framing.CapPlace | framing.CapRemarks
	}
	return framing.CapRequest | framing.CapRemarks
}

// serverSides reads SRC... DEST of copy of which one side is at a server. there are the
// places, and down is true where they are SRC.
func serverSides(args []string) (there []string, down bool, err error) {
	if !slices.ContainsFunc(args, isServer) {
		return nil, false, nil
	}
	if err := checkSides(args); err != nil {
		return nil, false, err
	}
	last := len(args) - 1
	for _, a := range args[:last] {
		if isServer(a) {
			there = append(there, a)
		}
	}
	switch {
	case len(there) == 0:
		return args[last:], false, nil
	case isServer(args[last]):
		return nil, false, usagef("copy", "one side is on this machine: between two servers, let one of them copy")
	case len(there) < last:
		return nil, false, usagef("copy", "some of SRC are at a server and some are not: copy them one after another")
	}
	return there, true, nil
}
