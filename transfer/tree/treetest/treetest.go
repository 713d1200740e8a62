// Package treetest says what the system that a test runs on keeps, for tests of any
// package that look at files beside package tree.
//
// A test that cannot hold here says which trait it needs, and is skipped with the reason: a
// limit of Windows, or of Wine, under which the tests for Windows run where there is none.
// A test that can hold with other figures asks for those.
package treetest

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// Trait is something that a system may not have.
type Trait uint8

// The traits.
const (
	Modes        Trait = iota // permission bits
	Links                     // symbolic links, for this user
	FIFOs                     // and other items that are no files, by name
	AnyName                   // names of any bytes but a slash and zero
	Handles                   // an open folder is still itself when it has another name
	MovableRoots              // others can move the folder that a delivery goes to
)

// Needs skips the test unless the system has all of that.
func Needs(t testing.TB, all ...Trait) {
	t.Helper()
	for _, trait := range all {
		if why := trait.missing(t); why != "" {
			t.Skip(why)
		}
	}
}

// Has reports whether the system has the trait.
func Has(t testing.TB, trait Trait) bool {
	t.Helper()
	return trait.missing(t) == ""
}

func (trait Trait) missing(t testing.TB) string {
	if trait == Links {
		return missingLinks(t)
	}
	if runtime.GOOS != "windows" {
		return ""
	}
	switch trait {
	case Modes:
		return "Windows: a file has a mark for read-only and no permission bits, a folder not even that"
	case FIFOs:
		return "Windows: folders hold no FIFOs, sockets or devices"
	case AnyName:
		return "Windows: it takes no such names"
	case Handles:
		if Wine() {
			return "Wine: it finds an open folder by the name that it was opened under"
		}
	case MovableRoots:
		return "Windows: nobody can move a folder that is open without leave for that"
	}
	return ""
}

// missingLinks tries to make a link: on Windows that takes a privilege or the developers'
// mode, and Wine has none.
func missingLinks(t testing.TB) string {
	if runtime.GOOS != "windows" {
		return ""
	}
	path := filepath.Join(t.TempDir(), "link")
	err := os.Symlink("nowhere", path)
	switch _, read := os.Readlink(path); {
	case Wine():
		// It says that it has made one.
		return "Wine: it makes no symbolic links"
	case err == nil && read == nil:
		return ""
	default:
		return "Windows: this user may make no symbolic links: " + errors.Join(err, read).Error()
	}
}

// Mode is what a file shows that was given that mode.
func Mode(mode os.FileMode) os.FileMode {
	switch {
	case runtime.GOOS != "windows":
		return mode
	case mode&0o200 == 0:
		return 0o444
	}
	return 0o666
}

// FolderMode is Mode for a folder.
func FolderMode(mode os.FileMode) os.FileMode {
	if runtime.GOOS != "windows" {
		return mode
	}
	return 0o777
}

// Time is what an item shows that was given that time, on the system's own file systems.
func Time(t time.Time) time.Time {
	if runtime.GOOS != "windows" {
		return t
	}
	return t.Truncate(100 * time.Nanosecond)
}

// Symlink makes a symbolic link that is one item of many in a test, and leaves it out where
// there are none. A test of links Needs them.
func Symlink(t testing.TB, target, path string) (made bool) {
	t.Helper()
	if !Has(t, Links) {
		return false
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	return true
}
