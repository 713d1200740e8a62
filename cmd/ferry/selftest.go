package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/cmd/ferry/selftest"
)

func selftestCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:  "selftest",
		Usage: "try on this machine whether the promise holds",
		Description: "A sender and a receiver are started here and meet over the loopback. Odd names, links, a hole, modes, times and a large file are delivered. " +
			"The link is cut again and again, the receiver is killed and started again, a code is wrong, two sides meet at a relay by the code alone, and a disk takes no more. " +
			"What arrives is compared byte by byte, without ferry's own digests. It takes some seconds and a few hundred MiB, and leaves nothing. " +
			"It ends with 0 if all that was tried has held, 1 if something has not, 6 if the folder cannot be written.",
		Flags: join(in(aboutDestination,
			everyday(&cli.StringFlag{Name: "dir", Usage: "try the disk of the folder `DIR`"}).aFile().
				more("Without it the folder of temporary files is tried."),
		), in(aboutOutput, jsonFlag(), quietFlag())),
		Action: func(c *cli.Context) error {
			switch {
			case c.Args().Present():
				return usagef("selftest", "selftest takes no arguments: --dir DIR names the folder to try")
			case c.IsSet("dir") && c.String("dir") == "":
				return usagef("selftest", "--dir needs the name of a folder")
			}
			program, err := os.Executable()
			if err != nil {
				return fmt.Errorf("finding this program: %w", err)
			}
			t := newSelftestTable(c, env)
			return t.run(c.Context, selftest.Config{Program: program, Env: childEnv(os.Environ()), Dir: c.String("dir"), SizeText: sizeText})
		},
	}
}

// childEnv leaves out what ferry reads in its environment.
func childEnv(environ []string) []string {
	return slices.DeleteFunc(environ, func(v string) bool { return strings.HasPrefix(v, "FERRY_") })
}

// selftestTable shows the rows as they come.
type selftestTable struct {
	env         *Env
	style       style // of standard output
	json, quiet bool
	began       time.Time
	count       map[selftest.Status]int
	failed      []string // names
}

func newSelftestTable(c *cli.Context, env *Env) *selftestTable {
	colour := env.StdoutTTY && !env.DumbOut && env.Getenv("NO_COLOR") == "" && env.Getenv("TERM") != "dumb"
	return &selftestTable{env: env, style: style{colour: colour}, json: c.Bool("json"), quiet: c.Bool("quiet"), began: time.Now(), count: make(map[selftest.Status]int)}
}

// run plays the trials, and says in the end what came of them.
func (t *selftestTable) run(ctx context.Context, config selftest.Config) error {
	if t.json {
		t.put(startObject())
	}
	config.Begin, config.Tell = t.begin, t.tell
	kept, err := selftest.Run(ctx, config)
	err = t.settle(ctx, config, kept, err)
	var settled *exitError
	errors.As(err, &settled)
	if t.json {
		t.put(t.result(kept, settled))
	} else if err == nil && !t.quiet {
		fmt.Fprintf(t.env.Stdout, "%s in %.1f s\n", t.counts(), time.Since(t.began).Seconds())
	}
	return err
}

// settle is the exitError of a run, nil if all that was tried has held.
func (t *selftestTable) settle(ctx context.Context, config selftest.Config, kept string, err error) error {
	var place *selftest.PlaceError
	switch {
	case context.Cause(ctx) != nil:
		exit := exitInterrupted
		if by := (signalError{}); errors.As(context.Cause(ctx), &by) {
			exit = by.exit()
		}
		return &exitError{exit: exit, err: context.Cause(ctx), hint: "nothing of it is left; to try again: " + command(t.env.Args...), done: t.json}
	case errors.As(err, &place):
		where := config.Dir
		if where == "" {
			where = os.TempDir()
		}
		return &exitError{exit: exitDestination, err: fmt.Errorf("%s cannot be tried: %w", show(where), err), hint: "another folder to try: ferry selftest --dir DIR", done: t.json}
	case err != nil:
		return &exitError{exit: exitIncomplete, err: err, done: t.json}
	case len(t.failed) > 0:
		err = fmt.Errorf("%s: did not hold: %s", t.counts(), strings.Join(t.failed, ", "))
		return &exitError{exit: exitIncomplete, err: err, hint: "what was sent, what arrived and what both sides said stays in " + show(kept), done: t.json}
	case kept != "":
		return &exitError{exit: exitIncomplete, err: fmt.Errorf("%s could not be removed", show(kept)), hint: "all that was tried has held", done: t.json}
	}
	return nil
}

