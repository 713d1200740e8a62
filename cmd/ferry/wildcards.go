package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"ferry/transfer/tree"
)

// The shells of Windows leave * and ? to the programs. No name there can have one of them,
// so an argument that does is a pattern, in quotes or not, as for most programs there.
// Brackets stand for themselves, since names have them. Where nothing matches, a pattern
// stays, as in a POSIX shell, and is then a name that is not there.

// errNoMatch says of a pattern why it is not there.
var errNoMatch = errors.New("no name here matches it")

// withoutWildcards is the paths of a command with the names that its patterns match. What a
// copy writes to is taken as it stands: nobody means whatever name comes last.
func withoutWildcards(cmd *cli.Command, paths []string) []string {
	if runtime.GOOS != "windows" || !guides[cmd.Name].files {
		return paths
	}
	last := len(paths)
	if cmd.Name == "copy" && last > 0 {
		last--
	}
	var all []string
	for _, p := range paths[:last] {
		if names := matching(p); len(names) > 0 {
			all = append(all, names...)
		} else {
			all = append(all, p)
		}
	}
	return append(all, paths[last:]...)
}

// isPattern reports whether a path is a pattern that matched nothing.
func isPattern(path string) bool {
	return runtime.GOOS == "windows" && strings.ContainsAny(path[len(filepath.VolumeName(path)):], "*?")
}

// matching are the paths that a pattern matches, in the order of their names, and with the
// separators that it has. A name of a state folder matches nothing. There are none for what
// is no pattern, or is a place elsewhere.
func matching(pattern string) []string {
	start := len(filepath.VolumeName(pattern)) // \\?\C: is no pattern
	at := strings.IndexAny(pattern[start:], "*?")
	if at < 0 || looksRemote(pattern) {
		return nil
	}
	at += start
	from := at
	for from > start && !os.IsPathSeparator(pattern[from-1]) {
		from--
	}
	to := at
	for to < len(pattern) && !os.IsPathSeparator(pattern[to]) {
		to++
	}
	above, part, below := pattern[:from], pattern[from:to], pattern[to:]
	folder := above
	if folder == "" || start == len(above) && !os.IsPathSeparator(above[len(above)-1]) {
		folder += "." // C:* is in the current folder of that drive
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if tree.IsStateName(e.Name()) || !matches(part, e.Name()) {
			continue
		}
		path := above + e.Name()
		if below == "" {
			names = append(names, path)
			continue
		}
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			continue
		}
		if strings.ContainsAny(below, "*?") {
			names = append(names, matching(path+below)...)
		} else if _, err := os.Lstat(path + below); err == nil {
			names = append(names, path+below)
		}
	}
	return names
}

// matches reports whether a name matches a pattern, in capitals or not: * stands for any
// text and ? for one character. *.* stands for all names, with a dot or without.
func matches(pattern, name string) bool {
	if pattern == "*.*" {
		return true
	}
	// Where the last * was, and how much of the name it stands for so far.
	star, held := -1, 0
	p, n := 0, 0
	for n < len(name) {
		is, size := utf8.DecodeRuneInString(name[n:])
		wanted, width := utf8.DecodeRuneInString(pattern[p:])
		switch {
		case wanted == '*':
			star, held = p, n
			p++
		case width > 0 && (wanted == '?' || unicode.ToUpper(wanted) == unicode.ToUpper(is)):
			p, n = p+width, n+size
		case star >= 0: // let it stand for one more
			_, size = utf8.DecodeRuneInString(name[held:])
			held += size
			p, n = star+1, held
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
