package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// The exit codes; README documents them.
const (
	exitOK          = 0
	exitIncomplete  = 1 // ended, but some items were not delivered; checksum --check: some differ
	exitUsage       = 2
	exitConnection  = 3 // none, lost, or given up by the other side
	exitRefused     = 4 // wrong code, or the offer declined
	exitDigest      = 5 // a digest differed and sending again did not mend it
	exitDestination = 6 // the destination cannot take it
	exitProtocol    = 7
	exitInterrupted = 130
	exitTerminated  = 143
)

// errDeclined says that the person at this side did not want the offer.
var errDeclined = errors.New("declined")

// exitError is an error whose exit code was settled where it happened.
type exitError struct {
	exit int
	err  error
	hint string // what to do about it
	done bool   // was shown already
	word string // for programs; empty: that of err
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// outputError says that standard output takes nothing, though the work may be
// done.
func outputError(err error) error {
	return &exitError{exit: exitIncomplete, word: "output", err: fmt.Errorf("writing to standard output: %w", err)}
}

// exitOfCode is the exit code for a failure of the whole delivery. Codes that
// this version does not know, and those of single items, are exitIncomplete.
func exitOfCode(c framing.Code) int {
	switch c {
	case framing.CodeNoSpace, framing.CodePermission, framing.CodeIO, framing.CodeLocked,
		framing.CodeDestinationGone, framing.CodeReadOnly:
		return exitDestination
	case framing.CodeDigest:
		return exitDigest
	case framing.CodeDeclined, framing.CodeCodeRefused:
		return exitRefused
	case framing.CodeBusy, framing.CodeLost, framing.CodeTimeout, framing.CodeGaveUp, framing.CodeInterrupted,
		framing.CodeCancelled:
		return exitConnection
	case framing.CodeVersion, framing.CodeProtocol, framing.CodeInternal:
		return exitProtocol
	}
	return exitIncomplete
}

// exitOf is the only place where an error gets its exit code. A signal outweighs
// everything, and an exitError outweighs the errors that it wraps.
func exitOf(ctx context.Context, err error, r transfer.Result, t *tally) int {
	var (
		sig     signalError
		usage   *usageError
		settled *exitError
		failed  *transfer.Error
		broken  *link.Error
	)
	switch {
	case errors.As(context.Cause(ctx), &sig):
		return sig.exit()
	case err == nil:
		return exitOK
	case errors.As(err, &usage), errors.Is(err, send.ErrNothingSelected):
		return exitUsage
	case errors.As(err, &settled):
		return settled.exit
	case errors.Is(err, errDeclined):
		return exitRefused
	case errors.Is(err, transfer.ErrIncomplete):
		return t.incomplete(r)
	case tree.Crowded(err):
		return exitDestination
	case errors.As(err, &failed):
		return exitOfEnd(failed.Code, failed.Remote)
	case errors.As(err, &broken):
		return exitOfEnd(broken.Code, true)
	}
	return exitIncomplete
}

// exitOfEnd is exitOfCode for an error that ended the whole delivery early. A code that
// is about single items, or unknown to this version, means that the delivery failed
// here, or if it came from the other side, that the other side gave up.
func exitOfEnd(c framing.Code, remote bool) int {
	if exit := exitOfCode(c); exit != exitIncomplete || !remote {
		return exit
	}
	return exitConnection
}

// hintOf is the next step after an exit code. again is the command as it was given.
// alone is true if no other side has to run its command again.
func hintOf(exit int, err error, again string, alone bool) string {
	var settled *exitError
	if errors.As(err, &settled) && settled.hint != "" {
		return settled.hint
	}
	if hint, ok := removalHint(err, again, alone); ok {
		return hint
	}
	var left *local.NotDeletedError
	switch exit {
	case exitIncomplete:
		if errors.As(err, &left) {
			if left.DryRun {
				return ""
			}
			return "for what is to be deleted, run again: " + again
		}
		if errors.As(err, new(wouldFail)) || !errors.Is(err, transfer.ErrIncomplete) {
			return ""
		}
		return "for what is missing, run again: " + again
	case exitConnection, exitInterrupted, exitTerminated:
		if alone {
			return "to continue, run again: " + again
		}
		return "to continue, run again on both sides, here: " + again
	case exitRefused:
		if errors.Is(err, errDeclined) || codeOf(err) == framing.CodeDeclined {
			return ""
		}
		if errors.Is(err, link.ErrBurnt) {
			return "somebody may be guessing; with another code, run again on both sides, here: " + again
		}
		return "both sides need the same code; run again: " + again
	case exitDigest:
		return "the memory, disk or cable of one side may be faulty; to try again: " + again
	case exitDestination:
		return "once that is mended, run again: " + again
	case exitProtocol:
		if errors.Is(err, send.ErrNoText) {
			return "until then send a file there: echo WORDS | ferry send --name " + send.TextName + " -"
		}
		return "one side has to send and the other to receive, both with the same version (ferry version)"
	}
	return ""
}

// errorText is the text of an error for people, made safe. It has special words for
// what a person at either side did.
func errorText(err error) string {
	var failed *transfer.Error
	remote := errors.As(err, &failed) && failed.Remote
	switch code := codeOf(err); {
	case errors.Is(err, errDeclined):
		return "the offer was declined"
	case remote && code == framing.CodeDeclined:
		return "the other side declined the offer" + saidWhy(failed)
	case remote && code == framing.CodeInterrupted:
		return "the other side was interrupted"
	case remote && code == framing.CodeGaveUp:
		return "the other side gave up"
	}
	if why := lostLink(err); why != "" {
		return why
	}
	// Joined errors are separated by newlines.
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if tree.Crowded(err) {
		text += crowdHint()
	}
	return isolate(cutMiddle(plain(text), 4*maxShown))
}

// crowdHint is what to do about it.
func crowdHint() string {
	if n, ok := tree.OpenLimit(); ok {
		return fmt.Sprintf("; %d are allowed, ulimit -n allows more", n)
	}
	return ""
}

// saidWhy is what the other side said with a refusal, unless that is just the word.
func saidWhy(e *transfer.Error) string {
	if e.Err == nil || e.Err.Error() == errDeclined.Error() {
		return ""
	}
	return ": " + tell(e.Err.Error())
}

// lostLink is what to say of a link that broke, "" if err is something else.
func lostLink(err error) string {
	var failed *transfer.Error
	if tree.Crowded(err) || !errors.As(err, &failed) || failed.Remote || failed.Code != framing.CodeLost && failed.Code != framing.CodeTimeout {
		return ""
	}
	root := error(failed)
	for next := errors.Unwrap(root); next != nil; next = errors.Unwrap(root) {
		root = next
	}
	why := root.Error()
	if errors.Is(root, io.EOF) || errors.Is(root, io.ErrUnexpectedEOF) {
		why = "the connection ended without a goodbye"
	}
	return fmt.Sprintf("the link to the other side was lost while %s: %s", failed.Op, tell(why))
}

// codeOf is the wire code of an error, CodeNone if it has none.
func codeOf(err error) framing.Code {
	var failed *transfer.Error
	var broken *link.Error
	switch {
	case tree.Crowded(err):
		return framing.CodeIO
	case errors.As(err, &failed):
		return failed.Code
	case errors.As(err, &broken):
		return broken.Code
	}
	return framing.CodeNone
}

// report shows an error that no renderer has shown, and returns the exit code. If it
// cannot be written as JSON it is written as text, so that it does not vanish.
func report(ctx context.Context, env *Env, err error) int {
	exit := exitOf(ctx, err, transfer.Result{}, &tally{})
	var settled *exitError
	if err == nil || errors.As(err, &settled) && settled.done {
		return exit
	}
	line := command(env.Args...)
	hint := hintOf(exit, err, line, true)
	if exit == exitInterrupted || exit == exitTerminated {
		hint = "to try again: " + line // no delivery had begun
	}
	o := outcome{err: err, exit: exit, hint: alone(hint, line)}
	var usage *usageError
	if errors.As(err, &usage) {
		o.hint = "see: ferry help"
		if usage.verb != "" {
			o.hint = "see: ferry " + usage.verb + " --help"
		}
	}
	if out := jsonOutput(env); out != nil {
		if _, err := out.Write(append(jsonLine(startObject()), jsonLine(o.object())...)); err == nil {
			return exit
		}
	}
	for _, row := range env.style().verdict(o.rows(true, env.columns()), true) {
		fmt.Fprintln(env.Stderr, row)
	}
	return exit
}
