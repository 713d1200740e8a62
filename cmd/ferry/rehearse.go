package main

import (
	"errors"
	"fmt"
	"strings"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/local"
	"ferry/transfer/tree"
)

// wouldText says what would happen to an item in a delivery; "" for an item that would
// stay as it is, unless verbose is set.
func wouldText(e transfer.ItemDone, verbose bool) string {
	path := show(e.Path)
	size := ""
	if e.Size >= 0 && e.Kind == tree.File {
		size = " (" + sizeText(e.Size) + ")"
	}
	switch e.Status {
	case transfer.StatusDelivered:
		if e.Kind == tree.Folder || e.Kind == tree.Root {
			return "would make: " + path
		}
		return "would send: " + path + size
	case transfer.StatusReplaced:
		return "would replace: " + path + size
	case transfer.StatusRenamed:
		return "would rename: " + path + " to " + show(e.NewName) + size
	case transfer.StatusSkipped:
		return "would skip: " + path + ": " + e.Cause.String()
	case transfer.StatusAdjusted:
		return "would give new metadata: " + path
	}
	if verbose {
		return "unchanged: " + path
	}
	return ""
}

// wouldStatus is the status of such an item for programs.
func wouldStatus(s transfer.Status) string {
	switch s {
	case transfer.StatusDelivered:
		return "would_send"
	case transfer.StatusReplaced:
		return "would_replace"
	case transfer.StatusRenamed:
		return "would_rename"
	case transfer.StatusSkipped:
		return "would_skip"
	case transfer.StatusAdjusted:
		return "would_adjust"
	}
	return s.String()
}

// wouldCounts is the summary of a dry run.
func wouldCounts(r transfer.Result) string {
	parts := []string{"would deliver " + items(r.Delivered) + newAndReplaced(r)}
	for _, n := range []struct {
		count int64
		what  string
	}{{r.Same - r.Adjusted, "leave %d unchanged"}, {r.Adjusted, "give %d new metadata"}, {r.Skipped, "skip %d"}, {r.Excluded, "exclude %d"}, {r.Backups, "keep %d as backups"}, {r.Deleted, "delete %d"}, {r.Failed, "fail for %d"}} {
		if n.count > 0 {
			parts = append(parts, fmt.Sprintf(n.what, n.count))
		}
	}
	if r.Escaped > 0 {
		parts = append(parts, escapedCount(r.Escaped))
	}
	return strings.Join(parts, ", ") + "; needs " + sizeText(r.Bytes) + " of space there"
}

// wouldFail is ErrIncomplete in words that fit a dry run.
type wouldFail struct {
	err   error
	items int64
}

func (e wouldFail) Error() string { return items(e.items) + " would not be delivered" }
func (e wouldFail) Unwrap() error { return e.err }

// rehearsedError gives the error of a dry run its own words.
func rehearsedError(r transfer.Result, err error) error {
	// A NotDeletedError says by itself that nothing was tried.
	if r.DryRun && errors.Is(err, transfer.ErrIncomplete) && !errors.As(err, new(*local.NotDeletedError)) {
		return wouldFail{err, r.Failed}
	}
	return err
}

// dryRunWithout refuses flags that write something.
func dryRunWithout(verb string, manifest bool) error {
	if manifest {
		return usagef(verb, "--dry-run changes nothing, and --manifest writes a list: they exclude each other")
	}
	return nil
}

// skipCause names why an item was skipped, for programs; "" if it was not.
func skipCause(c framing.Code) string {
	if c == framing.CodeNone {
		return ""
	}
	return c.String()
}
