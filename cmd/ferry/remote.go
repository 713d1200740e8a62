package main

import (
	"cmp"
	"os"
	"runtime"
	"slices"
	"strings"

	"ferry/transfer/reach/ssh"
	"ferry/transfer/store"
)

// looksRemote reports whether a path names a place on another machine, as rsync and
// scp write it: there is a colon before any slash. HOST:PATH, s3://BUCKET and
// ferry://HOST/PATH are so, ./a:b and /a:b are not, nor is a drive of Windows.
func looksRemote(path string) bool {
	if runtime.GOOS == "windows" && len(path) > 1 && path[1] == ':' && isLetter(path[0]) {
		return false
	}
	for i := range len(path) {
		switch {
		case path[i] == ':':
			return true
		case os.IsPathSeparator(path[i]):
			return false
		}
	}
	return false
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// refuseRemote is the error for a path that looksRemote. Otherwise ferry would make it or
// look for it on this machine, and never talk to the other. what is the argument that
// the path was given as.
func refuseRemote(verb, what, path string) error {
	if !looksRemote(path) {
		return nil
	}
	way := "run ferry receive there, and ferry send here"
	if verb == "receive" {
		way = "run ferry receive there"
	}
	scheme, _, found := strings.Cut(path, "://")
	switch {
	case found && scheme != "ferry":
		way = "this version does not know " + scheme + "://"
	case found && verb == "send":
		way = "ferry send --to " + path + " sends there, and ferry receive --from fetches from there"
	case found:
		way = "ferry send --to " + path + " sends there"
	case !found && verb == "send":
		way = "ferry copy goes there by ssh; else " + way
	}
	return usagef(verb, "%s %s is not on this machine, by the colon in it: %s; a local one of that name is ./%s", what, path, way, path)
}

// farPlace is a path at a host.
type farPlace struct {
	host string // [USER@]HOST as ssh takes it, without brackets
	path string // as it is seen from the home there
}

func (p farPlace) String() string {
	if strings.Contains(p.host, ":") {
		return "[" + p.host + "]:" + p.path
	}
	return p.host + ":" + p.path
}

// placeOfArg reads an argument; nil is one on this machine. what is which argument it is.
func placeOfArg(what, arg string) (*farPlace, error) {
	if store.Is(arg) {
		return nil, checkPlace("copy", what, arg) // it is reached from here
	}
	if !looksRemote(arg) {
		return nil, nil
	}
	if strings.Contains(arg, "://") {
		return nil, refuseRemote("copy", what, arg)
	}
	host, path, _ := strings.Cut(arg, ":")
	if user, rest, found := strings.Cut(arg, "["); found && (user == "" || strings.HasSuffix(user, "@")) {
		inside, behind, closed := strings.Cut(rest, "]:")
		if !closed || inside == "" {
			return nil, usagef("copy", "%s %s has a bracket that is not closed before the colon: write [2001:db8::7]:PATH", what, arg)
		}
		host, path = user+inside, behind
	}
	if err := ssh.CheckHost(host); err != nil {
		return nil, usagef("copy", "%s %s %v; a local path of that name is ./%s", what, arg, err, arg)
	}
	switch {
	case strings.HasPrefix(path, ":"):
		return nil, usagef("copy", "%s %s has two colons, which rsync means a module by: ferry knows paths only", what, arg)
	case path == "", path == "~":
		path = "."
	case path == "~/":
		path = "./"
	case strings.HasPrefix(path, "~/"):
		path = strings.TrimLeft(path[2:], "/")
		if path == "" {
			path = "./"
		}
	case path[0] == '~':
		return nil, usagef("copy", "%s %s names the home of another user: give the whole path; a file of that name is ./%s there", what, arg, path)
	}
	return &farPlace{host, path}, nil
}

// sides are the places of SRC... DEST that are elsewhere.
type sides struct {
	host string
	from []string  // paths of all SRC there; nil if they are here
	to   *farPlace // nil if DEST is here
}

// sidesOf reads SRC... DEST.
func sidesOf(args []string) (s sides, err error) {
	if len(args) < 2 {
		return s, nil // which is told by whoever needs them
	}
	var from *farPlace
	last := len(args) - 1
	for i, arg := range args[:last] {
		p, err := placeOfArg("SRC", arg)
		switch {
		case err != nil:
			return s, err
		case store.Is(arg): // told below, if another is reached by ssh
		case i > 0 && (p == nil) != (from == nil):
			return s, usagef("copy", "some of SRC are on this machine and some are not: copy them one after another")
		case p != nil && from != nil && p.host != from.host:
			return s, usagef("copy", "SRC are on %s and on %s: copy them one after another", from.host, p.host)
		case p != nil:
			from = p
			s.from = append(s.from, p.path)
		}
	}
	if s.to, err = placeOfArg("DEST", args[last]); err != nil {
		return s, err
	}
	stored := slices.IndexFunc(args, store.Is)
	switch {
	case stored >= 0 && (from != nil || s.to != nil):
		host := cmp.Or(s.to, from).host
		return s, usagef("copy", "%s is in a store, and %s is reached by ssh: one side is on this machine; let that host copy: ssh %s ferry copy ...", args[stored], host, quote(host))
	case from != nil && s.to != nil:
		line := append([]string{"ssh", from.host, "ferry", "copy"}, s.from...)
		return s, usagef("copy", "one side is on this machine; between two others, let one of them copy: %s", command(append(line, s.to.String())...))
	case s.to != nil:
		s.host = s.to.host
	case from != nil:
		s.host = from.host
	}
	return s, nil
}
