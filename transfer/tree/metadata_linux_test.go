package tree

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// attributed is a file system's item with the attributes and failures given.
type attributed struct {
	held
	xattrs map[string]string
	fail   map[string]error
}

func (a attributed) listXattrs() ([]string, error) {
	names := []string{}
	for name := range a.xattrs {
		names = append(names, name)
	}
	return names, a.fail["list"]
}

func (a attributed) getXattr(name string) ([]byte, error) {
	return []byte(a.xattrs[name]), a.fail[name]
}

func TestXattrsThatDoNotFitAreReported(t *testing.T) {
	half := strings.Repeat("x", maxXattrBytes/2-20)
	many := map[string]string{}
	for i := range maxXattrs + 1 {
		many[fmt.Sprintf("user.%04d", i)] = ""
	}
	for name, c := range map[string]struct {
		attributed
		read int
		lost Attr
	}{
		"few":        {attributed{xattrs: map[string]string{"user.b": "1", "user.a": half}}, 2, 0},
		"of others":  {attributed{xattrs: map[string]string{"user.b": "1", "system.nfs4_acl": "x"}}, 1, 0},
		"in all":     {attributed{xattrs: map[string]string{"user.a": half, "user.b": half, "user.c": half, "user.d": "1"}}, 3, AttrXattrs},
		"many":       {attributed{xattrs: many}, maxXattrs, AttrXattrs},
		"value":      {attributed{xattrs: map[string]string{"user.a": strings.Repeat("x", maxXattrValue+1)}}, 0, AttrXattrs},
		"name":       {attributed{xattrs: map[string]string{"user." + strings.Repeat("x", maxXattrName): ""}}, 0, AttrXattrs},
		"unreadable": {attributed{xattrs: map[string]string{"user.a": "", aclAccess: ""}, fail: map[string]error{aclAccess: unix.EACCES}}, 1, AttrACL},
		"gone":       {attributed{xattrs: map[string]string{"user.a": ""}, fail: map[string]error{"user.a": unix.ENODATA}}, 0, 0},
		"none here":  {attributed{fail: map[string]error{"list": unix.ENOTSUP}}, 0, 0},
		"no list":    {attributed{fail: map[string]error{"list": unix.E2BIG}}, 0, AttrXattrs},
	} {
		var lost losses
		all, missing := readXattrs(c, &lost)
		if len(all) != c.read || missing != (c.lost != 0) || (c.lost != 0) != (len(lost) == 1 && lost[0].What == c.lost) {
			t.Errorf("%s: %d read, missing %v, lost %v", name, len(all), missing, lost)
		}
		if !slices.IsSortedFunc(all, func(a, b Xattr) int { return strings.Compare(a.Name, b.Name) }) {
			t.Errorf("%s: not in order", name)
		}
	}
}

// A folder whose attributes were not all told keeps those that it has.
func TestMissingAttributesAreLeftAlone(t *testing.T) {
	path, d := open(t, 4)
	check(t, os.Mkdir(filepath.Join(path, "d"), 0o755))
	at := filepath.Join(path, "d")
	if err := unix.Setxattr(at, "user.mine", []byte("1"), 0); err != nil {
		t.Skip("no attributes here:", err)
	}
	a := Apply{Mode: 0o755, Granted: Metadata{Xattrs: true}, Extra: &Extra{Xattrs: []Xattr{{"user.new", []byte("2")}}, Missing: true}}
	for _, want := range []string{"user.mine user.new", "user.new"} {
		lost, err := a.ToFolder(d.Child("d"))
		check(t, err)
		names, err := heldPathOf(t, at).listXattrs()
		slices.Sort(names)
		if got := strings.Join(names, " "); err != nil || len(lost) > 0 || got != want {
			t.Errorf("it has %q, %v, lost %v; want %q", got, err, lost, want)
		}
		a.Extra = &Extra{Xattrs: a.Extra.Xattrs}
	}
}

