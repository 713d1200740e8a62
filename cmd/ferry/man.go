package main

import (
	_ "embed"
	"io"

	"github.com/urfave/cli/v2"
)

// manualPage is made from what help says. TestManualPage fails if it is not what would be
// made now.
//
//go:generate go test . -run ^TestManualPage$ -update
//go:embed ferry.1
var manualPage string

func manCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:  "man",
		Usage: "print the manual page",
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("man", "man takes no arguments")
			}
			_, err := io.WriteString(env.Stdout, manualPage)
			return err
		},
	}
}
