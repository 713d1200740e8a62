package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/checksum"
)

// checkList compares the files that a list names with it. paths are the folders that
// --extra searches; with none it searches the folders that the list mentions.
func checkList(c *cli.Context, env *Env, list string, paths []string) error {
	s := newSums(c, env)
	s.checking = true
	switch {
	case c.Bool("extra"):
		s.extra = newExtras(paths)
		s.count.Extra = new(int64)
	case len(paths) > 0 && s.verb == "verify":
		return usagef(s.verb, "one LIST is checked at a time")
	case len(paths) > 0:
		return usagef(s.verb, "--check takes the names from the list: no PATH beside it, but with --extra")
	}
	return s.finish(s.check(list))
}

// checkBatch bounds the lines of a list that are in memory.
const checkBatch = 1024

// check compares the files of a list with it. It takes one batch of lines at a time,
// so that memory does not grow with the list. Names are relative to the current folder,
// as with b3sum. An invalid line makes the check fail; the other lines are still checked.
func (s *sums) check(name string) error {
	var in io.Reader = s.env.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return usagef(s.verb, "reading the list: %v", err)
		}
		defer f.Close() // only read
		if s.extra != nil {
			s.extra.list, _ = f.Stat()
		}
		in = f
	}
	lines := checksum.NewScanner(in)
	var paths []string
	var want []checksum.Digest
	flush := func() error {
		i := 0
		err := checksum.Files(s.ctx, paths, checksum.FilesOptions{Workers: hashers(), NoPipes: true}, nil, func(f checksum.File) error {
			s.compare(f, want[i])
			i++
			return s.outputError()
		})
		paths, want = paths[:0], want[:0]
		return err
	}
	for lines.Scan() {
		l := lines.Line()
		if l.Err != nil {
			s.count.Invalid++
			s.complain(show(name) + ": " + l.Err.Error())
			continue
		}
		path := string(l.Name)
		if path == "-" {
			path = "./-" // in a list, - is a file and not standard input
		}
		if s.extra != nil {
			s.extra.add(path)
		}
		paths, want = append(paths, path), append(want, l.Digest)
		if len(paths) == checkBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return usagef(s.verb, "reading the list %s: %v", name, err)
	}
	if err := flush(); err != nil {
		return err
	}
	if s.count.Files+s.count.Failed+s.count.Differ == 0 {
		return usagef(s.verb, "%s holds no line of a list", name)
	}
	if s.extra != nil {
		return s.tellExtra()
	}
	return nil
}

// tellExtra reports files that the list does not name. They do not make the check fail:
// everything that the list names is there.
func (s *sums) tellExtra() error {
	return s.extra.each(s.ctx, func(path string, err error) error {
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

// matched is the last line of a check.
func (r jsonSumResult) matched(took time.Duration) string {
	text := fmt.Sprintf("%d of %s", r.Files, filesText(r.Files+r.Differ+r.Failed)) + " match"
	if r.Files == 1 {
		text += "es"
	}
	text += "; " + sizeText(r.Bytes) + " in " + elapsed(took)
	if r.Extra != nil {
		text += fmt.Sprintf("; %s not in the list", filesText(*r.Extra))
	}
	return text
}

func filesText(n int64) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

// compare compares one file with its line of the list. Matches go to standard output
// too, as b3sum prints them.
func (s *sums) compare(f checksum.File, want checksum.Digest) {
	same := f.Err == nil && f.Digest == want
	switch {
	case f.Err != nil && s.flags.json:
		s.failed(f.Path, f.Err)
		return
	case f.Err != nil:
		s.count.Failed++
		s.text(plain(f.Path) + ": FAILED (" + bare(f.Err) + ")\n")
		return
	case same:
		s.count.Files++
		s.count.Bytes += f.Size
	default:
		s.count.Differ++
	}
	if s.flags.json {
		s.object(jsonSum{Type: "file", jsonPath: pathOf(f.Path), Digest: f.Digest.String(), Size: &f.Size, OK: &same})
		return
	}
	verdict := "OK"
	if !same {
		verdict = "FAILED"
	}
	if !same || !s.flags.quiet {
		s.text(plain(f.Path) + ": " + verdict + "\n")
	}
}
