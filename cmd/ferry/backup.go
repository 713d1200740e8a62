package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/receive"
	"ferry/transfer/tree"
)

// defaultSuffix is rsync's.
const defaultSuffix = "~"

// backupFlags say that what is replaced or deleted is kept. They are rsync's.
func backupFlags(deletes bool) []cli.Flag {
	what := "keep what is replaced, as NAME~"
	if deletes {
		what = "keep what is replaced or deleted, as NAME~"
	}
	return in(aboutDestination,
		boolFlag("backup", what).
			more("It also lets new items take the place of old ones without asking. An earlier backup of that name goes; where an item of the delivery has the name, the suffix is added again. A backup is a hard link, made before the old item gives way: a file system without them fails the item. Folders are not kept, and with --delete no folder makes way for an item of another kind."),
		optionOf(&cli.StringFlag{Name: "backup-dir", Usage: "keep it under its own name in folder `DIR`"}).aFile().
			more("DIR is seen from the destination, and on its file system. It is never deleted from. receive takes none outside of --out. It implies --backup."),
		optionOf(&cli.StringFlag{Name: "suffix", Usage: "end names of backups with `SUFFIX`, not ~"}).
			more("With --backup-dir there is none without this flag."),
	)
}

// backupOf reads those flags into o, which has the policy about conflicts.
func backupOf(c *cli.Context, o *receive.Options) error {
	verb, dir, suffix := c.Command.Name, c.String("backup-dir"), c.String("suffix")
	switch {
	case !c.Bool("backup") && dir == "":
		if c.IsSet("suffix") {
			return usagef(verb, "--suffix goes with --backup or --backup-dir")
		}
		return nil
	case c.IsSet("on-conflict") && o.OnConflict != transfer.ConflictOverwrite:
		return usagef(verb, "--backup keeps what is replaced: of --on-conflict, only overwrite goes with it")
	case verb == "receive" && dir != "" && !filepath.IsLocal(dir):
		return usagef(verb, "--backup-dir %s: receive keeps backups in a folder below that of --out only, and the path is seen from there", dir)
	case slices.ContainsFunc(strings.Split(filepath.ToSlash(dir), "/"), tree.IsStateName):
		return usagef(verb, "--backup-dir %s: a folder of that name is ferry's own, and is cleared", dir)
	case dir != "" && filepath.Clean(dir) == ".":
		return usagef(verb, "--backup-dir %s is the destination itself", dir)
	}
	if dir == "" && suffix == "" {
		suffix = defaultSuffix
	}
	if suffix != "" {
		if err := tree.CheckName("x" + suffix); err != nil {
			return usagef(verb, "--suffix %s: %v", suffix, err)
		}
	}
	o.OnConflict, o.Backup = transfer.ConflictOverwrite, &transfer.Backup{Suffix: suffix}
	if dir != "" {
		o.Backup.Folder = filepath.ToSlash(filepath.Clean(dir))
	}
	return nil
}

// backupFolder is dir, as it was given, seen from folder if it lies in there.
func backupFolder(folder, dir string) string {
	if dir == "" || filepath.IsLocal(filepath.FromSlash(dir)) {
		return dir
	}
	at := filepath.FromSlash(dir)
	switch {
	case filepath.IsAbs(at):
	case filepath.VolumeName(at) != "" || os.IsPathSeparator(at[0]):
		// On Windows C:x and \x are seen from the current folder and drive.
		whole, err := filepath.Abs(at)
		if err != nil {
			return dir
		}
		at, dir = whole, filepath.ToSlash(whole)
	default:
		at = filepath.Join(folder, at)
	}
	from, err := resolved(folder)
	if err != nil {
		return dir
	}
	if at, err = resolved(at); err != nil {
		return dir
	}
	if rel, err := filepath.Rel(from, at); err == nil && rel != "." && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return dir
}

// keptText is what --verbose and a dry run say of a backup.
func keptText(e transfer.ItemKept) string {
	if e.DryRun {
		return "would keep: " + show(e.Path) + " as " + show(e.At)
	}
	return "kept: " + show(e.Path) + " as " + show(e.At)
}

// jsonKept tells programs of one. With escaped and would_escape it tells where an item is
// stored.
type jsonKept struct {
	Type string `json:"type"` // kept, would_keep, escaped, would_escape
	jsonPath
	At  string `json:"at"`
	B64 string `json:"at_b64,omitempty"`
}

func jsonKeptOf(e transfer.ItemKept) jsonKept {
	at := pathOf(e.At)
	k := jsonKept{"kept", pathOf(e.Path), at.Path, at.Base64}
	if e.DryRun {
		k.Type = "would_keep"
	}
	return k
}
