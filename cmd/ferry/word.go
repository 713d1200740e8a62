package main

import (
	"errors"
	"io/fs"
	"syscall"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// word is the cause for programs, "" after success: one of the words that JSON.md lists
// for error.code. Words are only ever added. The exit code is beside it, and an exit code
// that says it all has one word.
func (o outcome) word() string {
	var settled *exitError
	switch {
	case o.err == nil:
		return ""
	case o.exit == exitInterrupted, o.exit == exitTerminated:
		return "interrupted"
	case o.exit == exitUsage:
		return "usage"
	case o.exit == exitDigest:
		return "digest"
	case o.crowd != nil && o.crowd.word != "":
		return o.crowd.word
	case errors.As(o.err, &settled) && settled.word != "":
		return settled.word
	case errors.Is(o.err, errDeclined):
		return "declined"
	case errors.Is(o.err, link.ErrBurnt):
		return "burnt"
	case errors.As(o.err, new(*local.NotDeletedError)), errors.Is(o.err, local.ErrTooManyDeletions), errors.Is(o.err, local.ErrEmptySource):
		return "not-deleted"
	case errors.As(o.err, new(*send.NotRemovedError)):
		return "not-removed"
	case errors.Is(o.err, transfer.ErrIncomplete), errors.As(o.err, new(wouldFail)):
		if o.exit == exitDestination {
			return o.destinationWord()
		}
		return "incomplete"
	}
	switch code := codeOf(o.err); {
	case o.exit == exitConnection && !o.began && code != framing.CodeBusy:
		return "no-connection"
	case o.exit == exitDestination && exitOfCode(code) != exitDestination:
		return systemWord(o.err)
	case o.exit == exitConnection && exitOfCode(code) != exitConnection:
		return "gave-up" // for a cause of its own
	default:
		return codeWord(code)
	}
}

// destinationWord is the cause of the first item that the destination did not take, where
// it took none.
func (o outcome) destinationWord() string {
	for _, f := range o.result.Failures {
		if exitOfCode(f.Code) == exitDestination {
			return codeWord(f.Code)
		}
	}
	return "io"
}

// systemWord is the cause that an error of this machine's file system names.
func systemWord(err error) string {
	err = tree.Known(err)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "permission"
	case errors.Is(err, syscall.ENOSPC):
		return "no-space"
	case errors.Is(err, syscall.EROFS):
		return "read-only"
	}
	return "io"
}

// codeWord is the word for a code of the wire. Causes of single items, and codes that this
// version does not know, are "failed".
func codeWord(c framing.Code) string {
	switch c {
	case framing.CodeNoSpace:
		return "no-space"
	case framing.CodePermission:
		return "permission"
	case framing.CodeIO:
		return "io"
	case framing.CodeLocked:
		return "locked"
	case framing.CodeDestinationGone:
		return "gone"
	case framing.CodeReadOnly:
		return "read-only"
	case framing.CodeDigest:
		return "digest"
	case framing.CodeDeclined:
		return "declined"
	case framing.CodeCodeRefused:
		return "refused"
	case framing.CodeBusy:
		return "busy"
	case framing.CodeVersion:
		return "version"
	case framing.CodeProtocol:
		return "protocol"
	case framing.CodeLost:
		return "lost"
	case framing.CodeTimeout:
		return "timeout"
	case framing.CodeGaveUp, framing.CodeInterrupted, framing.CodeCancelled:
		return "gave-up"
	case framing.CodeInternal:
		return "internal"
	}
	return "failed"
}
