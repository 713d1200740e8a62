package hostile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/tree/treetest"
)

// give plays a sender of entries, all of whose small files say "evil".
func give(entries ...framing.Entry) func(*peer) {
	return func(p *peer) {
		n := uint64(0)
		for _, e := range entries {
			if e.Kind != framing.KindFolderEnd {
				n++
			}
		}
		p.offer()
		p.entries(1, entries...)
		p.end(n)
		p.answer(func(w framing.Want) { p.pack(packed(w.ID, "evil")) })
	}
}

// content lists what is in the folder dst: names, with the content of files and
// the targets of links.
func content(t *testing.T, dst string) string {
	t.Helper()
	var all []string
	deliverytest.Must(t, filepath.WalkDir(dst, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dst {
			return err
		}
		name, err := filepath.Rel(dst, path)
		deliverytest.Must(t, err)
		switch {
		case d.Type().IsRegular():
			b, err := os.ReadFile(path)
			deliverytest.Must(t, err)
			name += "=" + string(b)
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			deliverytest.Must(t, err)
			name += "->" + target
		}
		all = append(all, name)
		return nil
	}))
	return strings.Join(all, " ")
}

func TestHostileNamesAreRefused(t *testing.T) {
	for _, name := range []string{".", "..", "a/b", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\x00b", "a/", "/", "\x00", ".ferry-partial"} {
		t.Run(fmt.Sprintf("H20 %q", name), func(t *testing.T) {
			dst, res, _, err := hostile(t, victim{}, give(
				file(0, name, 4), folderEntry(0, name), file(2, "inside", 4), folderEnd(2), symlink(0, name, "fine"), file(0, "good", 4)))
			if !errors.Is(err, transfer.ErrIncomplete) || res.Failed != 4 || res.Delivered != 1 {
				t.Errorf("%v, %d failed, %d delivered", err, res.Failed, res.Delivered)
			}
			if got := content(t, dst); got != "good=evil" {
				t.Errorf("the destination has %s", got)
			}
		})
	}
}

// Names that only look dangerous are names.
func TestOddNamesAreKept(t *testing.T) {
	treetest.Needs(t, treetest.AnyName)
	names := []string{"-rf", "$(touch x)", "`id`", "a;b", "a\nb", "\x1b[31m", "*", "~", "..a", "...", "a b", ".hidden", "\u202eexe.txt"}
	if filepath.Separator == '/' {
		names = append(names, `..\x`, `C:\x`, "CON", "x.", "x ", "a:b", "nul.txt")
	}
	var entries []framing.Entry
	for _, name := range names {
		entries = append(entries, file(0, name, 4))
	}
	dst, res, _, err := hostile(t, victim{}, give(entries...))
	if err != nil || int(res.Delivered) != len(names) {
		t.Fatalf("H07 ended with %v, %v", err, res.Failures)
	}
	for _, name := range names {
		if b, err := os.ReadFile(filepath.Join(dst, name)); err != nil || string(b) != "evil" {
			t.Errorf("H07 %q: %q, %v", name, b, err)
		}
	}
}

