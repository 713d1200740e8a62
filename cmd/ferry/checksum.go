package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"ferry/checksum"
	"ferry/transfer"
)

func checksumCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "checksum",
		Usage:     "print or check BLAKE3 digests, as b3sum does",
		ArgsUsage: "PATH...",
		Description: "Folders are hashed with all that is in them; - is standard input. --check reads such a list\n" +
			"and ends with 0 if everything matches, 1 if something differs or is missing, 2 if the list is no list.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "check", Usage: "read a list from `FILE`, - for standard input, and compare"},
			manifestFlag(),
			jsonFlag(),
			quietFlag(),
		},
		Action: func(c *cli.Context) error { return checksumPaths(c, env) },
	}
}

// sumFlags are what checksum needs to know while it runs.
type sumFlags struct{ json, quiet bool }

// The objects of --json, documented in JSON.md.

type jsonSum struct {
	Type string `json:"type"` // file
	jsonPath
	Digest  string `json:"digest,omitempty"`
	Size    *int64 `json:"size,omitempty"`
	OK      *bool  `json:"ok,omitempty"` // with --check
	Message string `json:"message,omitempty"`
}

type jsonWarning struct {
	Type    string `json:"type"` // warning
	Message string `json:"message"`
}

type jsonSumResult struct {
	Type    string     `json:"type"` // result
	OK      bool       `json:"ok"`
	Exit    int        `json:"exit"`
	Files   int64      `json:"files"`
	Bytes   int64      `json:"bytes"`
	Failed  int64      `json:"failed"`
	Differ  int64      `json:"differ"`
	Invalid int64      `json:"invalid"` // lines of the list
	Error   *jsonError `json:"error,omitempty"`
}

// checksumPaths prints or checks a list. It needs no other side, so it has no
// renderer: what it prints is its result.
func checksumPaths(c *cli.Context, env *Env) error {
	s := &sums{
		ctx: c.Context, env: env, flags: sumFlags{json: c.Bool("json"), quiet: c.Bool("quiet")},
		out: bufio.NewWriter(env.Stdout),
	}
	var err error
	switch {
	case c.IsSet("check") && c.Args().Present():
		return usagef("checksum", "--check takes the names from the list: no PATH beside it")
	case c.IsSet("check") && c.IsSet("manifest"):
		return usagef("checksum", "--check reads a list and --manifest writes one: give one of them")
	case c.IsSet("check"):
		err = s.check(c.String("check"))
	case !c.Args().Present():
		return usagef("checksum", "nothing to hash: name files or folders, or - for standard input")
	default:
		if s.manifest, err = openManifest("checksum", c.String("manifest"), "", nil); err != nil {
			return err
		}
		err = s.list(c.Args().Slice())
	}
	return s.finish(err)
}

// sums is one run of checksum. It belongs to one goroutine.
type sums struct {
	ctx      context.Context
	env      *Env
	flags    sumFlags
	out      *bufio.Writer // over a sticky writer
	manifest *manifest
	line     []byte
	count    jsonSumResult
}

// list prints the digest of each file.
func (s *sums) list(paths []string) error {
	return checksum.Files(s.ctx, paths, checksum.FilesOptions{Recurse: true}, s.env.Stdin, func(f checksum.File) error {
		if f.Err != nil {
			s.failed(f.Path, f.Err)
			return s.outputError()
		}
		s.count.Files++
		s.count.Bytes += f.Size
		if s.manifest != nil {
			s.manifest.add(f.Digest, f.Path)
		}
		if s.flags.json {
			s.object(jsonSum{Type: "file", jsonPath: pathOf(f.Path), Digest: f.Digest.String(), Size: &f.Size})
			return s.outputError()
		}
		s.line = checksum.AppendLine(s.line[:0], f.Digest, []byte(f.Path))
		if s.env.StdoutTTY {
			// For eyes: what is to be checked again goes to a file or a pipe.
			s.text(escape(string(s.line[:len(s.line)-1])) + "\n")
		} else {
			s.text(string(s.line))
		}
		return s.outputError()
	})
}

// checkBatch bounds the lines of a list that are in memory.
const checkBatch = 1024

