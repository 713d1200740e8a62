package main

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"ferry/transfer/link"
)

// defaultListen is FERRY on a telephone's keys, on every address.
const defaultListen = ":33779"

const appDescription = `Exit code 0 means: every item is at the receiver under its final name, its bytes
were verified against a BLAKE3 digest computed at both ends, and all of it was
synced to stable storage. Anything else is another code, and running the same
command again goes on from what is there.

Exit codes: 1 some items were not delivered, 2 usage, 3 no connection or lost,
4 code refused or offer declined, 5 a digest differed, 6 the destination cannot
take it, 7 protocol, 130 and 143 interrupted.`

// run is the whole program except for signals. It returns the exit code. Nobody else
// may write to env.Stdout meanwhile.
func run(ctx context.Context, env *Env) int {
	// The code that writes help and lists ignores write errors; out remembers them.
	out := &stickyWriter{w: env.Stdout}
	env.Stdout = out
	app := newApp(env)
	argv, err := arrange(app, env.Args)
	if err == nil {
		err = app.RunContext(ctx, argv)
	}
	var settled *exitError
	if out.err != nil && !errors.As(err, &settled) {
		err = outputError(out.err)
	}
	return report(ctx, env, err)
}

// newApp describes the command line to the library, which parses it and prints help.
// Errors in arguments are reported by arrange and by the verbs, all in one form.
func newApp(env *Env) *cli.App {
	app := &cli.App{
		Name:        "ferry",
		HelpName:    "ferry",
		Usage:       "move files between machines, verified and durable",
		UsageText:   "ferry COMMAND [FLAGS] [PATH...]",
		Description: appDescription,
		Writer:      env.Stdout,
		ErrWriter:   env.Stderr,
		HideVersion: true,
		// A comma belongs to the value and separates nothing.
		DisableSliceFlagSeparator: true,
		// report decides about the exit code, and not the library.
		ExitErrHandler: func(*cli.Context, error) {},
		Commands: []*cli.Command{
			sendCommand(env), receiveCommand(env), copyCommand(env), checksumCommand(env), verifyCommand(env), versionCommand(env), helpCommand(env), manCommand(env),
		},
	}
	for _, c := range app.Commands {
		// Otherwise a path named "help" would be taken for a command.
		c.HideHelpCommand = true
		c.Before = func(ctx *cli.Context) error { return checkStreams(ctx, env) }
		c.OnUsageError = func(ctx *cli.Context, err error, _ bool) error {
			return &usageError{verb: ctx.Command.Name, text: err.Error()}
		}
	}
	return app
}

// pairingFlags say how the two sides meet. dial is "to" or "from".
func pairingFlags(dial string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: dial, Usage: "dial `HOST:PORT`, where the other side listens; without it this side listens"},
		&cli.StringFlag{Name: "listen", Usage: "listen on `ADDR`; port 0 picks a free one", Value: defaultListen},
		&cli.DurationFlag{Name: "wait", Usage: "with --" + dial + ": how long the other side may take to be there, as `DURATION`", Value: defaultWait},
		&cli.StringFlag{Name: "code-file", Usage: "read the code from `FILE`, - for the terminal or standard input; else it comes from FERRY_CODE or is asked for"},
		boolFlag("weak-code", "take a code of one's own that is easy to guess, of less than 28 bits behind the room; three wrong guesses burn it"),
		&cli.DurationFlag{Name: "timeout", Usage: "silence of the other side after which the link counts as lost, as `DURATION`", Value: link.DefaultTimeout},
		&cli.DurationFlag{Name: "retry-for", Usage: "how long a lost link is waited for, as `DURATION`; both sides keep to the smaller, 0 ends at the first loss", Value: defaultRetry},
		&cli.StringFlag{Name: "streams", Usage: "move content over `N` connections at once, 1 to 16, or auto: one, and more where that is faster, as over long ways; of both sides' numbers the smaller holds", Value: "auto"},
	}
}

// sourceFlags say how sources are read.
func sourceFlags() []cli.Flag {
	return []cli.Flag{
		boolFlag("dry-run", "say what would happen, and change nothing on either side", "n"),
		boolFlag("allow-changed", "deliver a file that changes while it is read, as read"),
		boolFlag("checksum", "compare files of equal size by digest, not by size and time"),
		boolFlag("follow", "send what symbolic links point to"),
	}
}

// placeFlags say what may happen at the destination. links is the default of --links.
// onConflict describes the default of --on-conflict, which depends on whether a person
// can be asked.
func placeFlags(links, onConflict string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "on-conflict", Usage: "`WHAT` to do about an existing different item: fail, skip, overwrite or rename (default: " + onConflict + ")"},
		&cli.StringFlag{Name: "links", Usage: "`WHICH` symbolic links to make: safe (none that leave the tree), all or skip", Value: links},
		boolFlag("no-sync", "do not wait for stable storage: a power cut may lose what was delivered"),
		boolFlag("verify-disk", "read everything back from the disk before saying that it is there"),
	}
}

func manifestFlag() cli.Flag {
	return &cli.StringFlag{Name: "manifest", Usage: "write digests and names of what was verified to `FILE`, for b3sum --check"}
}

func jsonFlag() cli.Flag {
	return boolFlag("json", "write one JSON object a line to standard output instead of text for people")
}

func quietFlag() cli.Flag {
	return boolFlag("quiet", "say only what went wrong", "q")
}

func outputFlagList() []cli.Flag {
	return []cli.Flag{
		manifestFlag(),
		jsonFlag(),
		&cli.StringFlag{Name: "progress", Usage: "`WHEN` to show progress: auto, always (more often without a terminal) or never", Value: "auto"},
		quietFlag(),
		boolFlag("verbose", "name every item", "v"),
	}
}

// boolFlag is a flag that is off by default. Help does not repeat that.
func boolFlag(name, usage string, aliases ...string) cli.Flag {
	return &cli.BoolFlag{Name: name, Aliases: aliases, Usage: usage, DisableDefaultText: true}
}

func join(lists ...[]cli.Flag) []cli.Flag {
	var all []cli.Flag
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// jsonOutput is where a command line asks for JSON to go, nil if it does not ask for
// any. It is for errors found before the flags are parsed.
func jsonOutput(env *Env) io.Writer {
	flags := env.Args
	if end := slices.Index(flags, "--"); end >= 0 {
		flags = flags[:end]
	}
	// What is written to a closed standard output vanishes without an error.
	if !slices.Contains(flags, "--json") || env.StdoutErr != nil {
		return nil
	}
	if i := slices.Index(flags, "--out"); i >= 0 && i+1 < len(flags) && flags[i+1] == "-" || slices.Contains(flags, "--out=-") {
		return env.Stderr
	}
	return env.Stdout
}
