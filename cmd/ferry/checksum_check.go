package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"ferry/checksum"
)

// checkList compares the files that a list names with it. paths are the folders that
// --extra searches; with none it searches the folders that the list mentions.
func checkList(c *cli.Context, env *Env, list string, paths []string) error {
	s, err := newSums(c, env)
	if err != nil {
		return err
	}
	s.list = &listCheck{sums: s, name: list}
	switch {
	case c.Bool("extra"):
		s.list.extra = newExtras(paths)
		s.count.Extra = new(int64)
	case len(paths) > 0 && s.verb == "verify":
		return usagef(s.verb, "one LIST is checked at a time")
	case len(paths) > 0:
		return usagef(s.verb, "--check takes the names from the list: no PATH beside it, but with --extra")
	}
	return s.finish(s.list.check(c.String("dir")))
}

// checkBatch bounds the lines of a list that are in memory.
const checkBatch = 1024

// listCheck is the check of one list.
type listCheck struct {
	sums  *sums
	name  string
	extra *extras // nil without --extra

	batch  []checksum.Line // of one kind
	paths  []string        // of the same files
	untold checksum.Kind   // of lines that do not tell; Either, until one has matched
	kinds  []checksum.Kind // met so far
}

// check compares the files of a list with it. It takes one batch of lines at a time, so
// that memory does not grow with the list. Names are relative to dir or the current folder,
// as with b3sum. An invalid line makes the check fail; the other lines are still checked.
func (l *listCheck) check(dir string) error {
	s := l.sums
	l.untold = checksum.Either
	var in io.Reader = s.env.Stdin
	if l.name != "-" {
		f, err := os.Open(l.name)
		if err != nil {
			return usagef(s.verb, "reading the list: %v", err)
		}
		defer f.Close() // only read
		if l.extra != nil {
			l.extra.list, _ = f.Stat()
		}
		in = f
	}
	if dir != "" {
		if err := os.Chdir(dir); err != nil { // for the rest of this process, which only reads files
			return usagef(s.verb, "--dir: %v", err)
		}
	}
	s.begin(compares)
	lines := checksum.NewScanner(in)
	for lines.Scan() {
		if err := l.line(lines.Line()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return usagef(s.verb, "reading the list %s: %v", l.name, err)
	}
	if err := l.flush(); err != nil {
		return err
	}
	if s.count.Files+s.count.Failed+s.count.Differ+s.count.Missing == 0 {
		return usagef(s.verb, "%s holds no line of a list", l.name)
	}
	if l.extra != nil {
		return l.tellExtra()
	}
	return nil
}

// line puts a line into the batch.
func (l *listCheck) line(line checksum.Line) error {
	if line.Err != nil {
		l.sums.count.Invalid++
		l.sums.complain(show(l.name) + ": " + line.Err.Error())
		return l.sums.outputError()
	}
	path := string(line.Name)
	if path == "-" {
		path = "./-" // in a list, - is a file and not standard input
	}
	if l.extra != nil {
		l.extra.add(path)
	}
	if line.Kind == checksum.Either {
		line.Kind = l.untold
	}
	if len(l.batch) > 0 && l.batch[0].Kind != line.Kind {
		if err := l.flush(); err != nil {
			return err
		}
	}
	l.batch, l.paths = append(l.batch, line), append(l.paths, path)
	switch {
	case line.Kind == checksum.Either: // it may tell for the next
		return l.try()
	case len(l.batch) == checkBatch:
		return l.flush()
	}
	return nil
}

// try finds out what the one line of the batch is, if its file is right, and compares it.
// BLAKE3 comes first, since it costs little beside the other.
func (l *listCheck) try() error {
	var got checksum.File
	for _, kind := range []checksum.Kind{checksum.BLAKE3, checksum.SHA256} {
		err := l.hash(kind, func(f checksum.File) error {
			if kind == checksum.BLAKE3 || f.Err != nil {
				got = f
			}
			got.Other = f.Other
			if f.Err == nil && bytes.Equal(sumOf(f, kind), l.batch[0].Sum) {
				l.untold = kind
				l.batch[0].Kind = kind
			}
			return nil
		})
		if err != nil {
			return err
		}
		if got.Err != nil || l.untold != checksum.Either {
			break
		}
	}
	l.compare(got, l.batch[0])
	l.batch, l.paths = l.batch[:0], l.paths[:0]
	return l.sums.outputError()
}

// flush compares the files of the batch.
func (l *listCheck) flush() error {
	if len(l.batch) == 0 {
		return nil
	}
	i := 0
	err := l.hash(l.batch[0].Kind, func(f checksum.File) error {
		l.compare(f, l.batch[i])
		i++
		return l.sums.outputError()
	})
	l.batch, l.paths = l.batch[:0], l.paths[:0]
	return err
}

// hash hashes the files of the batch.
func (l *listCheck) hash(kind checksum.Kind, emit func(checksum.File) error) error {
	o := checksum.FilesOptions{Workers: hashers(), NoPipes: true, Kind: kind, Read: l.sums.progress.read()}
	return checksum.Files(l.sums.ctx, l.paths, o, nil, emit)
}

// compare compares one file with its line of the list. Matches go to standard output too,
// as b3sum prints them.
func (l *listCheck) compare(f checksum.File, want checksum.Line) {
	c := &l.sums.count
	switch {
	case errors.Is(f.Err, fs.ErrNotExist), errors.Is(f.Err, syscall.ENOTDIR):
		c.Missing++
		l.unread(f, "missing")
		return
	case f.Err != nil:
		c.Failed++
		l.unread(f, bare(f.Err))
		return
	}
	kind := want.Kind
	if !slices.Contains(l.kinds, kind) {
		l.kinds = append(l.kinds, kind)
	}
	same := kind != checksum.Either && bytes.Equal(sumOf(f, kind), want.Sum)
	if same {
		c.Files++
		c.Bytes += f.Size
	} else {
		c.Differ++
	}
	l.sums.progress.settled()
	l.read(f, kind, same)
}

// read reports a file that was read.
func (l *listCheck) read(f checksum.File, kind checksum.Kind, same bool) {
	s := l.sums
	switch {
	case s.flags.json:
		o := jsonSum{Type: "file", jsonPath: pathOf(f.Path), Digest: hex.EncodeToString(sumOf(f, kind)), Size: &f.Size, OK: &same}
		if kind != checksum.BLAKE3 && kind != checksum.Either {
			o.Kind = strings.ToLower(strings.ReplaceAll(kind.String(), "-", ""))
		}
		s.object(o)
	case !same:
		s.text(plain(f.Path) + ": FAILED\n")
	case !s.flags.quiet:
		s.text(plain(f.Path) + ": OK\n")
	}
}

// unread reports a file that was not.
func (l *listCheck) unread(f checksum.File, why string) {
	if s := l.sums; s.flags.json {
		s.object(jsonSum{Type: "file", jsonPath: pathOf(f.Path), OK: new(bool), Message: tell(why)})
	} else {
		s.text(plain(f.Path) + ": FAILED (" + why + ")\n")
	}
}

// notes say for people which kinds the digests were, but for BLAKE3.
func (l *listCheck) notes() (lines []string) {
	for _, kind := range l.kinds {
		switch {
		case kind == checksum.Either && l.untold == checksum.Either:
			lines = append(lines, "no line of 64 digits matches, neither as BLAKE3 nor as SHA-256")
		case kind.Broken():
			lines = append(lines, "checked by "+kind.String()+", which shows damage and no forgery")
		case kind == checksum.SHA512 && l.sums.count.Files == 0:
			lines = append(lines, "nothing matches by SHA-512; lists of b2sum look the same, and are not known here")
		case kind != checksum.BLAKE3 && kind != checksum.Either:
			lines = append(lines, "checked by "+kind.String())
		}
	}
	return lines
}

// sumOf is the digest of a file.
func sumOf(f checksum.File, kind checksum.Kind) []byte {
	if kind == checksum.BLAKE3 || kind == checksum.Either {
		return f.Digest[:]
	}
	return f.Other
}

// tellExtra reports files that the list does not name. They do not make the check fail:
// everything that the list names is there.
func (l *listCheck) tellExtra() error {
	s := l.sums
	return l.extra.each(s.ctx, func(path string, err error) error {
		switch {
		case err != nil:
			s.failed(path, err)
		case s.flags.json:
			*s.count.Extra++
			s.object(jsonExtra{"extra", pathOf(path)})
		default:
			*s.count.Extra++
			s.text(plain(path) + ": not in the list\n")
		}
		return s.outputError()
	})
}