func heldPathOf(t *testing.T, path string) heldPath {
	t.Helper()
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	check(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	return heldPath{fd}
}

// ToName reaches the item that was seen, and never what a link leads to.
func TestApplyToNameFollowsNothing(t *testing.T) {
	path, d := open(t, 4)
	write(t, filepath.Join(path, "victim"), "")
	check(t, os.Chmod(filepath.Join(path, "victim"), 0o600))
	check(t, os.Symlink("victim", filepath.Join(path, "link")))
	before, err := d.Lstat("victim")
	check(t, err)
	seen, err := d.Lstat("link")
	check(t, err)
	a := Apply{Mode: 0o777, MTime: Time{Sec: 7, Nsec: 8}}
	_, err = a.ToName(d, "link", seen)
	check(t, err)
	if now, err := d.Lstat("link"); err != nil || now.MTime != a.MTime {
		t.Errorf("the link has mtime %v, %v", now.MTime, err)
	}
	// Another link, and a file, in its place.
	for _, put := range []func(string) error{
		func(p string) error { return os.Symlink("victim", p) },
		func(p string) error { return os.Link(filepath.Join(path, "victim"), p) },
	} {
		next := filepath.Join(path, "next")
		check(t, put(next))
		check(t, os.Rename(next, filepath.Join(path, "link")))
		if _, err := a.ToName(d, "link", seen); !errors.Is(err, ErrReplaced) {
			t.Errorf("got %v", err)
		}
	}
	now, err := d.Lstat("victim")
	check(t, err)
	if now.Mode != before.Mode || now.MTime != before.MTime {
		t.Errorf("the target was changed: %+v", now)
	}
}

// metadataTree has two names of a file, a FIFO with two names, and a link.
func metadataTree(t *testing.T) string {
	top := t.TempDir()
	file(t, "x", top, "a")
	check(t, os.Chmod(filepath.Join(top, "a"), 0o600))
	check(t, unix.Chmod(filepath.Join(top, "a"), 0o4700))
	check(t, os.Link(filepath.Join(top, "a"), filepath.Join(top, "b")))
	check(t, unix.Mkfifo(filepath.Join(top, "p"), 0o600))
	check(t, os.Link(filepath.Join(top, "p"), filepath.Join(top, "q")))
	symlink(t, "a", top, "z")
	return top
}

func TestWalkMetadata(t *testing.T) {
	top := metadataTree(t)
	all := Metadata{Owner: true, Xattrs: true, HardLinks: true, Devices: true}
	asked := 0
	for _, c := range []struct {
		name    string
		wish    Metadata
		granted *Metadata
		follow  bool
		want    string
		asked   int
	}{
		{"all", all, nil, false, "root, file a, hard link b, FIFO p, hard link q, symbolic link z, end", 0},
		{"none", Metadata{}, &all, false, "root, file a, file b, symbolic link z, end", 0},
		{"granted", all, &all, false, "root, file a, hard link b, FIFO p, hard link q, symbolic link z, end", 1},
		{"declined", all, &Metadata{}, false, "root, file a, file b, symbolic link z, end", 1},
		{"links declined", all, &Metadata{Devices: true}, false, "root, file a, file b, FIFO p, FIFO q, symbolic link z, end", 1},
		{"followed", all, nil, true, "root, file a, file b, FIFO p, FIFO q, file z, end", 0},
	} {
		asked = 0
		w := Walk{Sources: []Source{{Path: top, Contents: true}}, Metadata: c.wish, HardLinks: NewHardLinks(10), Follow: c.follow}
		if c.granted != nil {
			w.Granted = func(context.Context) (Metadata, error) { asked++; return *c.granted, nil }
		}
		items, _ := walk(t, w)
		var got []string
		for _, it := range items {
			switch it.Kind {
			case Root:
				got = append(got, "root")
			case FolderEnd:
				got = append(got, "end")
			default:
				got = append(got, it.Kind.String()+" "+it.Name)
			}
		}
		if strings.Join(got, ", ") != c.want || asked != c.asked {
			t.Errorf("%s: %s; asked %d times", c.name, strings.Join(got, ", "), asked)
		}
		// Asked before the first of several names, the receiver decides on all.
		if a := items[1]; c.wish.Owner && (c.granted == nil || c.granted.Owner) {
			if a.Extra == nil || a.Extra.Owner == nil || a.Extra.Owner.UID != uint32(os.Getuid()) || a.Mode != 0o4700 {
				t.Errorf("%s: %+v", c.name, a.Entry)
			}
		} else if a.Extra != nil || a.Mode != 0o700 {
			t.Errorf("%s: %+v", c.name, a.Entry)
		}
		if b := items[2]; b.Kind == HardLink && (b.LinkTo != items[1].ID || !items[1].Linked || b.Linked || b.Extra != nil) {
			t.Errorf("%s: %+v", c.name, b.Entry)
		}
	}
	stop := errors.New("stop")
	w := Walk{Sources: []Source{{Path: top, Contents: true}}, Metadata: all, HardLinks: NewHardLinks(1), Dirs: NewDirs(2),
		Granted: func(context.Context) (Metadata, error) { return Metadata{}, stop }}
	defer w.Dirs.Close()
	if err := w.Run(t.Context(), func(*Item) error { return nil }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

// A special file that is named is what it is with Devices, and a stream without.
func TestWalkNamedSpecial(t *testing.T) {
	top := metadataTree(t)
	for devices, want := range map[bool]Kind{true: FIFO, false: Stream} {
		items, problems := walk(t, Walk{Sources: []Source{{Path: filepath.Join(top, "p"), Name: "p"}}, Metadata: Metadata{Devices: devices}})
		if len(problems) > 0 || len(items) != 1 || items[0].Kind != want {
			t.Errorf("devices %v: %v, %v", devices, items, problems)
		}
	}
}

func TestMknodRefusesWhatTheCallWouldCut(t *testing.T) {
	_, d := open(t, 4)
	for _, e := range []Entry{
		{Kind: CharDevice, Major: 1 << 12}, {Kind: BlockDevice, Minor: 1 << 20}, {Kind: File}, {Kind: KindOther},
	} {
		if err := d.Mknod("x", &e); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%+v: %v", e, err)
		}
	}
}
