package main

import (
	"bufio"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"ferry/transfer/link"
	"ferry/transfer/store"
)

// completeCommand is what the scripts of the shells call, so that they never know less
// than the program. Its arguments are the words behind ferry, the last of them with a =
// before it, which may not be complete. The answer is a line that says what the shell
// adds by itself, "files" or "words", and a line for each candidate: the word, a tab, and
// what it means. It neither reads a file nor opens a connection.
const completeCommand = "__complete"

//go:embed completion
var completionScripts embed.FS

// shells are those that there is a script for, by the ends of their files' names.
var shells = map[string]string{"bash": "bash", "zsh": "zsh", "fish": "fish", "powershell": "ps1"}

func completionCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:        "completion",
		Usage:       "print a script that completes ferry's words in a shell",
		ArgsUsage:   "bash | zsh | fish | powershell",
		Description: "The script completes commands, flags, their values and topics, and in zsh and fish a code that is typed into FERRY_CODE. With words instead of a shell it prints the words that codes are made of.",
		Action: func(c *cli.Context) error {
			if c.NArg() == 1 && c.Args().First() == "words" {
				_, err := io.WriteString(env.Stdout, strings.Join(link.CodeWords(""), "\n")+"\n")
				return err
			}
			end, known := shells[c.Args().First()]
			if c.NArg() != 1 || !known {
				return usagef("completion", "name one shell: bash, zsh, fish or powershell")
			}
			script, err := completionScripts.ReadFile("completion/ferry." + end)
			if err == nil {
				_, err = env.Stdout.Write(script)
			}
			return err
		},
	}
}

// answerCommand answers the scripts.
func answerCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:            completeCommand,
		Hidden:          true,
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			words := c.Args().Slice()
			current := ""
			if n := len(words); n > 0 {
				words, current = words[:n-1], strings.TrimPrefix(words[n-1], "=")
			}
			a := complete(c.App, words, current)
			out := bufio.NewWriter(env.Stdout)
			place := "words"
			if a.files {
				place = "files"
			}
			fmt.Fprintln(out, place)
			for _, w := range a.words {
				fmt.Fprintf(out, "%s\t%s\n", w.line, w.purpose)
			}
			return out.Flush()
		},
	}
}

// nextWord is what may stand in the place of a word: names of files, or one of words.
type nextWord struct {
	files bool
	words []example
}

func (a *nextWord) add(word, meaning string) { a.words = append(a.words, example{word, meaning}) }

// complete says what may follow the words of a command line. current is what stands of
// the next word already.
func complete(app *cli.App, words []string, current string) nextWord {
	words, current = rejoined(words, current)
	a := following(app, words, current)
	value := current
	if strings.HasPrefix(current, "--") {
		_, value, _ = strings.Cut(current, "=")
	}
	a.files = a.files && !store.Is(value) // a store is not asked
	a.words = slices.DeleteFunc(a.words, func(w example) bool { return !strings.HasPrefix(w.line, current) })
	return a
}

// following is the same, with all words that fit the place.
func following(app *cli.App, words []string, current string) (a nextWord) {
	if len(words) == 0 {
		for _, c := range app.Commands {
			if !c.Hidden {
				a.add(c.Name, c.Usage)
			}
		}
		a.add("--help", "explain ferry")
		a.add("--version", "print the version")
		return a
	}
	cmd := lookup(app, words[0])
	switch {
	case isHelp(words[0]):
		cmd = lookup(app, "help")
	case cmd == nil:
		return a
	}
	past := scan(cmd, words[1:])
	key, _, assigned := strings.Cut(current, "=")
	switch {
	case past.pending != nil:
		return valuesOf(past.pending, "")
	case past.dashes || !strings.HasPrefix(current, "-"):
		return argumentsOf(app, cmd, past)
	case assigned && strings.HasPrefix(key, "--"):
		if f := lookupFlag(cmd, key[2:]); f != nil && f.TakesValue() {
			return valuesOf(optionOf(f), key+"=")
		}
		return a
	case past.helped:
		a.add(allFlags, "all flags")
		return a
	}
	for _, f := range cmd.Flags {
		o := optionOf(f)
		if name := o.Names()[0]; takesMany(o) || !slices.Contains(past.given, name) {
			a.add("--"+name, o.summary())
		}
	}
	a.add("--help", "examples and flags of "+cmd.Name)
	return a
}

// rejoined puts together what bash splits at =, as --links = safe.
func rejoined(words []string, current string) ([]string, string) {
	var joined []string
	for _, w := range append(slices.Clone(words), current) {
		n := len(joined)
		switch {
		case n > 0 && w == "=" && strings.HasPrefix(joined[n-1], "--"):
			joined[n-1] += "="
		case n > 0 && strings.HasPrefix(joined[n-1], "--") && strings.HasSuffix(joined[n-1], "="):
			joined[n-1] += w
		default:
			joined = append(joined, w)
		}
	}
	n := len(joined) - 1
	return joined[:n], joined[n]
}

// scanned is what the words of a command hold.
type scanned struct {
	given   []string // flags, by their first names
	pending *option  // whose value comes next, nil if there is none
	dashes  bool     // -- was met: only paths follow
	helped  bool     // --help was met
	paths   int
}

func scan(cmd *cli.Command, words []string) (s scanned) {
	for _, w := range words {
		key, _, assigned := strings.Cut(strings.TrimLeft(w, "-"), "=")
		switch {
		case s.pending != nil:
			s.pending = nil
		case s.dashes || w == "-" || !strings.HasPrefix(w, "-"):
			s.paths++
		case w == "--":
			s.dashes = true
		case isHelp(w):
			s.helped = true
		default:
			f := lookupFlag(cmd, key)
			if f == nil {
				continue
			}
			s.given = append(s.given, f.Names()[0])
			if f.TakesValue() && !assigned {
				s.pending = optionOf(f)
			}
		}
	}
	return s
}

// valuesOf are the values of a flag, each behind before.
func valuesOf(o *option, before string) (a nextWord) {
	a.files = o.files
	for _, v := range o.values {
		a.add(before+v, "")
	}
	return a
}

// argumentsOf are what a command takes beside flags.
func argumentsOf(app *cli.App, cmd *cli.Command, past scanned) (a nextWord) {
	switch {
	case cmd.Name == "help" && past.paths == 0:
		for _, c := range app.Commands {
			if !c.Hidden {
				a.add(c.Name, c.Usage)
			}
		}
		for _, t := range topics() {
			a.add(t.name, t.summary)
		}
	case cmd.Name == "completion" && past.paths == 0:
		for shell := range shells {
			a.add(shell, "")
		}
		slices.SortFunc(a.words, func(x, y example) int { return strings.Compare(x.line, y.line) })
	default:
		a.files = guides[cmd.Name].files
	}
	return a
}
