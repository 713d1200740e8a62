package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/checksum"
	"ferry/transfer"
	"ferry/transfer/tree"
)

func checksumCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:        "checksum",
		Usage:       "print or check BLAKE3 digests, as b3sum does",
		ArgsUsage:   "PATH...",
		Description: "Folders are hashed with all that is in them, without links; - is standard input. --check reads such a list, also with CRLF or as b3sum --tag writes it. It ends with 0 if everything matches, 1 if something differs or is missing, 2 if the list is none.",
		Flags: join(in(aboutChecked,
			everyday(&cli.StringFlag{Name: "check", Aliases: []string{"c"}, Usage: "compare with the list in `FILE`, - for stdin"}).aFile(),
		), checkFlags(), in(aboutOutput, everyday(manifestFlag()))),
		Action: func(c *cli.Context) error { return checksumPaths(c, env) },
	}
}

// verifyCommand is checksum --check under a name of its own.
func verifyCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:        "verify",
		Usage:       "check a list of BLAKE3 digests: checksum --check LIST",
		ArgsUsage:   "LIST",
		Description: "LIST is what checksum, b3sum or --manifest wrote, - for standard input. Names are relative to the current folder.",
		Flags:       checkFlags(),
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return usagef("verify", "nothing to check: name a LIST, or - for standard input")
			}
			return checkList(c, env, c.Args().First(), c.Args().Tail())
		},
	}
}

// checkFlags are those of a check.
func checkFlags() []cli.Flag {
	return join(in(aboutChecked,
		everyday(boolFlag("extra", "with a list: tell files that it does not name")).
			more("They are looked for in the folders that the list speaks of, or in PATH..."),
	), in(aboutOutput, jsonFlag(), quietFlag()))
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

type jsonExtra struct {
	Type string `json:"type"` // extra
	jsonPath
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
	Extra   *int64     `json:"extra,omitempty"`
	Elapsed int64      `json:"elapsed_ms"`
	Error   *jsonError `json:"error,omitempty"`
}

// checksumPaths prints or checks a list. There is no other side and no delivery, so it
// uses no renderer: what it prints is its result.
func checksumPaths(c *cli.Context, env *Env) error {
	paths := c.Args().Slice()
	switch {
	case c.IsSet("check") && c.IsSet("manifest"):
		return usagef("checksum", "--check reads a list and --manifest writes one: give one of them")
	case c.IsSet("check"):
		return checkList(c, env, c.String("check"), paths)
	case c.Bool("extra"):
		return usagef("checksum", "--extra goes with --check: what should be named?")
	case len(paths) == 0:
		return usagef("checksum", "nothing to hash: name files or folders, or - for standard input")
	}
	s := newSums(c, env)
	var err error
	if s.manifest, err = openManifest("checksum", c.String("manifest"), "", nil); err != nil {
		return err
	}
	return s.finish(s.list(paths))
}

func newSums(c *cli.Context, env *Env) *sums {
	s := &sums{
		ctx: c.Context, env: env, verb: c.Command.Name, flags: sumFlags{json: c.Bool("json"), quiet: c.Bool("quiet")},
		out: bufio.NewWriter(env.Stdout), started: time.Now(),
	}
	if s.flags.json {
		s.object(startObject())
	}
	return s
}

// sums is one run of checksum. It belongs to one goroutine.
type sums struct {
	ctx      context.Context
	env      *Env
	verb     string
	flags    sumFlags
	started  time.Time
	checking bool          // files are compared with a list
	extra    *extras       // nil without --extra
	out      *bufio.Writer // over a sticky writer
	manifest *manifest
	line     []byte
	count    jsonSumResult
}

// hashers is how many files are hashed at a time: one for each processor, or fewer if
// the process may not open as many files.
func hashers() int { return min(runtime.GOMAXPROCS(0), max(tree.MayOpen()/2, 1)) }

// list prints the digest of each file.
func (s *sums) list(paths []string) error {
	return checksum.Files(s.ctx, paths, checksum.FilesOptions{Workers: hashers(), Recurse: true, Output: s.output()}, s.env.Stdin, func(f checksum.File) error {
		switch {
		case errors.Is(f.Err, checksum.ErrNotRegular), errors.Is(f.Err, checksum.ErrOutput): // met in a folder, not named
			s.leftOut(f.Path, f.Err)
			return s.outputError()
		case f.Err != nil:
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
			// A terminal is read by a person; a list that is checked later goes to a file or pipe.
			s.text(escape(string(s.line[:len(s.line)-1])) + "\n")
		} else {
			s.text(string(s.line))
		}
		return s.outputError()
	})
}

// output lists the files that this run writes. They may lie in a folder that is hashed.
func (s *sums) output() []os.FileInfo {
	var files []os.FileInfo
	if s.env.StdoutFile != nil {
		files = append(files, s.env.StdoutFile)
	}
	if s.manifest != nil {
		files = append(files, s.manifest.files()...)
	}
	return files
}

// failed reports a file that gave no digest.
func (s *sums) failed(path string, err error) {
	s.count.Failed++
	if s.flags.json {
		no := false
		s.object(jsonSum{Type: "file", jsonPath: pathOf(path), OK: &no, Message: tell(bare(err))})
		return
	}
	s.complain(show(path) + ": " + bare(err))
}

// leftOut tells of something in a folder that has no digest.
func (s *sums) leftOut(path string, err error) {
	switch {
	case s.flags.json:
		s.object(jsonNotice{"notice", pathOf(path), tell(bare(err)), false})
	case !s.flags.quiet:
		s.flush()
		fmt.Fprintln(s.env.Stderr, "left out: "+show(path)+": "+bare(err))
	}
}

// complain prints a message for people, after flushing what was printed before.
func (s *sums) complain(text string) {
	if s.flags.json {
		s.object(jsonWarning{"warning", tell(text)})
		return
	}
	s.flush()
	fmt.Fprintln(s.env.Stderr, "ferry: "+escape(text))
}

// text, object and flush print. They leave write errors to the sticky writer below.
func (s *sums) text(line string) { _, _ = s.out.WriteString(line) }
func (s *sums) object(v any)     { _, _ = s.out.Write(jsonLine(v)) }
func (s *sums) flush()           { _ = s.out.Flush() }

// outputError stops the work once the results can no longer be written.
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
		err = &exitError{exit: exitIncomplete, word: "incomplete", err: errors.New(c.text())}
	}
	c.Type, c.Exit = "result", exitOf(s.ctx, err, transfer.Result{}, nil)
	c.OK = c.Exit == exitOK
	elapsed := time.Since(s.started)
	c.Elapsed = elapsed.Milliseconds()
	if s.checking && !s.flags.json && !s.flags.quiet && context.Cause(s.ctx) == nil && c.Exit != exitUsage {
		s.flush()
		fmt.Fprintln(s.env.Stderr, c.matched(elapsed))
	}
	if s.flags.json {
		if err != nil {
			c.Error = &jsonError{Code: outcome{err: err, exit: c.Exit}.word(), Message: tell(err.Error())}
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
