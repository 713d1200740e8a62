package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// helpCommand replaces that of the library, which knows no topics and exits with 3 for
// an unknown one.
func helpCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "explain ferry, one of its commands, or a topic",
		ArgsUsage: "[COMMAND | TOPIC]",
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			switch t, found := topicNamed(name); {
			case c.NArg() > 1:
				return usagef("help", "help takes one command or topic")
			case name == "":
				return showAppHelp(c, env)
			case lookup(c.App, name) != nil:
				return cli.ShowCommandHelp(c, name)
			case found:
				_, err := fmt.Fprint(env.Stdout, strings.ToUpper(t.name), ": ", t.summary, "\n\n", t.text)
				return err
			}
			return unknownTopic(c.App, name)
		},
	}
}

// showAppHelp adds the topics to what the library prints.
func showAppHelp(c *cli.Context, env *Env) error {
	if err := cli.ShowAppHelp(c); err != nil {
		return err
	}
	fmt.Fprint(env.Stdout, "\nTOPICS (ferry help TOPIC):\n")
	for _, t := range topics() {
		if _, err := fmt.Fprintf(env.Stdout, "   %-9s %s\n", t.name, t.summary); err != nil {
			return err
		}
	}
	return nil
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
