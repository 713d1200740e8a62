package main

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/object/bucket"
	"ferry/transfer/send"
)

// Each word that an end can have is in JSON.md, and no other.
func TestWordsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("JSON.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "## Causes")
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| [0-9]").FindAllStringSubmatch(table, -1) {
		documented = append(documented, row[1])
	}
	causes := []error{
		errDeclined, link.ErrBurnt, &local.NotDeletedError{}, &send.NotRemovedError{}, transfer.ErrIncomplete, wouldFail{items: 1, err: transfer.ErrIncomplete}, fs.ErrPermission, syscall.ENOSPC, syscall.EROFS,
		outputError(errors.New("closed")), &exitError{word: proxyWord, err: errors.New("no proxy")}, &exitError{word: hostKeyWord, err: errors.New("no host")}, &exitError{word: keyWord, err: errors.New("no key")}, &exitError{word: "strict", err: errors.New("lost")}, errors.New("anything"),
	}
	for _, kind := range []bucket.Kind{bucket.NoCredentials, bucket.NoBucket, bucket.Away, bucket.Other} {
		causes = append(causes, storeError("copy", &bucket.Error{Kind: kind, Err: errors.New("at the store")}))
	}
	for c := range 256 {
		causes = append(causes, &transfer.Error{Code: framing.Code(c)}, &link.Error{Code: framing.Code(c)})
	}
	var met []string
	for _, err := range causes {
		for _, exit := range []int{exitIncomplete, exitUsage, exitConnection, exitRefused, exitDigest, exitDestination, exitProtocol, exitInterrupted, exitTerminated} {
			for _, began := range []bool{false, true} {
				o := outcome{err: err, exit: exit, began: began}
				if word := o.word(); !slices.Contains(documented, word) {
					t.Errorf("JSON.md does not document the word %q of %v with exit code %d", word, err, exit)
				} else {
					met = append(met, word)
				}
			}
		}
	}
	for _, word := range documented {
		if !slices.Contains(met, word) {
			t.Errorf("no end has the word %q", word)
		}
	}
	if (outcome{}).word() != "" {
		t.Error("a success has a word")
	}
}

// What programs branch on.
func TestWords(t *testing.T) {
	full := &transfer.Error{Path: "f", Code: framing.CodeNoSpace}
	for _, c := range []struct {
		about string
		o     outcome
		want  string
	}{
		{"nobody listens", outcome{exit: exitConnection, err: &exitError{exit: exitConnection, err: errors.New("no connection to h:1")}}, "no-connection"},
		{"silence before a proof", outcome{exit: exitConnection, err: &link.Error{Code: framing.CodeTimeout}}, "no-connection"},
		{"busy", outcome{exit: exitConnection, err: &link.Error{Code: framing.CodeBusy}}, "busy"},
		{"the link broke", outcome{began: true, exit: exitConnection, err: &transfer.Error{Code: framing.CodeLost}}, "lost"},
		{"Ctrl-C at the other side", outcome{began: true, exit: exitConnection, err: &transfer.Error{Code: framing.CodeInterrupted, Remote: true}}, "gave-up"},
		{"the other side could not read", outcome{began: true, exit: exitConnection, err: &transfer.Error{Code: framing.CodeUnreadable, Remote: true}}, "gave-up"},
		{"Ctrl-C", outcome{exit: exitInterrupted, err: &transfer.Error{Code: framing.CodeLost}}, "interrupted"},
		{"wrong code", outcome{exit: exitRefused, err: &link.Error{Code: framing.CodeCodeRefused}}, "refused"},
		{"some failed", outcome{began: true, exit: exitIncomplete, err: transfer.ErrIncomplete, result: transfer.Result{Failures: []*transfer.Error{full}}}, "incomplete"},
		{"none fitted", outcome{began: true, exit: exitDestination, err: transfer.ErrIncomplete, result: transfer.Result{Failures: []*transfer.Error{full}}}, "no-space"},
		{"--max-delete", outcome{began: true, exit: exitIncomplete, err: refusedDeletion(local.ErrTooManyDeletions, false)}, "not-deleted"},
		{"an empty source", outcome{began: true, exit: exitIncomplete, err: refusedDeletion(local.ErrEmptySource, false)}, "not-deleted"},
		{"no folder", outcome{exit: exitDestination, err: &exitError{exit: exitDestination, err: &fs.PathError{Op: "open", Path: "d", Err: syscall.EACCES}}}, "permission"},
	} {
		if got := c.o.word(); got != c.want {
			t.Errorf("%s: %q, want %q", c.about, got, c.want)
		}
	}
}