// A link that is in the way, planted before or sent by the peer, is never
// written through.
func TestNoWriteGoesThroughALink(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	plant := func(name, target string) func(string) {
		return func(dst string) { deliverytest.Must(t, os.Symlink(target, filepath.Join(dst, name))) }
	}
	inside := []framing.Entry{folderEntry(0, "d"), file(1, "canary", 4), folderEnd(1)}
	after := func(target string) []framing.Entry {
		return []framing.Entry{symlink(0, "d", target), folderEntry(0, "d"), file(2, "canary", 4), folderEnd(2)}
	}
	for _, c := range []struct {
		name    string
		prepare func(string)
		entries []framing.Entry
		want    string
	}{
		{"H23 a parent is a link", plant("d", ".."), inside, "d->.."},
		{"H23 a parent is an absolute link", plant("d", os.TempDir()), inside, "d->" + os.TempDir()},
		{"H23 a leaf is a link", plant("f", "../canary"), []framing.Entry{file(0, "f", 4)}, "f=evil"},
		{"H23 a leaf is a dangling link", plant("f", "../new"), []framing.Entry{file(0, "f", 4)}, "f=evil"},
		{"H24 our own folder is a link", plant(".ferry-partial", ".."), []framing.Entry{file(0, "f", 4)}, ".ferry-partial->.. f=evil"},
		{"H25 a link, then a file in it", nil, after("sub"), "d->sub"},
		{"H25 a link to the folder itself", nil, after("."), "d->."},
		{"H25 a link to itself", nil, after("d"), "d->d"},
		{"H25 a link out of the tree", nil, after(".."), "d d/canary=evil"},
		{"H25 an absolute link", nil, after(os.TempDir()), "d d/canary=evil"},
		{"H25 a chain of links", nil, []framing.Entry{symlink(0, "c", "d"), symlink(0, "d", "sub"),
			folderEntry(0, "c"), file(3, "canary", 4), folderEnd(3)}, "c->d d->sub"},
		{"H21 a folder, then a file of its name", nil, []framing.Entry{folderEntry(0, "d"), folderEnd(1), file(0, "d", 4)}, "d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dst, _, _, _ := hostile(t, victim{prepare: c.prepare}, give(c.entries...))
			if got := content(t, dst); got != c.want {
				t.Errorf("the destination has %s, want %s", got, c.want)
			}
		})
		t.Run(c.name+", all links kept", func(t *testing.T) {
			// Only that nothing outside changes, which hostile looks at.
			hostile(t, victim{prepare: c.prepare, options: func(o *receive.Options) { o.Links = transfer.LinksAll }}, give(c.entries...))
		})
	}
}

// H31: without leave nothing that stands there is replaced, by whatever route.
func TestNothingIsReplacedWithoutLeave(t *testing.T) {
	for name, entries := range map[string][]framing.Entry{
		"a file":                 {file(0, "f", 4)},
		"a file of the size":     {file(0, "f", 5)},
		"a file twice":           {file(0, "f", 4), file(0, "f", 4)},
		"a link":                 {symlink(0, "f", "x")},
		"a folder":               {folderEntry(0, "f"), file(1, "g", 4), folderEnd(1)},
		"a file over a folder":   {file(0, "d", 4)},
		"a link over a folder":   {symlink(0, "d", "x")},
		"a file over a link":     {file(0, "l", 4)},
		"a folder over a link":   {folderEntry(0, "l"), file(1, "g", 4), folderEnd(1)},
		"a stream":               {streamEntry("f")},
		"a large file":           {file(0, "f", 3<<20)},
		"a link that is there":   {symlink(0, "l", "f")},
		"a link, another target": {symlink(0, "l", "d")},
	} {
		t.Run("H31 "+name, func(t *testing.T) {
			want := "d f=mine! l->f"
			dst, _, _, _ := hostile(t, victim{
				prepare: func(dst string) {
					deliverytest.Must(t, os.WriteFile(filepath.Join(dst, "f"), []byte("mine!"), 0o644))
					deliverytest.Must(t, os.Mkdir(filepath.Join(dst, "d"), 0o755))
					if l := filepath.Join(dst, "l"); !treetest.Symlink(t, "f", l) {
						deliverytest.Must(t, os.WriteFile(l, []byte("mine!"), 0o644))
						want = "d f=mine! l=mine!"
					}
				},
				options: func(o *receive.Options) { o.OnConflict = transfer.ConflictFail },
			}, give(entries...))
			if got := content(t, dst); got != want {
				t.Errorf("the destination has %s, want %s", got, want)
			}
		})
	}
}

// H29: no set-id or sticky bits without leave, not even for root; and no time of
// a peer's choosing breaks more than its item.
func TestModesAndTimesArePlain(t *testing.T) {
	f, d := file(0, "f", 4), folderEntry(0, "d")
	f.Mode, d.Mode = 0o7777, 0o7777
	f.Sec, f.Nsec = -1<<62, 999_999_999
	d.Sec = 1 << 62
	dst, res, _, err := hostile(t, victim{}, give(f, d, folderEnd(2), file(0, "good", 4)))
	if err != nil && !errors.Is(err, transfer.ErrIncomplete) || res.Delivered+res.Failed != 3 || res.Delivered < 1 {
		t.Errorf("ended with %v, %v", err, res.Failures)
	}
	for _, name := range []string{"f", "d"} {
		info, err := os.Lstat(filepath.Join(dst, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a time that cannot be set may fail the item
		}
		if err != nil || info.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}
