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
		Description: "Folders are hashed with all that is in them, without links; - is standard input. --check reads such a list, and those of sha256sum, md5sum and the like. It ends with 0 if everything matches, 1 if something differs or is missing, 2 if the list is none.",
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
		Usage:       "check a list of digests: checksum --check LIST",
		ArgsUsage:   "LIST",
		Description: "LIST is what checksum, --manifest, b3sum, sha256sum, md5sum or the like wrote, - for standard input. Names are relative to the current folder, or to that of -C.",
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
		everyday(&cli.StringFlag{Name: "dir", Aliases: []string{"C"}, Usage: "with a list: its names are relative to `DIR`"}).aFile(),
	), in(aboutOutput, jsonFlag(), progressFlag(), quietFlag()))
}

// The objects of --json, documented in JSON.md.

type jsonSum struct {
	Type string `json:"type"` // file
	jsonPath
	Digest  string `json:"digest,omitempty"`
	Kind    string `json:"algorithm,omitempty"` // unless it is BLAKE3
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

// checksumPaths prints or checks a list. There is no other side and no delivery, so it
// uses no renderer: what it prints is its result.
func checksumPaths(c *cli.Context, env *Env) error {
	paths := c.Args().Slice()
	switch {
	case c.IsSet("check") && c.IsSet("manifest"):
		return usagef("checksum", "--check reads a list and --manifest writes one: give one of them")
	case c.IsSet("check"):
		return checkList(c, env, c.String("check"), paths)
	case c.IsSet("dir"):
		return usagef("checksum", "--dir goes with --check: it says where the names of a list are")
	case c.Bool("extra"):
		return usagef("checksum", "--extra goes with --check: what should be named?")
	case len(paths) == 0:
		return usagef("checksum", "nothing to hash: name files or folders, or - for standard input")
	}
	s, err := newSums(c, env)
	if err != nil {
		return err
	}
	if s.manifest, err = openManifest("checksum", c.String("manifest"), "", nil); err != nil {
		return err
	}
	s.begin(hashes)
	return s.finish(s.hash(paths))
}

func newSums(c *cli.Context, env *Env) (*sums, error) {
	flags, err := outputOf(c)
	if err != nil {
		return nil, err
	}
	s := &sums{ctx: c.Context, env: env, verb: c.Command.Name, flags: flags, out: bufio.NewWriterSize(env.Stdout, resultsHeld), started: time.Now()}
	if s.flags.json {
		s.object(startObject())
	}
	return s, nil
}

// sums is one run of checksum. It belongs to one goroutine.
type sums struct {
	ctx      context.Context
	env      *Env
	verb     string
	flags    outputFlags
	started  time.Time
	progress *hashing      // nil: none is shown
	list     *listCheck    // nil: no list is checked
	out      *bufio.Writer // over a sticky writer
	manifest *manifest
	line     []byte
	count    jsonSumResult
}

// hashers is how many files are hashed at a time: one for each processor, or fewer if
// the process may not open as many files.
func hashers() int { return min(runtime.GOMAXPROCS(0), max(tree.MayOpen()/2, 1)) }

// hash prints the digest of each file.
func (s *sums) hash(paths []string) error {
	return checksum.Files(s.ctx, paths, checksum.FilesOptions{Workers: hashers(), Recurse: true, Output: s.output(), Read: s.progress.read()}, s.env.Stdin, func(f checksum.File) error {
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
		s.progress.settled()
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
		s.object(jsonNotice{"notice", pathOf(path), tell(bare(err)), false, false})
	case !s.flags.quiet:
		s.say("left out: " + show(path) + ": " + bare(err))
	}
}

// complain prints a message for people, after flushing what was printed before.
func (s *sums) complain(text string) {
	if s.flags.json {
		s.object(jsonWarning{"warning", tell(text)})
		return
	}
	s.say("ferry: " + text)
}

// say shows a line to people.
func (s *sums) say(text string) {
	s.flush()
	if s.progress != nil {
		s.progress.screen.say(text)
		return
	}
	fmt.Fprintln(s.env.Stderr, escape(text))
}

// text, object and flush print. They leave write errors to the sticky writer below.
func (s *sums) object(v any) { _, _ = s.out.Write(jsonLine(v)) }
func (s *sums) flush()       { _ = s.out.Flush() }

func (s *sums) text(line string) {
	_, _ = s.out.WriteString(line)
	if s.progress.due(s.out.Buffered()) {
		s.flush()
	}
}

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
	if err == nil && c.Failed+c.Differ+c.Missing+c.Invalid > 0 {
		err = &exitError{exit: exitIncomplete, word: "incomplete", err: errors.New(c.text())}
	}
	c.Type, c.Exit = "result", exitOf(s.ctx, err, transfer.Result{}, nil)
	c.OK = c.Exit == exitOK
	elapsed := time.Since(s.started)
	c.Elapsed = elapsed.Milliseconds()
	if s.flags.json {
		if err != nil {
			c.Error = &jsonError{Code: outcome{err: err, exit: c.Exit}.word(), Message: tell(err.Error())}
		}
		s.object(c)
	}
	s.end()
	told := s.flags.json
	if s.list != nil && !s.flags.json && !s.flags.quiet && (c.Exit == exitOK || c.Exit == exitIncomplete) {
		for _, line := range append(s.list.notes(), c.matched(elapsed)) {
			fmt.Fprintln(s.env.Stderr, line)
		}
		told = c.text() != ""
	}
	werr := s.outputError()
	if err == nil {
		return werr
	}
	return &exitError{exit: c.Exit, err: err, done: told && werr == nil}
}
