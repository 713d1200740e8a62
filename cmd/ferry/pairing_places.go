package main

import (
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"ferry/transfer/link"
	"ferry/transfer/reach"
)

// anyAddress stands for that of the other side where commands are printed. HOST does in
// texts.
const anyAddress = "ADDRESS"

// placesOf reads where the other side is to be dialled, from the flag named dial or from
// the argument of receive; none if neither is given.
func placesOf(c *cli.Context, dial string) ([]reach.Address, error) {
	verb := c.Command.Name
	text, given := c.String(dial), c.IsSet(dial)
	if dial == "from" {
		host, err := hostArgument(c)
		switch {
		case err != nil:
			return nil, err
		case host != "" && given:
			return nil, usagef(verb, "the other side is named twice: %s and --from %s", host, text)
		case host != "":
			text, given = host, true
		}
	}
	if !given {
		return nil, nil
	}
	if link.HasCode(text) { // to look it up as a name would tell it to others
		return nil, codeArgument(verb, dial, "")
	}
	list, err := reach.ParseList(text)
	if err == nil && (list[0].Host == anyAddress || list[0].Host == "HOST") {
		return nil, usagef(verb, "%s stands for the address that the other side prints when it listens", list[0].Host)
	}
	if err == nil {
		err = reach.CheckZones(list)
	}
	if err != nil {
		return nil, usagef(verb, "--%s: %v; it needs HOST or HOST:PORT, such as 192.0.2.7 or [2001:db8::7]:40000", dial, err)
	}
	return list, nil
}

// hostArgument is the argument of receive: the other side, as for --from. A code there is
// refused, since everybody on this machine can read arguments.
func hostArgument(c *cli.Context) (string, error) {
	text := c.Args().First()
	if link.HasCode(text) {
		return "", codeArgument("receive", "from", "")
	}
	if _, err := link.ParseCode(text); err == nil && isCodeAlone(text) {
		return "", codeArgument("receive", "from", "; a machine of such a name is dialled with --from too")
	}
	if text == "" && !c.Args().Present() {
		return "", nil
	}
	_, gone := os.Lstat(text)
	_, err := reach.ParseList(text)
	if err != nil && gone != nil && c.NArg() == 1 && strings.Contains(text, ":") && !strings.Contains(text, "/") {
		return "", usagef("receive", "%v", err)
	}
	if err != nil || gone == nil || c.NArg() > 1 {
		return "", usagef("receive", "receive takes no paths (%s); --out DIR says where to, and --from HOST whom to call", text)
	}
	return text, nil
}

// codeArgument is the error for a code where a machine has to stand. It does not quote it.
func codeArgument(verb, dial, more string) error {
	return usagef(verb, "a code is never an argument, where everybody on this machine can read it: run ferry %s --%s HOST, and type it when asked%s", verb, dial, more)
}

// isCodeAlone reports whether text can only be a code: it has none of the characters
// that mark an address or a path.
func isCodeAlone(text string) bool { return !strings.ContainsAny(text, `./:\`) }

// misplacedAddress is the error for a last path of send that is an address, as other
// programs have it: otherwise this side would listen for ever.
func misplacedAddress(c *cli.Context, paths, argv []string) error {
	last := paths[len(paths)-1]
	if _, err := os.Lstat(last); err == nil || c.IsSet("to") || !reach.LooksLikeAddress(last) {
		return nil
	}
	say := slices.Clone(argv)
	for i := len(say) - 1; i > 0; i-- {
		if say[i] == last {
			say = slices.Delete(say, i, i+1)
			break
		}
	}
	if i := slices.Index(say, "send"); i >= 0 {
		say = slices.Insert(say, i+1, "--to", last)
	}
	line := command(say...)
	if len(paths) == 1 {
		line += " " + anyPath
	}
	return usagef("send", "%s is an address, and no file of that name is here; to send there: %s", last, line)
}

// listeningArgs is a command line without whom it dials, and without how long: it makes
// this side listen.
func listeningArgs(argv []string, p pairing) []string {
	var kept []string
	place := -1
	for i, arg := range argv {
		switch name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "="); {
		case p.role != link.Receiver || strings.HasPrefix(arg, "-") && name == "from":
			place, p.to = -1, nil // it is the value of a flag
		case isPlace(arg, p.to):
			place = i // the last: flags may have a value that looks the same
		}
	}
	for i := 0; i < len(argv); i++ {
		arg := argv[i]
		name, _, joined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case arg == "--":
			return append(kept, argv[i:]...)
		case strings.HasPrefix(arg, "-") && slices.Contains([]string{"to", "from", "wait"}, name):
			if !joined {
				i++
			}
		case i == place:
		default:
			kept = append(kept, arg)
		}
	}
	return kept
}

// diallingArgs is a command line of a side that listened, to dial place.
func diallingArgs(argv []string, p pairing, place string) []string {
	var kept []string
	for i := 0; i < len(argv); i++ {
		name, _, joined := strings.Cut(strings.TrimLeft(argv[i], "-"), "=")
		switch {
		case argv[i] == "--":
			return append(kept, argv[i:]...)
		case strings.HasPrefix(argv[i], "-") && slices.Contains([]string{"listen", "wait"}, name):
			if !joined {
				i++
			}
		case argv[i] == p.verb && p.role == link.Sender && !slices.Contains(kept, "--to"):
			kept = append(kept, argv[i], "--to", place)
		case argv[i] == p.verb && p.role == link.Receiver && !slices.Contains(kept, "--from"):
			kept = append(kept, argv[i], "--from", place)
		default:
			kept = append(kept, argv[i])
		}
	}
	return kept
}

// isPlace reports whether arg names the places that are dialled.
func isPlace(arg string, places []reach.Address) bool {
	list, err := reach.ParseList(arg)
	return err == nil && slices.Equal(list, places)
}
