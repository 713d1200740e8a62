package main

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// Whoever adds a flag reads here what help, the manual page and completion need of it.
func TestFlagsAreExplained(t *testing.T) {
	const daily = 13
	for _, cmd := range newApp(&Env{}).Commands {
		shown := 0
		for _, f := range cmd.Flags {
			o := optionOf(f)
			name := cmd.Name + " " + o.spelling()
			if !slices.Contains(categories, o.category) {
				t.Errorf("%s has no category: build its list by in(aboutSent, ...), with one of the categories of option.go", name)
			}
			placeholder, text := o.usage()
			switch {
			case o.TakesValue() && placeholder == "":
				t.Errorf("%s takes a value: name it in Usage between backquotes, as \"read `FILE`\" or \"`WHEN`: show progress\"", name)
			case !o.TakesValue() && placeholder != "":
				t.Errorf("%s takes no value, and its Usage names one", name)
			case placeholder != "" && strings.HasPrefix(text, placeholder):
				t.Errorf("%s: the text begins with %s and would say it twice; write \"`%s`: ...\" to name it apart", name, placeholder, placeholder)
			}
			if n := flagColumn + utf8.RuneCountInString(o.summary()); n > helpColumns {
				t.Errorf("%s: its line has %d columns, and %d fit; move what is not needed every day to .more(\"...\"): %s", name, n, helpColumns, o.summary())
			}
			if n := utf8.RuneCountInString(o.spelling()); n > flagColumn-4 {
				t.Errorf("%s has %d columns, and %d fit: give its value a shorter name", name, n, flagColumn-4)
			}
			if o.further != "" && !strings.HasSuffix(o.further, ".") {
				t.Errorf("%s: .more takes whole sentences, and not %q", name, o.further)
			}
			if o.daily {
				shown++
			}
		}
		if shown > daily {
			t.Errorf("%s has %d flags marked everyday(...), and help has room for %d: unmark one that is used less", cmd.Name, shown, daily)
		}
		if shown == 0 && len(cmd.Flags) > 0 {
			t.Errorf("%s has no flag marked everyday(...), so its short help shows none", cmd.Name)
		}
	}
}

// Each command that help lists has examples, and nothing else has.
func TestGuides(t *testing.T) {
	app := newApp(&Env{})
	for _, cmd := range app.Commands {
		if _, found := guides[cmd.Name]; !found && !cmd.Hidden {
			t.Errorf("%s has no examples: add them to guides in examples.go", cmd.Name)
		}
	}
	for line := range onWindows {
		if !slices.ContainsFunc(slices.Collect(maps.Values(guides)), func(g guide) bool {
			return slices.ContainsFunc(g.examples, func(e example) bool { return e.line == line })
		}) {
			t.Errorf("onWindows has %q, which is no example", line)
		}
	}
	for name, g := range guides {
		if lookup(app, name) == nil {
			t.Errorf("guides has %s, which is no command", name)
		}
		for _, system := range []string{"linux", "windows"} {
			list := examplesOf(name, system)
			if n := len(list); n < 1 || n > 5 {
				t.Errorf("%s has %d examples on %s", name, n, system)
			}
			for _, e := range list {
				if len(e.line) > adviceColumn-4 || len(e.purpose) > helpColumns-adviceColumn {
					t.Errorf("%s: %q has %d columns where %d fit, or %q has %d where %d fit",
						name, e.line, len(e.line), adviceColumn-4, e.purpose, len(e.purpose), helpColumns-adviceColumn)
				}
				if !slices.ContainsFunc(ferryLines(t, e.line), func(argv []string) bool { return len(argv) > 1 && argv[1] == name }) {
					t.Errorf("the example %q of %s does not run it", e.line, name)
				}
				if system == "windows" && strings.ContainsRune(e.line, '\'') {
					t.Errorf("the example %q has quotes that cmd.exe does not know", e.line)
				}
			}
		}
		for _, topic := range g.topics {
			if _, found := topicNamed(topic); !found {
				t.Errorf("%s refers to the topic %s, which is not there", name, topic)
			}
		}
	}
}

