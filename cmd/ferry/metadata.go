package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/tree"
)

// metadataFlags say which metadata is kept beside mode and time. On receive they permit
// what the sender asks for.
func metadataFlags(receive bool) []cli.Flag {
	verb, all, whose := "keep ", "keep owners, attributes, hard links, devices", ""
	if receive {
		verb, all, whose = "allow ", "allow owners, attributes, hard links, devices", "Those of the system take --xattrs-all. "
	}
	flags := []cli.Flag{
		everyday(boolFlag("archive", all, "a")).
			more("It is --owner --xattrs --hard-links --devices."),
		boolFlag("owner", verb+"user and group").
			more("They go by name where that is known, and with them the set-id and sticky bits."),
		boolFlag("xattrs", verb+"extended attributes, and ACLs").
			more(whose + "The ACLs are those of POSIX."),
		boolFlag("hard-links", verb+"the names of one file as such").
			more("Without it each becomes a file of its own."),
		boolFlag("devices", verb+"devices, FIFOs and sockets").
			more("Without it those in folders are left out."),
		boolFlag("strict", "end with 1 if anything is told as lost").
			more("That is metadata, durability, or a folder there that is not this user's alone."),
	}
	if receive {
		return in(aboutKept, append(flags,
			boolFlag("xattrs-all", "as --xattrs, and those of the system, as root").
				more("Such are security.* and trusted.*, which --archive does not include."),
			boolFlag("perms", "keep permission bits exactly, as --archive").
				more("Without either, the bits are less the umask."))...)
	}
	return in(aboutKept, append(flags,
		boolFlag("numeric-ids", "keep the numbers of users, whatever their names").
			more("It goes with --owner, --xattrs or --archive."))...)
}

// metadataOf reads those flags.
func metadataOf(c *cli.Context) (tree.Metadata, error) {
	all := c.Bool("archive")
	m := tree.Metadata{
		Owner:     all || c.Bool("owner"),
		Numeric:   c.Bool("numeric-ids"),
		Xattrs:    all || c.Bool("xattrs"),
		HardLinks: all || c.Bool("hard-links"),
		Devices:   all || c.Bool("devices"),
	}
	m.System = m.Xattrs
	if m.Numeric && !m.Owner && !m.Xattrs {
		return m, usagef(c.Command.Name, "--numeric-ids goes with --owner, --xattrs or --archive")
	}
	return m, nil
}

// permittedOf reads those flags for receive, which obeys the umask and takes no
// attributes of the system unless it is told to.
func permittedOf(c *cli.Context, env *Env) (tree.Metadata, error) {
	m, err := metadataOf(c)
	m.System = c.Bool("xattrs-all")
	m.Xattrs = m.Xattrs || m.System
	if !c.Bool("archive") && !c.Bool("perms") {
		m.Umask = env.Umask
	}
	return m, err
}

// Why a delivery fails with --strict.
var (
	errLost       = errors.New("delivered, but not with all the metadata that was asked for")
	errUnsure     = errors.New("delivered, but what was there in place of a hard link may be a copy")
	errExposed    = errors.New("delivered, but into a folder that is not this user's alone")
	errNotDurable = errors.New("delivered, but not synced to stable storage")
)

// lossesAfter counts the kinds of metadata that a delivery, which ended with err, could
// not keep. why is the failure that --strict makes of it. What this side gave up by its
// own flags is not counted.
func (o outcome) lossesAfter(err error) (n int, why error) {
	r := o.result
	if n = len(r.Lost); n > 0 {
		has := func(of func(l transfer.Loss) bool) bool { return slices.ContainsFunc(r.Lost, of) }
		switch {
		case has(func(l transfer.Loss) bool { return !l.Stood() }):
			why = errLost
		case has(func(l transfer.Loss) bool { return l.What == tree.AttrUnsureLink }):
			why = errUnsure
		default:
			why = errExposed
		}
	}
	ended := err == nil || errors.Is(err, transfer.ErrIncomplete)
	if !o.began || !ended || r.DryRun || r.Durable || o.unsynced {
		return n, why
	}
	switch {
	case why != nil:
	case r.Unsynced != nil:
		why = fmt.Errorf("delivered, but %w", r.Unsynced)
	default:
		why = errNotDurable
	}
	return n + 1, why
}

// lossText says for people what kind of metadata some items do not have. stored says that they
// are in an object store, which keeps less than any flag asks for.
func lossText(l transfer.Loss, stored bool) string {
	what := l.What.String()
	if l.Stood() {
		return fmt.Sprintf("%s: %d, the first is %s", what, l.Items, show(l.Path))
	}
	switch {
	case l.Items == 0 && stored:
		return what + ": not kept: an object store has times and modes of files only"
	case l.Items == 0 && l.Code != framing.CodeDeclined:
		return fmt.Sprintf("%s: not applied: %v", what, l.Code)
	case l.Items == 0 && l.Remote:
		return fmt.Sprintf("%s: not applied: the other side was not given %s or --archive", what, permission(l.What))
	case l.Items == 0:
		return fmt.Sprintf("%s: offered, and not taken without %s or --archive", what, permission(l.What))
	}
	cause := l.Code.String()
	switch {
	case l.Code == framing.CodeDeclined && l.Remote:
		cause = "the other side was not given --xattrs-all"
	case l.Code == framing.CodeDeclined:
		cause = "those of the system take --xattrs-all"
	}
	text := fmt.Sprintf("%s: not applied to %s: %s", what, items(l.Items), cause)
	if l.Path != "" {
		text += "; the first is " + show(l.Path)
	}
	return text
}

// permission is the flag that a kind of metadata needs on both sides.
func permission(what tree.Attr) string {
	switch what {
	case tree.AttrXattrs, tree.AttrACL:
		return "--xattrs"
	case tree.AttrHardLink:
		return "--hard-links"
	case tree.AttrSpecialFile:
		return "--devices"
	}
	return "--owner"
}

// warnedText is what --verbose says about one item; the summary counts them.
func warnedText(e transfer.ItemWarned) string {
	if e.Err != nil && (transfer.Loss{What: e.What}).Stood() {
		where := show(e.Path)
		if e.Path == "." {
			where = "the destination"
		}
		return "warning: " + where + ": " + tell(bare(e.Err))
	}
	text := fmt.Sprintf("%v not applied: %s: %v", e.What, show(e.Path), e.Code)
	if e.Remote {
		text += " (at the other side)"
	}
	return text
}

// exposes reports whether e is about a folder that was there before, and that is not
// private to this user.
func exposes(e transfer.ItemWarned) bool {
	return e.Err != nil && transfer.Loss{What: e.What}.Exposes()
}