// counts says how many trials held.
func (t *selftestTable) counts() string {
	all := t.count[selftest.Held] + t.count[selftest.Failed] + t.count[selftest.NotTried]
	text := fmt.Sprintf("%d of %d held", t.count[selftest.Held], all)
	if n := t.count[selftest.NotTried]; n > 0 {
		text += fmt.Sprintf(", %d not tried", n)
	}
	return text
}

func (t *selftestTable) begin(p selftest.Place) {
	if t.json || t.quiet {
		return
	}
	fmt.Fprintf(t.env.Stdout, "ferry %s on %s/%s tries %s, with %s for a while\n", buildVersion(), runtime.GOOS, runtime.GOARCH, show(filepath.Dir(p.Folder)), sizeText(p.Need))
	if p.InMemory {
		fmt.Fprintln(t.env.Stdout, "that is in memory: --dir DIR tries a disk")
	}
}

// tell shows one row: short words first, so that it can be read at any width.
func (t *selftestTable) tell(r selftest.Row) {
	t.count[r.Status]++
	if r.Status == selftest.Failed {
		t.failed = append(t.failed, r.Name)
	}
	word, colour := "held", green
	switch r.Status {
	case selftest.Failed:
		word, colour = "FAILED", red
	case selftest.NotTried:
		word, colour = "not tried", yellow
	}
	switch {
	case t.json:
		t.put(jsonTrial{"trial", r.Name, string(r.Status), plain(r.Detail), r.Took.Milliseconds()})
	case t.quiet && r.Status != selftest.Failed:
	default:
		fmt.Fprintf(t.env.Stdout, "%s %5.1f s  %s: %s\n", t.style.paint(colour, fmt.Sprintf("%-9s", word)), r.Took.Seconds(), r.Name, isolate(plain(r.Detail)))
	}
}

type jsonTrial struct {
	Type      string `json:"type"` // trial
	Name      string `json:"name"`
	Status    string `json:"status"` // held, failed, not_tried
	Detail    string `json:"detail"`
	ElapsedMS int64  `json:"elapsed_ms"`
}

type jsonSelftest struct {
	Type      string     `json:"type"` // result
	OK        bool       `json:"ok"`
	Exit      int        `json:"exit"`
	Held      int        `json:"held"`
	Failed    int        `json:"failed"`
	NotTried  int        `json:"not_tried"`
	Folder    string     `json:"folder,omitempty"` // that stays
	ElapsedMS int64      `json:"elapsed_ms"`
	Error     *jsonError `json:"error,omitempty"`
}

func (t *selftestTable) result(kept string, failed *exitError) jsonSelftest {
	r := jsonSelftest{
		Type: "result", OK: failed == nil, Folder: kept, ElapsedMS: time.Since(t.began).Milliseconds(),
		Held: t.count[selftest.Held], Failed: t.count[selftest.Failed], NotTried: t.count[selftest.NotTried],
	}
	if failed != nil {
		r.Exit, r.Error = failed.exit, outcome{began: true, err: failed, exit: failed.exit, hint: failed.hint}.object().Error
	}
	return r
}

// put writes one object; run of app.go remembers an error of the output.
func (t *selftestTable) put(v any) { _, _ = t.env.Stdout.Write(jsonLine(v)) }

// tie lets this process end with its standard input, if ferry selftest started it, which
// holds the other end. Its goroutine lives as long as the process.
func tie(in io.Reader) {
	if os.Getenv(selftest.Tied) == "" {
		return
	}
	_ = os.Unsetenv(selftest.Tied)
	go func() {
		_, _ = io.Copy(io.Discard, in)
		os.Exit(exitInterrupted)
	}()
}
