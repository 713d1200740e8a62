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
	if err == nil && env.Signals.wasObeyed() {
		return exitOK
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
		Writer:      env.Stdout,
		ErrWriter:   env.Stderr,
		HideVersion: true,
		Action:      func(c *cli.Context) error { return shortHelp(c, env) },
		// A comma belongs to the value and separates nothing.
		DisableSliceFlagSeparator: true,
		// report decides about the exit code, and not the library.
		ExitErrHandler: func(*cli.Context, error) {},
		Commands: []*cli.Command{
			sendCommand(env), receiveCommand(env), copyCommand(env, copyItems), checksumCommand(env), verifyCommand(env), selftestCommand(env), serveCommand(env), relayCommand(env), versionCommand(env), helpCommand(env), manCommand(env), completionCommand(env), answerCommand(env), remoteCommand(env),
		},
	}
	for _, c := range app.Commands {
		// Otherwise a path named "help" would be taken for a command.
		c.HideHelpCommand = true
		c.Before = func(ctx *cli.Context) error { return checkFirst(ctx, env) }
		c.OnUsageError = func(ctx *cli.Context, err error, _ bool) error {
			return &usageError{verb: ctx.Command.Name, text: err.Error()}
		}
	}
	return app
}

// checkFirst refuses command lines of any command, before it looks at anything.
func checkFirst(c *cli.Context, env *Env) error {
	if err := misplacedStore(c); err != nil {
		return err
	}
	return checkStreams(c, env)
}

// pairingFlags say how the two sides meet. dial is "to" or "from".
func pairingFlags(dial string) []cli.Flag {
	return in(aboutConnection,
		everyday(&cli.StringFlag{Name: dial, Usage: "call `HOST`, where the other side listens"}).
			more("HOST:PORT is for a port other than 33779. ferry://HOST/PATH is a place at a ferry serve, which takes keys and no code (ferry help keys). Of several with commas between them, the first that takes the call counts. Without it the code alone is enough where both are on one network."),
		everyday(&cli.StringFlag{Name: "find", Usage: "`WHERE`: where to look: auto, lan or off", Value: "auto"}).
			oneOf("auto", "lan", "off").more("auto asks on the local network for the room of a code that was given, and answers those who ask; not with an address or --listen, with which lan does. FERRY_FIND has the value where the flag is not given."),
		everyday(&cli.StringFlag{Name: "relay", Usage: "meet at `URL`, and carry through it; off for none"}).
			more("URL is tcp://HOST, tls://HOST or wss://HOST/PATH of a ferry relay; the other side names the same. FERRY_RELAY has it where neither the flag nor an address is given. What goes through a relay stays encrypted from end to end, and moves to a direct path where there is one."),
		optionOf(&cli.StringFlag{Name: "relay-token", Usage: "read the token of the relay from `FILE`"}).
			aFile().more("Without it FERRY_RELAY_TOKEN has the token, if the relay asks for one."),
		optionOf(&cli.StringFlag{Name: "listen", Usage: "listen on `ADDR`; port 0 picks one", Value: defaultListen}).
			more("Addresses are HOST:PORT, or :PORT for all of this machine."),
		optionOf(&cli.DurationFlag{Name: "wait", Usage: "wait `TIME` for the other side", Value: defaultWait, DefaultText: "1m to call"}).
			oneOf("1m", "10m", "1h", "24h").more("Without it a side that calls waits for 1m, and so does a receiver that was given a code and looks for the sender. Others wait as long as it takes."),
		proxyFlag(),
		hostKeyFlag(),
		everyday(&cli.StringFlag{Name: "code-file", Usage: "read the code from `FILE`, - for standard input"}).
			aFile().more("Without it the code comes from FERRY_CODE, or is asked for. At a terminal - asks too."),
		boolFlag("weak-code", "take a code of one's own that is easy to guess").
			more("Such a code has less than 28 bits behind the room. Three wrong guesses burn it."),
		timeoutFlag(), retryFlag(),
	)
}

