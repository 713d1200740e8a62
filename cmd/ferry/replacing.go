package main

import (
	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/receive"
	"ferry/transfer/tree"
)

// replaceFlags say what becomes of what stands at the destination, and which modes items
// get there. They are rsync's.
func replaceFlags() []cli.Flag {
	return in(aboutDestination,
		boolFlag("update", "skip files that are newer there", "u").
			more("What is older is replaced. An item of another kind is too, and links are, whatever their times say."),
		optionOf(&cli.StringFlag{Name: "chmod", Usage: "give items other `MODES`: D755,F644 or u=rwX"}).
			more("Items are taken as if they had been sent with modes changed so, as chmod(1) and rsync have it: D is for folders, F for all else. What the umask, --perms and --owner leave of a mode holds as ever."),
	)
}

// replacingOf reads those flags into o, which has the policy about conflicts.
func replacingOf(c *cli.Context, env *Env, o *receive.Options) (err error) {
	verb := c.Command.Name
	if c.Bool("update") {
		if c.IsSet("on-conflict") && o.OnConflict != transfer.ConflictOverwrite {
			return usagef(verb, "--update replaces what is older: of --on-conflict, only overwrite goes with it")
		}
		o.Update, o.OnConflict = true, transfer.ConflictOverwrite
	}
	if err := backupOf(c, o); err != nil {
		return err
	}
	if !c.IsSet("chmod") {
		return nil
	}
	if o.Modes, err = tree.ParseModes(c.String("chmod"), env.Umask); err != nil {
		return usagef(verb, "--chmod: %v", err)
	}
	return nil
}
