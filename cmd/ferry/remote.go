package main

import (
	"os"
	"runtime"
	"strings"
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
	if scheme, _, found := strings.Cut(path, "://"); found && scheme != "ferry" {
		way = "this version does not know " + scheme + "://"
	}
	return usagef(verb, "%s %s is not on this machine, by the colon in it: %s; a local one of that name is ./%s", what, path, way, path)
}
