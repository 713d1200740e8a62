package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// usageError is a command line that makes no sense: exit 2, before anything is
// opened or sent.
type usageError struct {
	verb string // "" when none was recognised
	text string
}

func (e *usageError) Error() string { return e.text }

// usagef formats a usageError. What it quotes from the command line is escaped
// where it is shown.
func usagef(verb, format string, args ...any) error {
	return &usageError{verb: verb, text: fmt.Sprintf(format, args...)}
}

// arrange checks the command line and moves the flags of a verb before its
// paths, since the library takes everything after the first path for a path.
// "-" is a path, and all that follows "--" are.
func arrange(app *cli.App, argv []string) ([]string, error) {
	if len(argv) < 2 || len(argv) == 2 && isHelp(argv[1]) {
		return argv[:1], nil // shows the short help
	}
	name, rest := argv[1], argv[2:]
	switch {
	case isHelp(name):
		name = "help"
	case name == "--version", name == "-V":
		name = "version"
	case name == completeCommand: // nothing in its arguments is a flag of it
		return argv, nil
	}
	cmd := lookup(app, name)
	if cmd == nil {
		return nil, unknownCommand(app, name)
	}
	var flags, paths []string
	seen, forms := given{}, oneForm{}
	for i := 0; i < len(rest); i++ {
		arg := rest[i]
		if arg == "--" {
			paths = append(paths, rest[i+1:]...)
			break
		}
		if arg == "-" || !strings.HasPrefix(arg, "-") {
			paths = append(paths, arg)
			continue
		}
		if letters := shortFlags(cmd, arg, forms); letters != nil {
			flags = append(flags, letters...)
			continue
		}
		flags = append(flags, arg)
		key, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		flag := lookupFlag(cmd, key)
		if flag == cli.HelpFlag || flag == nil && arg == allFlags && slices.ContainsFunc(rest[i:], isHelp) {
			return helpOn(argv[0], cmd, rest), nil
		}
		if flag == nil {
			return nil, unknownFlag(cmd, arg, key)
		}
		if err := seen.add(cmd, flag, hasValue); err != nil {
			return nil, err
		}
		if !flag.TakesValue() {
			flags[len(flags)-1] = strings.Replace(arg, key, forms.of(flag, key), 1)
			continue
		}
		if !hasValue {
			if i+1 == len(rest) {
				return nil, usagef(cmd.Name, "%s needs a value", arg)
			}
			i++
			value = rest[i]
			flags = append(flags, value)
		}
		// An empty value is probably an unset variable of a script, and must not mean the default.
		if value == "" {
			return nil, usagef(cmd.Name, "--%s needs a value, and not an empty one", flag.Names()[0])
		}
	}
	out := append([]string{argv[0], name}, flags...)
	return append(append(out, "--"), withoutWildcards(cmd, paths)...), nil
}

// allFlags beside --help asks for all flags of a command.
const allFlags = "--all"

func isHelp(arg string) bool { return arg == "--help" || arg == "-h" }

// helpOn is the command line that explains a command whose arguments were rest.
func helpOn(program string, cmd *cli.Command, rest []string) []string {
	if slices.Contains(rest, allFlags) {
		return []string{program, "help", allFlags, "--", cmd.Name}
	}
	return []string{program, "help", "--", cmd.Name}
}

// oneForm keeps, by the first name of each switch, the form in which it was first
// given. The library refuses a switch that is given under two of its names, which means
// the same as giving it twice.
type oneForm map[string]string

// of returns the form in which a switch that was given as key is passed to the library.
func (o oneForm) of(flag cli.DocGenerationFlag, key string) string {
	name := flag.Names()[0]
	if o[name] == "" {
		o[name] = key
	}
	return o[name]
}

// given holds the flags met so far, by their first names. The value is true for a flag
// that was given with a value.
type given map[string]bool

// add refuses a second value for a flag that takes one value: the library would keep
// the last and silently forget the first. Repeating a switch is no mistake.
func (g given) add(cmd *cli.Command, flag cli.DocGenerationFlag, hasValue bool) error {
	name := flag.Names()[0]
	hasValue = hasValue || flag.TakesValue()
	before, again := g[name]
	g[name] = before || hasValue
	if !again || takesMany(flag) || !before && !hasValue {
		return nil
	}
	return usagef(cmd.Name, "--%s is given twice, and takes one value", name)
}

// takesMany reports whether a flag keeps every value that it is given.
func takesMany(flag cli.DocGenerationFlag) bool {
	if o, ok := flag.(*option); ok {
		flag = o.DocGenerationFlag
	}
	if g, ok := flag.(*cli.GenericFlag); ok {
		_, many := g.Value.(ruleFlag)
		return many
	}
	slice, ok := flag.(cli.DocGenerationSliceFlag)
	return ok && slice.IsSliceFlag()
}

func lookup(app *cli.App, name string) *cli.Command {
	i := slices.IndexFunc(app.Commands, func(c *cli.Command) bool { return c.HasName(name) })
	if i < 0 {
		return nil
	}
	return app.Commands[i]
}

func lookupFlag(cmd *cli.Command, name string) cli.DocGenerationFlag {
	for _, f := range append(slices.Clone(cmd.Flags), cli.HelpFlag) {
		if slices.Contains(f.Names(), name) {
			return f.(cli.DocGenerationFlag)
		}
	}
	return nil
}

// shortFlags splits -qv into -q and -v. It is nil for anything else.
func shortFlags(cmd *cli.Command, arg string, forms oneForm) []string {
	if len(arg) < 3 || arg[1] == '-' {
		return nil
	}
	var letters []string
	for _, c := range arg[1:] {
		f := lookupFlag(cmd, string(c))
		if f == nil || f.TakesValue() {
			return nil
		}
		letters = append(letters, "-"+forms.of(f, string(c)))
	}
	return letters
}

func unknownFlag(cmd *cli.Command, arg, key string) error {
	arg, _, _ = strings.Cut(arg, "=")
	text := "unknown flag " + arg
	if f := lookupFlag(cmd, key[:min(1, len(key))]); f != nil && f.TakesValue() && !strings.HasPrefix(arg, "--") {
		return &usageError{verb: cmd.Name, text: text + "; did you mean -" + key[:1] + " " + key[1:] + "?"}
	}
	// The library suggests the most similar flag, however different that one is.
	if like := cli.SuggestFlag(cmd.Flags, key, false); len(key) > 1 && strings.HasPrefix(like, "--"+key[:1]) {
		text += "; did you mean " + like + "?"
	}
	return &usageError{verb: cmd.Name, text: text}
}

// unknownCommand suggests a command that is spelt alike, if there is one.
func unknownCommand(app *cli.App, name string) error {
	text := "unknown command " + name
	if strings.HasPrefix(name, "-") {
		text = "a command comes first: ferry COMMAND " + name
	} else if _, found := topicNamed(name); found {
		text += "; ferry help " + name + " explains that topic"
	} else if like := similar(app.Commands, name); like != "" {
		text += "; did you mean " + like + "?"
	}
	return &usageError{text: text}
}

// similar is the name most like the given one, "" if none begins with the same letter.
// The library always finds one, however different.
func similar(from []*cli.Command, name string) string {
	best := cli.SuggestCommand(from, name)
	for _, c := range from {
		if !c.Hidden && name != "" && c.Name[0] == name[0] && best == fmt.Sprintf(cli.SuggestDidYouMeanTemplate, c.Name) {
			return c.Name
		}
	}
	return ""
}
