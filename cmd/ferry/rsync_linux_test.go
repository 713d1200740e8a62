package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// twoTrees makes src and dst in dir, which differ in all ways that rsync's flags are
// about: newer, older, same, only here, only there, another kind.
func twoTrees(t *testing.T, dir string) {
	t.Helper()
	day := func(n int) time.Time { return time.Date(2020, 1, n, 0, 0, 0, 0, time.UTC) }
	for name, at := range map[string]time.Time{
		"src/older": day(3), "src/newer": day(3), "src/same": day(3), "src/new": day(3), "src/d/older": day(3), "src/d/run": day(3), "src/d/e/newer": day(3),
		"dst/older": day(1), "dst/newer": day(5), "dst/same": day(3), "dst/only": day(3), "dst/d/older": day(1), "dst/d/run": day(1), "dst/d/e/newer": day(5),
		"dst/link": day(5), "dst/gone/a": day(3), "dst/gone/b/c": day(3), "dst/d/only": day(3),
	} {
		path := filepath.Join(dir, name)
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		text := name
		if strings.HasSuffix(name, "same") {
			text = "same"
		}
		check(t, os.WriteFile(path, []byte(text), 0o640))
		check(t, os.Chtimes(path, at, at))
	}
	check(t, os.Chmod(filepath.Join(dir, "src/d/run"), 0o710))
	check(t, os.Symlink("older", filepath.Join(dir, "src/link")))
}

// listing is the tree at dir: modes, times of files, contents, targets.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		switch {
		case d.IsDir() && strings.Contains(path+"/", "/.old/"):
			fmt.Fprintf(&b, "%s\n", rel) // for this user alone, where rsync copies the mode
		case d.IsDir():
			fmt.Fprintf(&b, "%s %v\n", rel, info.Mode())
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			fmt.Fprintf(&b, "%s -> %s\n", rel, target)
			return err
		default:
			text, err := os.ReadFile(path)
			fmt.Fprintf(&b, "%s %v %d %q\n", rel, info.Mode(), info.ModTime().UnixNano(), text)
			return err
		}
		return nil
	}))
	return b.String()
}

// rsync does the same with the same flags, as far as these have them in common.
func TestFlagsAgreeWithRsync(t *testing.T) {
	if _, err := exec.LookPath("rsync"); err != nil {
		t.Skip("rsync is not here")
	}
	at := t.TempDir()
	ferry := ferryFor(t, at)
	for i, flags := range [][]string{
		{},
		{"--update"},
		{"--chmod", "D751,F604"},
		{"--chmod", "a+rX,o-x,Fg=w"},
		{"--update", "--chmod", "F600"},
		{"--backup"},
		{"--backup", "--suffix", ".bak", "--update"},
		{"--backup", "--backup-dir", ".old"},
		{"--backup", "--delete"},
		{"--backup", "--backup-dir", ".old", "--suffix", ".x", "--delete"},
	} {
		theirs, ours := filepath.Join(at, fmt.Sprint("rsync", i)), filepath.Join(at, fmt.Sprint("ferry", i))
		twoTrees(t, theirs)
		twoTrees(t, ours)
		tool(t, append([]string{"rsync", "-rlpt"}, append(flags, theirs+"/src/", theirs+"/dst")...)...)
		tool(t, append([]string{ferry, "copy"}, append(flags, ours+"/src/", ours+"/dst")...)...)
		if want, got := listing(t, theirs), listing(t, ours); got != want {
			t.Errorf("with %q:\n%s\nand with rsync:\n%s", flags, got, want)
		}
	}
}