// check compares the files of a list with it, a batch at a time so that a list of
// any length takes the same memory. Names are relative to the current folder, as
// b3sum takes them. A line that is none spoils the result but not the rest.
func (s *sums) check(name string) error {
	var in io.Reader = s.env.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return usagef("checksum", "reading the list: %v", err)
		}
		defer f.Close()
		in = f
	}
	lines := checksum.NewScanner(in)
	var paths []string
	var want []checksum.Digest
	flush := func() error {
		i := 0
		err := checksum.Files(s.ctx, paths, checksum.FilesOptions{}, nil, func(f checksum.File) error {
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
			path = "./-" // a list speaks of files
		}
		paths, want = append(paths, path), append(want, l.Digest)
		if len(paths) == checkBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return usagef("checksum", "reading the list %s: %v", name, err)
	}
	if err := flush(); err != nil {
		return err
	}
	if s.count.Files+s.count.Failed+s.count.Differ == 0 {
		return usagef("checksum", "%s holds no line of a list", name)
	}
	return nil
}

// compare holds one file against its line of the list. What matches is data like
// the rest, so that b3sum's readers find it on standard output too.
func (s *sums) compare(f checksum.File, want checksum.Digest) {
	same := f.Err == nil && f.Digest == want
	switch {
	case f.Err != nil && s.flags.json:
		s.failed(f.Path, f.Err)
		return
	case f.Err != nil:
		s.count.Failed++
		s.text(escape(f.Path) + ": FAILED (" + bare(f.Err) + ")\n")
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
		s.text(escape(f.Path) + ": " + verdict + "\n")
	}
}

// failed reports a file that gave no digest.
func (s *sums) failed(path string, err error) {
	s.count.Failed++
	if s.flags.json {
		no := false
		s.object(jsonSum{Type: "file", jsonPath: pathOf(path), OK: &no, Message: show(bare(err))})
		return
	}
	s.complain(show(path) + ": " + bare(err))
}

// complain says something to people, after what was printed so far.
func (s *sums) complain(text string) {
	if s.flags.json {
		s.object(jsonWarning{"warning", show(text)})
		return
	}
	s.flush()
	fmt.Fprintln(s.env.Stderr, "ferry: "+escape(text))
}

// text, object and flush print. They leave write errors to the sticky writer below.
func (s *sums) text(line string) { _, _ = s.out.WriteString(line) }
func (s *sums) object(v any)     { _, _ = s.out.Write(jsonLine(v)) }
func (s *sums) flush()           { _ = s.out.Flush() }

// outputError ends the work once nobody takes its results.
func (s *sums) outputError() error {
	if w, ok := s.env.Stdout.(*stickyWriter); ok && w.err != nil {
		return outputError(w.err)
	}
	return nil
}

// finish ends the list of --manifest and the output, and gives the exit code.
func (s *sums) finish(err error) error {
	c := &s.count
	if cause := context.Cause(s.ctx); cause != nil {
		err = cause
	}
	if s.manifest != nil {
		_, merr := s.manifest.finish(err == nil)
		if err == nil && merr != nil {
			err = merr
		}
	}
	if err == nil && c.Failed+c.Differ+c.Invalid > 0 {
		err = &exitError{exit: exitIncomplete, err: errors.New(c.text())}
	}
	c.Type, c.Exit = "result", exitOf(s.ctx, err, transfer.Result{}, nil)
	c.OK = c.Exit == exitOK
	if s.flags.json {
		if err != nil {
			c.Error = &jsonError{Message: show(err.Error())}
		}
		s.object(c)
	}
	s.flush()
	werr := s.outputError()
	if err == nil {
		return werr
	}
	return &exitError{exit: c.Exit, err: err, done: s.flags.json && werr == nil}
}

// text counts what went wrong, as "2 files differ, 1 line of the list is not
// valid".
func (r jsonSumResult) text() string {
	text := ""
	for _, n := range []struct {
		count     int64
		one, many string
	}{
		{r.Failed, "file could not be read", "files could not be read"},
		{r.Differ, "file differs", "files differ"},
		{r.Invalid, "line of the list is not valid", "lines of the list are not valid"},
	} {
		if n.count == 0 {
			continue
		}
		if text != "" {
			text += ", "
		}
		what := n.many
		if n.count == 1 {
			what = n.one
		}
		text += fmt.Sprintf("%d %s", n.count, what)
	}
	return text
}
