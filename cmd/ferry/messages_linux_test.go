package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// internalName matches names that ferry alone gives.
var internalName = regexp.MustCompile(`\.ferry-partial[^ :]*/|[0-9a-f]{16,}|\.(part|tree|tmp|aside)\b`)

// systemCalls are words of package os and of this program's own layers that say nothing
// to a person.
var systemCalls = regexp.MustCompile(`\b(openat|linkat|renameat2?|unlinkat|mkdirat|symlinkat|fsync|syncfs|utimensat|fchmod|pwrite64|fstatfs|setting metadata of)\b`)

// twice returns what stands in line two times in a row: a word, or what stands between
// colons.
func twice(line string) string {
	words := strings.Fields(line)
	for i := 1; i < len(words); i++ {
		if words[i] == words[i-1] && len(words[i]) > 2 {
			return words[i]
		}
	}
	parts := strings.Split(line, ": ")
	slices.Sort(parts)
	for i := 1; i < len(parts); i++ {
		if parts[i] == parts[i-1] {
			return parts[i]
		}
	}
	return ""
}

// Whatever call fails at the destination, and in whatever way, the messages say each
// step once and with the user's names, and it is never the link's or the protocol's
// fault.
func TestMessagesOfFailingTargets(t *testing.T) {
	if err := exec.Command("strace", "-o", "/dev/null", "true").Run(); err != nil {
		t.Skipf("strace cannot trace here: %v", err)
	}
	dir := t.TempDir()
	ferry := ferryFor(t, dir)
	src := filepath.Join(dir, "src")
	check(t, os.MkdirAll(filepath.Join(src, "d"), 0o755))
	check(t, os.WriteFile(filepath.Join(src, "small"), []byte("x"), 0o644))
	check(t, os.WriteFile(filepath.Join(src, "d", "large"), make([]byte, 3<<20), 0o600))
	check(t, os.Truncate(filepath.Join(src, "d", "large"), 3<<20))
	check(t, os.Symlink("small", filepath.Join(src, "link")))
	seen := 0
	for i, calls := range []string{
		"mkdirat", "linkat", "renameat,renameat2", "pwrite64", "fsync,syncfs", "fsync", "ftruncate", "fchmod", "utimensat", "symlinkat", "unlinkat",
		"flock", "fstatfs", "fallocate", "linkat,renameat,renameat2", "mkdir,mkdirat",
	} {
		for j, number := range []string{"EIO", "ENOSPC", "EACCES", "EROFS", "EINVAL", "EOPNOTSUPP", "ENOENT", "ESTALE", "EFBIG", "ENAMETOOLONG"} {
			if (i+j)%3 != 0 {
				continue // each call has a third of them, and each error a third of the calls
			}
			dst := filepath.Join(dir, fmt.Sprint("dst", i, number))
			if calls == "mkdirat" {
				check(t, os.Mkdir(dst, 0o755))
			}
			out, exit := asUser(t, 0, "strace", "-f", "-o", "/dev/null", "-e", "inject="+calls+":error="+number, ferry, "copy", "--progress", "never", src, dst)
			if exit != exitOK && exit != exitIncomplete && exit != exitDestination {
				t.Errorf("%s %s: exit %d:\n%s", calls, number, exit, out)
			}
			for line := range strings.SplitSeq(strings.TrimSpace(out), "\n") {
				if strings.Contains(line, "run again: ") {
					continue // the command line, with the name of this test
				}
				line = strings.NewReplacer(dir, "DIR").Replace(line)
				if again := twice(line); again != "" {
					t.Errorf("%s %s says %q twice: %s", calls, number, again, line)
				}
				if name := internalName.FindString(line); name != "" {
					t.Errorf("%s %s says %q: %s", calls, number, name, line)
				}
				if call := systemCalls.FindString(line); call != "" {
					t.Errorf("%s %s says %q: %s", calls, number, call, line)
				}
				if rest, ok := strings.CutPrefix(line, "ferry: "); ok {
					seen++
					if exit == exitDestination && strings.Contains(rest, `"`) && !strings.Contains(rest, "DIR/dst") {
						t.Errorf("%s %s does not name the destination: %s", calls, number, line)
					}
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d failures were seen", seen)
	}
}