func timeoutFlag() cli.Flag {
	return optionOf(&cli.DurationFlag{Name: "timeout", Usage: "silence of `TIME` is a lost link", Value: link.DefaultTimeout}).
		oneOf("10s", "30s", "1m")
}

func retryFlag() cli.Flag {
	return optionOf(&cli.DurationFlag{Name: "retry-for", Usage: "wait `TIME` for a lost link", Value: defaultRetry}).
		oneOf("0", "10m", "1h", "24h").more("Both sides keep to the smaller value. 0 ends at the first loss.")
}

// streamsFlag says how many connections a link has.
func streamsFlag() []cli.Flag {
	return in(aboutSpeed,
		optionOf(&cli.StringFlag{Name: "streams", Usage: "use `N` connections at once, 1 to 16", Value: "auto"}).
			oneOf("auto", "1", "2", "4", "8", "16").
			more("auto is one, and more where that is faster, as over long ways. The smaller number of both sides holds."),
	)
}

// sourceFlags say how sources are read.
func sourceFlags() []cli.Flag {
	return in(aboutSent,
		everyday(boolFlag("dry-run", "say what would happen; change nothing anywhere", "n")),
		everyday(boolFlag("checksum", "compare by digest, not by size and time")).
			more("Only files of equal size are compared."),
		boolFlag("follow", "send what symbolic links point to"),
		boolFlag("allow-changed", "deliver what changes while it is read, as read"),
	)
}

// placeFlags say what may happen at the destination. links is the default of --links.
// onConflict is a sentence about the default of --on-conflict, which depends on whether a
// person can be asked.
func placeFlags(links, onConflict string) []cli.Flag {
	return in(aboutDestination,
		everyday(&cli.StringFlag{Name: "on-conflict", Usage: "`WHAT`: if one is there: fail, skip, overwrite, rename"}).
			oneOf("fail", "skip", "overwrite", "rename").
			more("It is about an existing different item. Without it, "+onConflict+". fail reports the item and goes on with the rest. Folders never conflict."),
		optionOf(&cli.StringFlag{Name: "links", Usage: "`WHICH`: symbolic links: safe, all or skip", Value: links}).
			oneOf("safe", "all", "skip").
			more("safe makes none that leave the tree."),
		namesOption(),
		boolFlag("no-sync", "do not wait for stable storage").
			more("A power cut may then lose what was delivered."),
		everyday(boolFlag("verify-disk", "read all back from the disk before the end")),
	)
}

func manifestFlag() cli.Flag {
	return optionOf(&cli.StringFlag{Name: "manifest", Usage: "write a list of digests to `FILE`"}).aFile().
		more("It lists what was verified, for ferry verify and b3sum --check.")
}

func jsonFlag() cli.Flag {
	return everyday(boolFlag("json", "write one JSON object a line, for scripts")).
		more("The objects go to standard output. Text for people is not written.")
}

func progressFlag() cli.Flag {
	return optionOf(&cli.StringFlag{Name: "progress", Usage: "`WHEN`: progress: auto, always or never", Value: "auto"}).
		oneOf("auto", "always", "never").
		more("always tells more often where there is no terminal.")
}

func quietFlag() cli.Flag {
	return everyday(boolFlag("quiet", "say only what went wrong", "q"))
}

func outputFlagList() []cli.Flag {
	return in(aboutOutput,
		manifestFlag(),
		jsonFlag(),
		progressFlag(),
		quietFlag(),
		everyday(boolFlag("verbose", "name every item", "v")),
	)
}

// boolFlag is a flag that is off by default. Help does not repeat that.
func boolFlag(name, usage string, aliases ...string) *option {
	return optionOf(&cli.BoolFlag{Name: name, Aliases: aliases, Usage: usage, DisableDefaultText: true})
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
