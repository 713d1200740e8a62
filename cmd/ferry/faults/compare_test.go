//go:build faults && linux

package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// difference is one way in which an item at the target is not that of the source.
type difference struct {
	path string
	// what is the word of --json for a kind of metadata. For the item as a whole
	// it is missing, kind, content or target.
	what string
	text string
}

func (d difference) String() string { return fmt.Sprintf("%q: %s: %s", d.path, d.what, d.text) }

// whole reports whether the item itself, and no metadata, differs.
func (d difference) whole() bool {
	return slices.Contains([]string{"missing", "kind", "content", "target"}, d.what)
}

// wish is what of the metadata a command takes.
type wish struct {
	archive bool
	umask   uint32 // bits of the mode that are not given
}

// The kinds that come with --devices only.
func special(kind string) bool { return kind == "fifo" || kind == "socket" || kind == "device" }

// against compares what has come to a target with what was sent.
func (c census) against(got census, w wish, t *target) (all []difference) {
	for _, path := range c.paths() {
		want := c[path]
		as, there := t.finds(got, path)
		have := got[as]
		add := func(what, text string, args ...any) {
			all = append(all, difference{path, what, fmt.Sprintf(text, args...)})
		}
		switch {
		case special(want.kind) && !w.archive:
			if there {
				add("kind", "%s is there and was not asked for", have.kind)
			}
			continue
		case !there:
			if special(want.kind) {
				add("special file", "missing")
			} else {
				add("missing", "%s", want.kind)
			}
			continue
		case have.kind != want.kind || have.rdev != want.rdev:
			add("kind", "%s %#x, want %s %#x", have.kind, have.rdev, want.kind, want.rdev)
			continue
		case have.digest != want.digest || have.size != want.size:
			add("content", "%d bytes, want %d", have.size, want.size)
			continue
		case have.target != want.target:
			add("target", "%q, want %q", have.target, want.target)
			continue
		}
		if want.kind != "symlink" {
			if mode := want.mode & 0o777 &^ w.umask; have.mode&0o777 != mode {
				add("mode", "%o, want %o", have.mode&0o777, mode)
			}
		}
		if !t.clock.holds(want.mtime, have.mtime) {
			add("mtime", "%v, want %v", have.mtime, want.mtime)
		}
		if w.archive {
			c.archived(want, have, got, t, add)
		}
	}
	return all
}

// archived compares what --archive takes beyond mode and time.
func (c census) archived(want, have fact, got census, t *target, add func(what, text string, args ...any)) {
	if have.uid != want.uid || have.gid != want.gid {
		add("owner", "%d:%d, want %d:%d", have.uid, have.gid, want.uid, want.gid)
	}
	if want.kind != "symlink" && have.mode&0o7000 != want.mode&0o7000 {
		add("set-id or sticky bit", "%o, want %o", have.mode&0o7000, want.mode&0o7000)
	}
	// Only together with the name that it was first met under.
	if first, there := t.finds(got, want.twin); want.kind != "folder" && there && have.twin != first {
		add("hard link", "a name of %q, want %q", have.twin, first)
	}
	for _, name := range slices.Sorted(maps.Keys(merge(want.attrs, have.attrs))) {
		wanted, wants := want.attrs[name]
		if has, is := have.attrs[name]; is == wants && has == wanted {
			continue
		}
		what := "extended attribute"
		if strings.HasPrefix(name, "system.posix_acl_") {
			what = "ACL"
		}
		add(what, "%s is %q, want %q", name, short(have.attrs[name]), short(wanted))
	}
}

func merge(a, b map[string]string) map[string]string {
	both := maps.Clone(a)
	if both == nil {
		both = make(map[string]string)
	}
	maps.Copy(both, b)
	return both
}

func short(s string) string { return s[:min(len(s), 40)] }

// clock is which times a target can hold. A time between two of its grid becomes
// one of them, which ferry counts as the same.
type clock struct {
	grid  int64 // in ns; 0 is 1
	early int64 // the grid before 1970, if it is another
}

func (k clock) holds(want, have unix.Timespec) bool {
	if want == have {
		return true
	}
	grid := max(k.grid, 1)
	if want.Sec < 0 {
		grid = max(grid, k.early)
	}
	// Only seconds and what is below them lie on a grid; 2 s is the coarsest.
	sec, nsec := want.Sec, want.Nsec
	away := (have.Sec-sec)*1e9 + have.Nsec - nsec
	if have.Sec-sec > 4 || sec-have.Sec > 4 {
		return false
	}
	return away < grid && away > -grid
}

// finds looks for the name that path has in what stands at the target: that one, or
// where letters are folded one that differs by case.
func (t *target) finds(at census, path string) (string, bool) {
	if _, there := at[path]; there || !t.folds {
		return path, there
	}
	for as := range at {
		if strings.EqualFold(as, path) {
			return as, true
		}
	}
	return path, false
}
