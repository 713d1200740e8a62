package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// The columns of help. A line of 78 stands unbroken on a terminal of 80.
const (
	helpColumns  = 78
	flagColumn   = 28 // where the text of a flag begins
	adviceColumn = 44 // where the purpose of an example begins
)

// helpCommand replaces that of the library, which knows no topics, shows all flags at
// once, and exits with 3 for an unknown topic.
func helpCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "explain ferry, a command or a topic",
		ArgsUsage: "[COMMAND | TOPIC]",
		Flags:     in(aboutOutput, everyday(boolFlag("all", "of a command: list all of its flags"))),
		Action: func(c *cli.Context) error {
			p := pageFor(env)
			name := c.Args().First()
			cmd := lookup(c.App, name)
			t, isTopic := topicNamed(name)
			switch {
			case c.NArg() > 1:
				return usagef("help", "help takes one command or topic")
			case name == "":
				p.overview(c.App)
			case cmd != nil:
				p.command(cmd, c.Bool("all"))
			case isTopic:
				p.topic(t)
			default:
				return unknownTopic(c.App, name)
			}
			return p.print(env.Stdout)
		},
	}
}

// shortHelp is what ferry prints that was called without a command.
func shortHelp(c *cli.Context, env *Env) error {
	p := pageFor(env)
	p.short(c.App)
	return p.print(env.Stdout)
}

// page is a text of help while it is written.
type page struct {
	text  strings.Builder
	style style
}

// pageFor returns an empty page for the standard output of env.
func pageFor(env *Env) *page {
	colour := env.StdoutTTY && !env.DumbOut && env.Getenv("NO_COLOR") == "" && env.Getenv("TERM") != "dumb"
	return &page{style: style{colour: colour}}
}

func (p *page) print(to io.Writer) error {
	_, err := io.WriteString(to, p.text.String())
	return err
}

func (p *page) line(parts ...string) {
	p.text.WriteString(strings.TrimRight(strings.Join(parts, ""), " ") + "\n")
}

// heading begins a part of the page.
func (p *page) heading(text string) {
	if p.text.Len() > 0 {
		p.line()
	}
	p.line(p.style.paint(bold, text))
}

// row writes two columns, of which the second begins at column.
func (p *page) row(column int, first, second string) {
	p.line(fmt.Sprintf("  %-*s  %s", column-4, first, second))
}

// short explains ferry on one screen.
func (p *page) short(app *cli.App) {
	p.line(`ferry moves files between machines, and says "done" only when it is true.`)
	p.heading("From one machine to another:")
	p.row(flagColumn+3, "ferry send photos", "on one: prints a code and an address")
	p.row(flagColumn+3, "ferry receive --from HOST", "on the other: asks for the code")
	p.commands(app)
	var names []string
	for _, t := range topics() {
		names = append(names, t.name)
	}
	p.line()
	p.line(wrapped("Topics: "+strings.Join(names, " "), helpColumns))
	p.line()
	p.line("ferry COMMAND --help shows examples and flags, ferry help TOPIC explains.")
}

// overview lists commands and topics with a line for each.
func (p *page) overview(app *cli.App) {
	p.line("ferry: ", app.Usage)
	p.line()
	p.line("  ", app.UsageText)
	p.commands(app)
	p.heading("Topics (ferry help TOPIC):")
	for _, t := range topics() {
		p.row(15, t.name, t.summary)
	}
	p.heading("More:")
	p.row(flagColumn+4, "ferry COMMAND --help", "examples and the everyday flags")
	p.row(flagColumn+4, "ferry COMMAND --help --all", "all flags")
	if runtime.GOOS != "windows" {
		p.row(flagColumn+4, "ferry man | man -l -", "the manual page")
	}
}

func (p *page) commands(app *cli.App) {
	p.heading("Commands:")
	for _, c := range app.Commands {
		if !c.Hidden {
			p.row(15, c.Name, c.Usage)
		}
	}
}

// command explains one command: examples first, then its everyday flags, or all.
func (p *page) command(cmd *cli.Command, all bool) {
	p.line("ferry ", cmd.Name, ": ", cmd.Usage)
	p.line()
	p.line("  ", synopsis(cmd))
	g := guides[cmd.Name]
	p.heading("Examples:")
	for _, e := range examplesOf(cmd.Name, runtime.GOOS) {
		p.row(adviceColumn, e.line, e.purpose)
	}
	if cmd.Description != "" {
		p.line()
		p.line(wrapped(cmd.Description, helpColumns))
	}
	for _, group := range optionsOf(cmd, all) {
		p.heading(group.category + ":")
		for _, o := range group.options {
			p.row(flagColumn, o.spelling(), o.summary())
		}
	}
	if !all && hasMore(cmd) {
		p.line()
		p.line("All flags: ferry ", cmd.Name, " --help --all")
	}
	if len(g.topics) > 0 {
		if all || !hasMore(cmd) {
			p.line()
		}
		p.line(wrapped("Topics (ferry help TOPIC): "+strings.Join(g.topics, ", "), helpColumns))
	}
}

// synopsis is the form of a command.
func synopsis(cmd *cli.Command) string {
	text := "ferry " + cmd.Name
	if len(cmd.Flags) > 0 {
		text += " [FLAGS]"
	}
	return strings.TrimSpace(text + " " + cmd.ArgsUsage)
}

func (p *page) topic(t topic) {
	p.heading(t.name + ": " + t.summary)
	p.line()
	p.text.WriteString(t.text)
}

// wrapped breaks text at its spaces, so that no line has more columns than wide.
func wrapped(text string, wide int) string {
	var b strings.Builder
	used := 0
	for _, word := range strings.Fields(text) {
		switch {
		case used == 0:
		case used+1+len(word) > wide:
			b.WriteByte('\n')
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += len(word)
	}
	return b.String()
}

// unknownTopic suggests a command or a topic that is spelt alike, if there is one.
func unknownTopic(app *cli.App, name string) error {
	candidates := slices.Clone(app.Commands)
	for _, t := range topics() {
		candidates = append(candidates, &cli.Command{Name: t.name})
	}
	text := "unknown command or topic " + name
	if like := similar(candidates, name); like != "" {
		text += "; did you mean " + like + "?"
	}
	return &usageError{text: text}
}
