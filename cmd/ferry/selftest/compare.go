package selftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// item is one thing in a folder, as Lstat tells of it.
type item struct {
	path   string // below the folder, with slashes
	info   fs.FileInfo
	target string // of a symbolic link
}

// list returns all that is below dir, a folder before what is in it, by name.
func list(dir string) (all []item, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		it := item{path: filepath.ToSlash(strings.TrimPrefix(path, dir)[1:])}
		if it.info, err = d.Info(); err != nil {
			return err
		}
		if it.info.Mode()&fs.ModeSymlink != 0 {
			it.target, err = os.Readlink(path)
		}
		all = append(all, it)
		return err
	})
	return all, err
}

// mostTold is how many differences a row names.
const mostTold = 3

// differences collects what is not as it should be.
type differences struct {
	first []string
	more  int
	named map[string]bool // whose bytes were found to differ
	told  losses
	lost  int64 // items that differ by what was told
}

// losses are the kinds of metadata that a process said it could not keep, by path.
type losses map[string][]string

// excused reports whether it was said that an item does not keep something, or with the
// path "" that none does, and counts the item.
func (d *differences) excused(path, what string) bool {
	told := slices.Contains(d.told[path], what) || slices.Contains(d.told[""], what)
	if told {
		d.lost++
	}
	return told
}

func (d *differences) add(format string, args ...any) {
	if len(d.first) < mostTold {
		d.first = append(d.first, fmt.Sprintf(format, args...))
	} else {
		d.more++
	}
}

func (d *differences) err() error {
	if len(d.first) == 0 {
		return nil
	}
	text := strings.Join(d.first, "; ")
	if d.more > 0 {
		text += fmt.Sprintf("; and %d more", d.more)
	}
	return errors.New(text)
}

// items compares two lists, both as list makes them.
func (d *differences) items(want, have []item) {
	found := make(map[string]item, len(have))
	for _, h := range have {
		found[h.path] = h
	}
	for _, w := range want {
		h, ok := found[w.path]
		if !ok {
			d.add("%q is missing", w.path)
			continue
		}
		delete(found, w.path)
		d.item(w, h)
	}
	for _, h := range have {
		if _, left := found[h.path]; left {
			d.add("%q was left there", h.path)
		}
	}
}

func (d *differences) item(want, have item) {
	switch w, h := want.info, have.info; {
	case w.Mode().Type() != h.Mode().Type(), w.Mode() != h.Mode() && !d.excused(want.path, "mode"):
		d.add("%q has the mode %v and not %v", want.path, h.Mode(), w.Mode())
	case want.target != have.target:
		d.add("%q links to %q and not to %q", want.path, have.target, want.target)
	case w.Mode().IsRegular() && w.Size() != h.Size():
		d.add("%q has %d bytes and not %d", want.path, h.Size(), w.Size())
	case w.Mode()&fs.ModeSymlink != 0 && runtime.GOOS == "windows":
		// The times of links cannot be set there.
	case !w.ModTime().Equal(h.ModTime()) && !d.excused(want.path, "mtime"):
		d.add("%q has the time %v and not %v", want.path, h.ModTime(), w.ModTime())
	}
}

// bytes compares a piece of a file, and names the first byte of the file that differs.
func (d *differences) bytes(path string, at int64, want, have []byte) {
	if bytes.Equal(want, have) || d.named[path] {
		return
	}
	if d.named == nil {
		d.named = make(map[string]bool)
	}
	d.named[path] = true
	n := 0
	for n < len(want) && n < len(have) && want[n] == have[n] {
		n++
	}
	d.add("%q differs at byte %d", path, at+int64(n))
}

// arrived is what was compared.
type arrived struct{ items, bytes, lost int64 }

// compare compares what is in out with the named items of the sources: out holds them and
// nothing else. What the file system cannot keep was told.
func (s *source) compare(ctx context.Context, out string, told losses, names ...string) (a arrived, err error) {
	have, err := list(out)
	if err != nil {
		return a, err
	}
	var want []item
	for _, it := range s.stood {
		for _, name := range names {
			if it.path == name || strings.HasPrefix(it.path, name+"/") {
				want = append(want, it)
			}
		}
	}
	d := differences{told: told}
	d.items(want, have)
	for _, it := range want {
		a.items++
		if !it.info.Mode().IsRegular() {
			continue
		}
		n, err := s.sameBytes(ctx, out, it.path, &d)
		a.bytes += n
		if err != nil {
			return a, err
		}
	}
	d.twins(want, out)
	a.lost = d.lost
	return a, d.err()
}

// sameBytes reads a file of the sources and what arrived of it, beside each other. One that
// is missing was named before.
func (s *source) sameBytes(ctx context.Context, out, path string, d *differences) (n int64, err error) {
	want, err := os.Open(s.at(path))
	if err != nil {
		return 0, err
	}
	defer want.Close() // read only
	have, err := os.Open(out + "/" + path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer have.Close() // read only
	forget(have)
	a, b := make([]byte, 256<<10), make([]byte, 256<<10)
	for {
		if err := context.Cause(ctx); err != nil {
			return n, err
		}
		m, err := io.ReadFull(want, a)
		m2, err2 := io.ReadFull(have, b)
		d.bytes(path, n, a[:m], b[:m2])
		n += int64(m)
		for _, e := range []error{err, err2} {
			if e != nil && !errors.Is(e, io.EOF) && !errors.Is(e, io.ErrUnexpectedEOF) {
				return n, e
			}
		}
		if err != nil || err2 != nil {
			return n, nil
		}
	}
}

// twins checks that names of one file among the sources are names of one file in out.
func (d *differences) twins(want []item, out string) {
	var a, b fs.FileInfo
	for _, it := range want {
		switch it.path {
		case firstName:
			a = it.info
		case secondName:
			b = it.info
		}
	}
	if a == nil || b == nil || !os.SameFile(a, b) {
		return
	}
	x, err1 := os.Lstat(out + "/" + firstName)
	y, err2 := os.Lstat(out + "/" + secondName)
	if err1 == nil && err2 == nil && !os.SameFile(x, y) && !d.excused(secondName, "hard link") && !d.excused(firstName, "hard link") {
		d.add("%q and %q are two files and not one", firstName, secondName)
	}
}
