//go:build unix

package tree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// What systems other than Linux rely on, as far as it can be run on any.

// A listing through a handle of its own has all names and their kinds, and each that stays
// while others go.
func TestReadFresh(t *testing.T) {
	path, d := open(t, 2)
	const files = 3 * freshBatch
	for i := range files {
		check(t, os.WriteFile(filepath.Join(path, fmt.Sprintf("f%04d", i)), nil, 0o600))
	}
	check(t, os.Mkdir(filepath.Join(path, "folder"), 0o700))
	check(t, os.Symlink("nowhere", filepath.Join(path, "link")))
	check(t, unix.Mkfifo(filepath.Join(path, "fifo"), 0o600))
	list := func() (names []DirName) {
		check(t, d.at("readdir", "", func(h handle) (err error) { names, err = readFresh(h); return err }))
		slices.SortFunc(names, func(a, b DirName) int { return strings.Compare(a.Name, b.Name) })
		return names
	}
	for range 2 { // the second does not go on where the first ended
		names := list()
		if len(names) != files+3 {
			t.Fatalf("%d names of %d", len(names), files+3)
		}
		for _, n := range names {
			want := map[string]Kind{"folder": Folder, "link": Symlink, "fifo": KindOther}[n.Name]
			if want == 0 {
				want = File
			}
			if n.Kind != want && n.Kind != 0 {
				t.Errorf("%s is listed as %v, and is a %v", n.Name, n.Kind, want)
			}
		}
	}
	done := make(chan error)
	go func() {
		var err error
		for i := 0; i < files; i += 2 {
			err = errors.Join(err, os.Remove(filepath.Join(path, fmt.Sprintf("f%04d", i))))
		}
		done <- err
	}()
	names := list()
	check(t, <-done)
	for i := 1; i < files; i += 2 {
		if name := fmt.Sprintf("f%04d", i); !slices.ContainsFunc(names, func(n DirName) bool { return n.Name == name }) {
			t.Fatalf("%s stayed and is not listed", name)
		}
	}
}

// The first sync that is not refused counts, also if it fails.
func TestFirstTaken(t *testing.T) {
	for _, c := range []struct {
		answers []error
		want    error
		made    int
	}{
		{[]error{nil, unix.EIO}, nil, 1},
		{[]error{unix.ENOTSUP, nil, unix.EIO}, nil, 2},
		{[]error{unix.ENOTTY, unix.EINVAL, nil}, nil, 3},
		{[]error{unix.EBADF, unix.EIO}, unix.EIO, 2},
		{[]error{unix.EIO, nil}, unix.EIO, 1},
		{[]error{unix.ENOTSUP, unix.ENOTSUP}, unix.ENOTSUP, 2},
	} {
		made := 0
		var calls []func() error
		for _, answer := range c.answers {
			calls = append(calls, func() error { made++; return answer })
		}
		if err := firstTaken(calls...); err != c.want || made != c.made {
			t.Errorf("%v: %v after %d calls, want %v after %d", c.answers, err, made, c.want, c.made)
		}
	}
}

// A file system that calls data a hole is not believed where that is known to happen, and
// then not about the rest of the file either.
func TestExtentsThatLie(t *testing.T) {
	_, d := open(t, 2)
	f, err := d.Create("f", 0o600)
	check(t, err)
	defer f.Close()
	const size = 300 << 10
	b := make([]byte, size)
	b[200<<10] = 1
	_, err = f.WriteAt(b, 0)
	check(t, err)
	info, err := Fstat(f)
	check(t, err)
	info.Allocated = 0
	for _, doubt := range []bool{false, true} {
		x := NewExtents(f, info)
		x.doubt, x.from, x.to, x.hole = doubt, 0, size, true // what was found last
		x.dense.Store(false)
		want := []Cover{AllHole, AllHole, AllHole}
		if doubt {
			want = []Cover{AllHole, AllData, AllData}
		}
		got := []Cover{x.Cover(0, 150<<10), x.Cover(150<<10, 150<<10), x.Cover(0, 150<<10)}
		if !slices.Equal(got, want) {
			t.Errorf("doubted: %v: covers %v, want %v", doubt, got, want)
		}
	}
}

