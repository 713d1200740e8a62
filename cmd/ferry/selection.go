package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// selectionArgs are the flags about what is sent. The flags with rules share one list,
// since the order of all of them on the command line matters.
type selectionArgs struct {
	rules  []ruleArg
	listed []byte // of --files-from, where that is elsewhere; nil if it is not
}

// ruleArg is one --exclude, --include or --exclude-from.
type ruleArg struct {
	flag, value string
	text        []byte // what is in the file value, if it was read elsewhere
}

// ruleFlag adds the values of one flag to the shared list.
type ruleFlag struct {
	args *selectionArgs
	flag string
}

func (f ruleFlag) Set(value string) error {
	f.args.rules = append(f.args.rules, ruleArg{flag: f.flag, value: value})
	return nil
}

// String is the default that help shows: none.
func (f ruleFlag) String() string { return "" }

const (
	excludeFlag     = "exclude"
	includeFlag     = "include"
	excludeFromFlag = "exclude-from"
)

func (a *selectionArgs) flags() []cli.Flag {
	rule := func(name, usage string) cli.Flag {
		return &cli.GenericFlag{Name: name, Usage: usage, Value: ruleFlag{a, name}}
	}
	return in(aboutSent,
		everyday(rule(excludeFlag, "leave out what matches `PATTERN`")).
			more("It may be repeated, as --include and --exclude-from. See ferry help filters."),
		optionOf(rule(includeFlag, "take back what matches `PATTERN`")).
			more("That is --exclude '!PATTERN': it takes what an earlier rule leaves out."),
		optionOf(rule(excludeFromFlag, "take rules from `FILE`, one a line")).
			aFile().more("They are written as in .gitignore."),
		boolFlag("ferryignore", "obey the "+filter.IgnoreFile+" files in the folders").
			more("The rules of the flags have the last word."),
		optionOf(&cli.StringFlag{Name: "files-from", Usage: "send only the paths that `FILE` lists"}).
			aFile().more("There is one a line, relative to the one PATH. A listed folder is taken whole. - is standard input."),
		boolFlag("from0", "that list ends its paths in zero bytes").
			more("find -print0 writes such lists."),
		optionOf(&cli.StringFlag{Name: "max-size", Usage: "leave out files larger than `SIZE`, as 64K, 1.5GiB"}),
		optionOf(&cli.StringFlag{Name: "min-size", Usage: "leave out files smaller than `SIZE`"}),
		boolFlag("one-file-system", "stay on the file system of each PATH"),
	)
}

// selection reads the flags and the files that they name. It also returns the rules of
// the flags alone, nil if there are none.
func (a *selectionArgs) selection(c *cli.Context, env *Env) (s tree.Selection, rules *filter.List, err error) {
	verb := c.Command.Name
	if rules, err = a.list(c.Context, verb); err != nil {
		return s, nil, err
	}
	if s.Sizes, err = sizesOf(c); err != nil {
		return s, nil, err
	}
	if c.Bool("ferryignore") {
		s.IgnoreFile = filter.IgnoreFile
	}
	if rules != nil || s.IgnoreFile != "" {
		s.Rules = tree.RulesOf(rules)
	}
	s.OneFileSystem = c.Bool("one-file-system")
	switch {
	case s.OneFileSystem && runtime.GOOS == "windows":
		return s, nil, usagef(verb, "--one-file-system is not known on Windows")
	case c.Bool("from0") && !c.IsSet("files-from") && a.listed == nil:
		return s, nil, usagef(verb, "--from0 goes with --files-from")
	case a.listed != nil:
		s.List, err = parseList(bytes.NewReader(a.listed), "the list", c.Bool("from0"))
	case c.IsSet("files-from"):
		s.List, err = listOf(c, env)
	}
	if err != nil {
		err = usagef(verb, "--files-from: %v", err)
	} else if s.List != nil && s.List.Empty() {
		err = usagef(verb, "nothing to send: the list of --files-from is empty")
	}
	return s, rules, err
}

// list compiles the rules, nil if there are none.
func (a *selectionArgs) list(ctx context.Context, verb string) (*filter.List, error) {
	var rules []filter.Rule
	for _, arg := range a.rules {
		if runtime.GOOS == "windows" && arg.flag != excludeFromFlag && separates(arg.value) {
			return nil, usagef(verb, "--%s %s: a backslash takes the next sign of a pattern as it is: write / between folders, on Windows too", arg.flag, arg.value)
		}
		more, err := arg.read(ctx)
		if err != nil {
			return nil, usagef(verb, "%v", err)
		}
		rules = append(rules, more...)
	}
	if len(rules) == 0 {
		return nil, nil
	}
	for i := range rules {
		// To git such a line is no error. Here ferry would send what it should leave out.
		if err := rules[i].Mistake(); err != nil {
			return nil, usagef(verb, "%v", err)
		}
	}
	list, err := filter.New(rules)
	if err != nil {
		return nil, usagef(verb, "%v", err)
	}
	return list, nil
}

