package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/send"
)

// removeFlags say that sources go once they are delivered.
func removeFlags() []cli.Flag {
	return in(aboutSent,
		boolFlag("remove-source", "remove files here once they are safe there").
			more("A file goes after the other side's receipt, which says that all is on stable storage, and only if it is as it was read. Links and special files go too, folders never. What was found unchanged there stays, unless --checksum compared it. What was skipped or failed stays. With --strict nothing goes if metadata was lost."),
	)
}

// removalOf reads that flag; nil without it.
func removalOf(c *cli.Context) (*send.Removal, error) {
	verb := c.Command.Name
	switch {
	case !c.Bool("remove-source"):
		return nil, nil
	case c.Bool("follow"):
		return nil, usagef(verb, "--remove-source removes what was named, and --follow reads what links point to: they exclude each other")
	case c.Bool("no-sync"):
		return nil, usagef(verb, "--remove-source waits for stable storage, and --no-sync does not: a power cut could lose both")
	case c.Bool("delete"):
		return nil, usagef(verb, "--delete would remove from DEST next time what --remove-source takes from SRC now: they exclude each other")
	case c.IsSet(textFlag) || c.Args().First() == "-":
		return nil, usagef(verb, "--remove-source goes with files")
	}
	return &send.Removal{Strict: c.Bool("strict")}, nil
}

// removedText is what --verbose says of an item that was removed.
func removedText(e transfer.ItemRemoved) string { return "removed: " + show(e.Path) }

// jsonRemoved tells programs of one.
func jsonRemovedOf(e transfer.ItemRemoved) jsonDeleted {
	return jsonDeleted{"removed", pathOf(e.Path), kindText(e.Kind), sizeOf(e.Size)}
}

// comparing is the command line again, with --checksum if err is about sources that only a
// comparison removes.
func comparing(err error, again string) string {
	var left *send.NotRemovedError
	if errors.As(err, &left) && !left.Compared {
		return strings.Replace(again, " --remove-source", " --remove-source --checksum", 1)
	}
	return again
}

// removalHint is the next step for sources that are still there: "" if there is none. ok is
// false if err is not about those. again is the command to run, and alone is true
// if no other side has to run its command again.
func removalHint(err error, again string, alone bool) (hint string, ok bool) {
	var left *send.NotRemovedError
	if !errors.As(err, &left) {
		return "", false
	}
	if left.Final {
		return "", true
	}
	how := "run again"
	if !alone {
		how += " on both sides, here"
	}
	return "everything is delivered; to remove what is the same there, " + how + ": " + again, true
}

// stayedText says why sources are still there, if that is on account of a flag that was
// not given; "" if none is.
func stayedText(r transfer.Result) string {
	if r.Stayed == 0 {
		return ""
	}
	verb := "stay"
	if r.Stayed == 1 {
		verb = "stays"
	}
	return fmt.Sprintf("%s, unchanged there by size and time, %s here: with --checksum they are compared, and removed", items(r.Stayed), verb)
}
