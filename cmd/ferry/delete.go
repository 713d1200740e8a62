package main

import (
	"errors"
	"os"

	"github.com/urfave/cli/v2"

	"ferry/transfer/local"
	"ferry/transfer/store"
)

// defaultMaxDelete is how many items --delete removes unless told otherwise:
// more than most days bring, and less than a wrong SRC would cost.
const defaultMaxDelete = 1000

func deleteFlags() []cli.Flag {
	return in(aboutDestination,
		everyday(boolFlag("delete", "remove from the copies what SRC does not have")).
			more("This happens after everything else succeeded. See ferry help delete."),
		boolFlag("delete-all", "--delete even where SRC has nothing to copy").
			more("An empty SRC may mean that its disk is not mounted."),
		optionOf(&cli.Int64Flag{Name: "max-delete", Usage: "remove none if over `N` would go", Value: defaultMaxDelete}),
	)
}

// deleteOf reads the flags about deleting; nil without --delete.
func deleteOf(c *cli.Context) (*local.Delete, error) {
	limit := c.Int64("max-delete")
	switch {
	case !c.Bool("delete") && c.IsSet("max-delete"):
		return nil, usagef("copy", "--max-delete goes with --delete")
	case !c.Bool("delete") && c.Bool("delete-all"):
		return nil, usagef("copy", "--delete-all goes with --delete")
	case !c.Bool("delete"):
		return nil, nil
	case limit < 0:
		return nil, usagef("copy", "--max-delete is a number of items, and not %d", limit)
	case c.IsSet("files-from"):
		return nil, usagef("copy", "--delete compares whole folders, and does not go with --files-from")
	case c.String("on-conflict") == "rename":
		return nil, usagef("copy", "--delete would remove what --on-conflict rename makes: they exclude each other")
	}
	return &local.Delete{Max: limit, All: c.Bool("delete-all")}, nil
}

// canDelete refuses to delete by sources without a folder.
func (l *sourceList) canDelete(follow bool) error {
	if l.hasFolder(follow) {
		return nil
	}
	return usagef("copy", "--delete needs a folder to copy: with what should DEST be compared?")
}

// hasFolder reports whether one of the sources is a folder.
func (l *sourceList) hasFolder(follow bool) bool {
	for _, s := range l.sources {
		if store.Is(s.Path) {
			if s.Contents || l.folder {
				return true
			}
			continue
		}
		look := os.Lstat
		if follow || s.Contents {
			look = os.Stat
		}
		if info, err := look(s.Path); err == nil && info.IsDir() {
			return true
		}
	}
	return false
}

// keeps reports whether path, relative to the destination, belongs to the manifest. No
// source has that file, and --delete must not remove it.
func (m *manifest) keeps(path string) bool {
	return m != nil && m.isOwn(path)
}

// refusedDeletion adds the next step to a refusal to delete. dry is true for a dry run,
// which lists what would be deleted.
func refusedDeletion(err error, dry bool) error {
	if errors.Is(err, local.ErrEmptySource) {
		return &exitError{exit: exitIncomplete, err: err, hint: "is its disk mounted? if it is to be empty, --delete-all deletes"}
	}
	if !errors.Is(err, local.ErrTooManyDeletions) {
		return err
	}
	hint := "--max-delete N allows more"
	if !dry {
		hint = "look at it with --dry-run; " + hint
	}
	return &exitError{exit: exitIncomplete, err: err, hint: hint}
}

// errNothingDeleted: with a source missing, its earlier copy would look superfluous.
var errNothingDeleted = errors.New("nothing is deleted in it, since not everything is there to be copied")