// separates reports whether a backslash in a pattern seems to stand between folders, as in
// paths of Windows. Of what can be in a name there, few signs mean something in a pattern.
func separates(pattern string) bool {
	for {
		at := strings.IndexByte(pattern, '\\')
		if at < 0 {
			return false
		}
		if pattern = pattern[at+1:]; pattern == "" || !strings.ContainsRune("[]!# ", rune(pattern[0])) {
			return true
		}
		pattern = pattern[1:]
	}
}

func (a ruleArg) read(ctx context.Context) ([]filter.Rule, error) {
	one := filter.Exclude
	switch a.flag {
	case excludeFromFlag:
		if a.text != nil {
			return filter.Read(bytes.NewReader(a.text), a.value)
		}
		return readFile(ctx, a.value, func(f io.Reader) ([]filter.Rule, error) { return filter.Read(f, a.value) })
	case includeFlag:
		one = filter.Include
	}
	r, err := one(a.value)
	return []filter.Rule{r}, err
}

func sizesOf(c *cli.Context) (tree.SizeRange, error) {
	var r tree.SizeRange
	for _, flag := range []string{"min-size", "max-size"} {
		if !c.IsSet(flag) {
			continue
		}
		size, err := parseSize(c.String(flag))
		if err != nil {
			return r, usagef(c.Command.Name, "--%s: %v", flag, err)
		}
		if flag == "min-size" {
			r.Min = size
		} else {
			r.Max = &size
		}
	}
	if r.Max != nil && r.Min > *r.Max {
		return r, usagef(c.Command.Name, "--min-size is above --max-size, which leaves out every file")
	}
	return r, nil
}

// listOf reads --files-from. It reads all of it before anybody waits for the other side:
// a path that can never be sent is an error of the command line.
func listOf(c *cli.Context, env *Env) (*tree.List, error) {
	path := c.String("files-from")
	return readInput(c.Context, env, path, func(f io.Reader) (*tree.List, error) { return parseList(f, path, c.Bool("from0")) })
}

func parseList(f io.Reader, path string, from0 bool) (*tree.List, error) {
	if path == "-" {
		path = "standard input"
	}
	return tree.ReadList(f, path, from0)
}

// readInput reads a file, or standard input where path is -.
func readInput[T any](ctx context.Context, env *Env, path string, read func(io.Reader) (T, error)) (T, error) {
	if path == "-" {
		return readWhile(ctx, func() (T, error) { return read(env.Stdin) })
	}
	return readFile(ctx, path, read)
}

func readFile[T any](ctx context.Context, path string, read func(io.Reader) (T, error)) (T, error) {
	return readWhile(ctx, func() (none T, err error) {
		f, err := os.Open(path)
		if err != nil {
			return none, err
		}
		defer f.Close() // only read: nothing to lose
		return read(f)
	})
}

// readWhile calls read in a goroutine of its own, and stops waiting for it when ctx
// ends, since it may block on a pipe. The goroutine is left behind then.
func readWhile[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	got := make(chan result, 1) // so that the reader left behind can end
	go func() {
		v, err := read()
		got <- result{v, err}
	}()
	select {
	case r := <-got:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// selects refuses a selection that nobody can want: a list for something else than one
// folder, and a selection that leaves out everything. absent is true if all that the list
// names is missing. That is no error of the command line: see delivery.absent.
func (l *sourceList) selects(ctx context.Context, verb string, o send.Options) (absent bool, err error) {
	if o.Select.List != nil && (len(l.sources)+len(l.missing) != 1 || !l.folder) {
		return false, usagef(verb, "--files-from goes with one PATH, the folder that the list is relative to")
	}
	nothing, err := send.NothingSelected(ctx, o)
	if err != nil || !nothing {
		return false, err
	}
	if o.Select.List != nil {
		err = send.Unlisted(ctx, o, func(transfer.ItemFailed) { absent = true })
	}
	if err == nil && !absent {
		err = usagef(verb, "nothing to send: the rules and limits given leave out everything")
	}
	return absent, err
}

// absent ends a delivery whose items are all missing. It names each of them, and does
// not wait for the other side.
func (d *delivery) absent(o send.Options) error {
	r := transfer.Result{DryRun: o.DryRun}
	err := send.Unlisted(d.ctx, o, func(f transfer.ItemFailed) {
		r.Failed++
		d.Observe(f)
	})
	return d.finish(r, err, 0)
}
