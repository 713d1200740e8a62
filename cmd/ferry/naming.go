package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
)

const namesFlag = "names"

// namesOption says what becomes of an item whose name the destination does not hold.
func namesOption() cli.Flag {
	return optionOf(&cli.StringFlag{Name: namesFlag, Usage: "`HOW`: unfit names: refuse or escape", Value: "refuse"}).
		oneOf("refuse", "escape").
		more("escape stores a:b as a%3Ab where the file system takes no colon, and so on: the same name each time, and each is told. ferry help names says more.")
}

// checkNames refuses other words than those.
func checkNames(c *cli.Context) error {
	switch how := c.String(namesFlag); how {
	case "refuse", "escape":
		return nil
	default:
		return usagef(c.Command.Name, "--%s is refuse or escape, and not %q", namesFlag, how)
	}
}

func escapesNames(c *cli.Context) bool { return c.String(namesFlag) == "escape" }

// maxEscaped is how many escaped names are shown without --verbose; the end counts them.
const maxEscaped = 10

// escapedText tells of an item under an escaped name.
func escapedText(e transfer.ItemEscaped) string {
	verb := "stored: "
	if e.DryRun {
		verb = "would store: "
	}
	return verb + show(e.Path) + " as " + show(e.At)
}

// escapedCount is the same of all, for the summary.
func escapedCount(n int64) string {
	if n == 1 {
		return "1 name escaped"
	}
	return fmt.Sprintf("%d names escaped", n)
}

// jsonEscapedOf is the object for programs.
func jsonEscapedOf(e transfer.ItemEscaped) jsonKept {
	at := pathOf(e.At)
	k := jsonKept{"escaped", pathOf(e.Path), at.Path, at.Base64}
	if e.DryRun {
		k.Type = "would_escape"
	}
	return k
}