// Names of attributes come in two forms. A buffer that is full may have been cut off, and
// an item that gets more attributes meanwhile is asked again.
func TestReadXattrs(t *testing.T) {
	if got := splitNames([]byte("user.a\x00user.b\x00")); !slices.Equal(got, []string{"user.a", "user.b"}) {
		t.Errorf("%q", got)
	}
	if got := splitCounted([]byte("\x01a\x03b.c")); !slices.Equal(got, []string{"user.a", "user.b.c"}) {
		t.Errorf("%q", got)
	}
	if got := splitCounted([]byte("\x01a\x09b")); !slices.Equal(got, []string{"user.a"}) {
		t.Errorf("a list that ends early: %q", got)
	}
	for name, c := range map[string]struct {
		values []string // at each call
		cuts   bool     // what is too long is cut off, and no error
		want   string
		err    error
	}{
		"as it was": {[]string{"abc"}, false, "abc", nil}, "longer": {[]string{"abc", "abcdef", "abcdef"}, false, "abcdef", nil},
		"longer and cut off": {[]string{"abc", "abcdef", "abcdef"}, true, "abcdef", nil},
		"shorter":            {[]string{"abcdef", "a"}, true, "a", nil},
		"empty":              {[]string{""}, false, "", nil},
		"too large":          {[]string{strings.Repeat("x", 17)}, false, "", errXattrs},
	} {
		calls := 0
		got, err := readXattr(16, func(b []byte) (int, error) {
			value := c.values[min(calls, len(c.values)-1)]
			calls++
			switch {
			case b == nil:
				return len(value), nil
			case len(value) > len(b) && !c.cuts:
				return 0, unix.ERANGE
			}
			return copy(b, value), nil
		})
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Of macOS's own attributes those that people know of are told, and none is carried.
func TestAttributesOfMacOS(t *testing.T) {
	for name, told := range map[string]bool{
		"com.apple.ResourceFork": true, "com.apple.quarantine": true, "com.apple.provenance": false,
		"com.apple.system.Security": false, "com.apple.macl": false,
	} {
		if !ofThisMac(name) || (leftOut(name) != nil) != told {
			t.Errorf("%s: left out %v, told %v", name, ofThisMac(name), leftOut(name))
		}
	}
	for _, name := range []string{"com.apple.FinderInfo", "com.apple.metadata:kMDItemWhereFroms", "user.x", "x"} {
		if ofThisMac(name) || leftOut(name) != nil {
			t.Errorf("%s is left out", name)
		}
	}
}

// The answer about an item with an ACL and of one without, as macOS lays them out.
func TestTellsACL(t *testing.T) {
	answer := func(words ...uint32) (b []byte) {
		for _, w := range words {
			b = binary.NativeEndian.AppendUint32(b, w)
		}
		return b
	}
	for _, c := range []struct {
		answer []byte
		want   bool
	}{
		{answer(12, 8, 0), false}, {answer(80, 8, 68, 0x12cc16d), true}, {answer(0, 0, 0), false}, {answer(8, 8), false}, {nil, false},
	} {
		if got := tellsACL(c.answer); got != c.want {
			t.Errorf("%x: %v", c.answer, got)
		}
	}
}

// A link in a folder's place is ELOOP or ENOTDIR whatever the system says.
func TestOpenSaysLoop(t *testing.T) {
	path, d := open(t, 2)
	check(t, os.Symlink("nowhere", filepath.Join(path, "link")))
	if _, _, err := d.OpenFile("link"); !errors.Is(err, syscall.ELOOP) {
		t.Error(err)
	}
}