// What help tells to type is a command line that is taken: that of the examples, and each
// indented line of a topic that runs ferry.
func TestExamplesParse(t *testing.T) {
	lines := []string{"ferry help send", "ferry man | man -l -"}
	for name := range guides {
		for _, e := range slices.Concat(examplesOf(name, "linux"), examplesOf(name, "windows")) {
			lines = append(lines, e.line)
		}
	}
	for _, topic := range topics() {
		for line := range strings.SplitSeq(topic.text, "\n") {
			if trimmed := strings.TrimLeft(line, " $"); trimmed != line && strings.HasPrefix(trimmed, "ferry ") {
				lines = append(lines, trimmed)
			}
		}
	}
	for _, line := range lines {
		for _, argv := range ferryLines(t, line) {
			if err := parses(argv); err != nil {
				t.Errorf("%q, as %q: %v", line, argv, err)
			}
		}
	}
}

// parses reports whether ferry takes a command line as far as its flags go.
func parses(argv []string) error {
	app := newApp(&Env{Stdout: io.Discard, Stderr: io.Discard})
	for _, c := range app.Commands {
		c.Before = nil
		c.Action = func(*cli.Context) error { return nil }
	}
	arranged, err := arrange(app, argv)
	if err != nil {
		return err
	}
	return app.RunContext(context.Background(), arranged)
}

// ferryLines splits a line of shell into the commands in it that run ferry. It knows
// single and double quotes, pipes, && and redirections.
func ferryLines(t *testing.T, line string) (all [][]string) {
	t.Helper()
	var words []string
	word, quote, begun := "", rune(0), false
	end := func() {
		if begun {
			words = append(words, word)
		}
		word, begun = "", false
	}
	closed := func() {
		end()
		if len(words) > 0 && words[0] == "ferry" {
			all = append(all, words)
		}
		words = nil
	}
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word += string(c)
		case c == '\'' || c == '"':
			quote, begun = c, true
		case c == ' ':
			end()
		case strings.ContainsRune("|&;()", c) || c == '#' && !begun:
			closed()
		case c == '>' || c == '<': // what follows names a file
			closed()
		default:
			word, begun = word+string(c), true
		}
	}
	closed()
	if quote != 0 {
		t.Errorf("%q has a quote that is not closed", line)
	}
	return all
}

// Each page of help stands unbroken on a terminal of 80 columns, and the short one on a
// screen of 24 rows.
func TestPagesFit(t *testing.T) {
	app := newApp(&Env{})
	pages := map[string]*page{}
	show := func(name string, write func(p *page)) {
		p := &page{}
		write(p)
		pages[name] = p
	}
	show("ferry", func(p *page) { p.short(app) })
	show("ferry help", func(p *page) { p.overview(app) })
	for _, cmd := range app.Commands {
		show(cmd.Name, func(p *page) { p.command(cmd, false) })
		show(cmd.Name+" --all", func(p *page) { p.command(cmd, true) })
	}
	for name, p := range pages {
		for line := range strings.SplitSeq(p.text.String(), "\n") {
			if n := utf8.RuneCountInString(line); n > helpColumns || strings.HasSuffix(line, " ") {
				t.Errorf("%s: %d columns, or a space at the end: %q", name, n, line)
			}
		}
	}
	if n := strings.Count(pages["ferry"].text.String(), "\n"); n > 24 {
		t.Errorf("the short help has %d rows", n)
	}
	if n := strings.Count(pages["send"].text.String(), "\n"); n > 40 {
		t.Errorf("the help of send has %d rows", n)
	}
}

// Headings are bold for a person who reads on a terminal and did not say otherwise.
func TestBoldHeadings(t *testing.T) {
	for _, c := range []struct {
		tty     bool
		noColor string
		term    string
		bold    bool
	}{
		{true, "", "xterm", true},
		{false, "", "xterm", false},
		{true, "1", "xterm", false},
		{true, "", "dumb", false},
	} {
		env := &Env{StdoutTTY: c.tty, Getenv: func(name string) string {
			return map[string]string{"NO_COLOR": c.noColor, "TERM": c.term}[name]
		}}
		p := pageFor(env)
		p.overview(newApp(env))
		if got := strings.Contains(p.text.String(), string(bold)+"Commands:"); got != c.bold {
			t.Errorf("%+v: the headings are bold: %t", c, got)
		}
	}
}
