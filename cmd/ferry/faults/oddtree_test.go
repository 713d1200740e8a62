//go:build faults && linux

package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// oddity says what of the odd tree a round leaves out.
type oddity struct {
	plainNames bool  // only names that every target takes
	owner      int   // of all items; 0 is root
	little     bool  // few items, for rounds by the hundred
	latest     int64 // no time after that, in s
}

// oddNames are what file systems, terminals and other people's software fall over.
var oddNames = []string{
	"with space", "new\nline", "tab\tand\x01bell\x07", "colon:question?star*", `less<greater>"pipe|back\slash`,
	"trailing dot.", "trailing space ", "\xff\xfe no utf8", strings.Repeat("n", 255), strings.Repeat("ä", 127) + "x",
	"🦊🧪", "caf\u00e9", "cafe\u0301", "-rf", "--help", "CON", "nul.txt", "com1", "a&b;c$d'e`f", "...", " leading",
	".hidden", "~", "#hash#", "%41", "\u202egnp", "cr\r", "%2f",
}

// oddTree makes the tree and returns its path. Its file system holds all of it.
func oddTree(r *round, in string, o oddity) string {
	r.Helper()
	dir := filepath.Join(in, "tree")
	must(r, os.Mkdir(dir, 0o755))
	p := &planter{r: r, dir: dir, o: o}
	p.sizes()
	p.links()
	p.folders()
	if !o.plainNames && !o.little {
		for _, name := range oddNames {
			p.file("names/"+name, 20)
			p.folder("names/dir/" + name)
		}
		// No 255 bytes for what may have a suffix while it is made.
		p.file("names/Same", 30)
		p.file("names/same", 31)
		p.folder("names/Folder")
		p.file("names/Folder/one", 5)
		p.folder("names/folder")
		p.file("names/folder/two", 6)
	}
	p.metadata()
	p.times()
	return dir
}

// planter makes items. The first thing that fails ends the round.
type planter struct {
	r   *round
	dir string
	o   oddity
}

func (p *planter) at(name string) string { return filepath.Join(p.dir, name) }

// folder makes a folder and those above it.
func (p *planter) folder(name string) {
	p.r.Helper()
	// Not MkdirAll, which would clean a name.
	err := unix.Mkdir(p.dir+"/"+name, 0o755)
	if errors.Is(err, unix.ENOENT) {
		p.folder(name[:strings.LastIndex(name, "/")])
		err = unix.Mkdir(p.dir+"/"+name, 0o755)
	}
	if !errors.Is(err, unix.EEXIST) {
		must(p.r, err)
	}
	p.own(name)
}

func (p *planter) file(name string, size int) {
	p.r.Helper()
	if i := strings.LastIndex(name, "/"); i > 0 {
		p.folder(name[:i])
	}
	write(p.r, p.dir+"/"+name, content(p.r.Rand, size), 0o644)
	p.own(name)
}

func (p *planter) own(name string) {
	if p.o.owner != 0 {
		must(p.r, os.Lchown(p.dir+"/"+name, p.o.owner, p.o.owner))
	}
}

func (p *planter) sizes() {
	sizes := []int{0, 1, 4095, 4096, 4097, mib - 1, mib, mib + 1, 2*mib + 7}
	if p.o.little {
		sizes = []int{0, 1, mib + 1}
	}
	for _, n := range sizes {
		p.file(fmt.Sprint("sizes/", n), n)
	}
	// A hole at the start, one within, and one at the end.
	name := p.at("sizes/holes")
	f, err := os.Create(name)
	must(p.r, err)
	defer f.Close()
	for _, at := range []int64{mib, 2*mib + 64*kib} {
		_, err = f.WriteAt(content(p.r.Rand, 64*kib), at)
		must(p.r, err)
	}
	must(p.r, f.Truncate(3*mib+1))
	p.own("sizes/holes")
}

func (p *planter) links() {
	p.folder("links/sub")
	p.file("links/file", 100)
	links := map[string]string{
		"relative": "file", "up": "../sizes/1", "folder": "sub", "dangling": "nowhere/at all", "escaping": "../../../outside",
		"absolute": filepath.Join(filepath.Dir(filepath.Dir(p.dir)), "canary", "file"), "self": "self", "dot": ".", "long": strings.Repeat("x/", 500), "odd": "a\nb\xff",
	}
	if p.o.little {
		links = map[string]string{"relative": "file", "dangling": "nowhere"}
	}
	for name, target := range links {
		must(p.r, os.Symlink(target, p.at("links/"+name)))
		p.own("links/" + name)
	}
	p.file("hard/a", 3000)
	must(p.r, os.Link(p.at("hard/a"), p.at("hard/b")))
	p.folder("hard/sub")
	must(p.r, os.Link(p.at("hard/a"), p.at("hard/sub/c")))
	if !p.o.little {
		must(p.r, os.Symlink("a", p.at("hard/link")))
		must(p.r, os.Link(p.at("hard/link"), p.at("hard/link2")))
		p.own("hard/link")
	}
}

func (p *planter) folders() {
	p.folder("folders/empty")
	if !p.o.little {
		p.folder(strings.TrimSuffix(strings.Repeat("folders/", 60), "/"))
		p.file(strings.Repeat("d/", 120)+"deep", 10)
	}
	must(p.r, unix.Mkfifo(p.at("folders/fifo"), 0o640))
	p.own("folders/fifo")
	must(p.r, unix.Mknod(p.at("folders/socket"), unix.S_IFSOCK|0o755, 0))
	p.own("folders/socket")
	if !p.o.little {
		must(p.r, unix.Mknod(p.at("folders/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
		must(p.r, unix.Mknod(p.at("folders/block"), unix.S_IFBLK|0o600, int(unix.Mkdev(7, 99))))
		p.own("folders/null")
		p.own("folders/block")
	}
}

// metadata sets owners, attributes and modes. What this machine's own source
// cannot have is left out.
func (p *planter) metadata() {
	set := func(name, attr, value string) {
		if err := unix.Lsetxattr(p.at(name), attr, []byte(value), 0); err != nil {
			p.r.Logf("the source has no %s: %v", attr, err)
		}
	}
	for _, name := range []string{"meta/xattrs", "meta/acl", "meta/owner", "meta/capable"} {
		p.file(name, 64)
	}
	p.folder("meta/folder")
	set("meta/xattrs", "user.one", "1")
	set("meta/xattrs", "user.empty", "")
	set("meta/xattrs", "user.binary", "\x00\xff\n")
	set("meta/folder", "user.folder", "of a folder")
	if p.o.owner == 0 {
		if !p.o.little {
			set("meta/xattrs", "trusted.one", "trusted")
			// cap_net_bind_service, effective and permitted: version 2.
			set("meta/capable", "security.capability", "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		}
		must(p.r, os.Lchown(p.at("meta/owner"), 1234, 5678))
		must(p.r, os.Lchown(p.at("links/dangling"), 1234, 5678))
	}
	p.acl("meta/acl", "u:4000:rw,g:4001:r")
	p.acl("meta/folder", "d:u:4000:rwx,d:o::-")
	for _, mode := range []uint32{0, 0o400, 0o666, 0o777, 0o4755, 0o2755, 0o604} {
		name := fmt.Sprintf("modes/%04o", mode)
		if p.o.little && mode == 0 {
			continue
		}
		p.file(name, 12)
		must(p.r, unix.Chmod(p.at(name), mode))
	}
	p.folder("modes/sticky")
	must(p.r, unix.Chmod(p.at("modes/sticky"), 0o1777))
	p.file("modes/read-only/inner", 9)
	must(p.r, unix.Chmod(p.at("modes/read-only"), 0o555))
}

func (p *planter) acl(name, acl string) {
	p.r.tool("setfacl")
	p.r.do("setfacl", "-m", acl, p.at(name))
}

// times sets those of everything, on no grid, and some that are far away. Folders
// get theirs after what is in them.
func (p *planter) times() {
	paths := survey(p.r, p.dir).paths()
	for i := len(paths) - 1; i >= 0; i-- {
		ns := moment(p.r).UnixNano()
		p.stamp(paths[i], unix.Timespec{Sec: ns / 1e9, Nsec: ns%1e9 | 1})
	}
	far := map[string]int64{"times/2023": 1_700_000_001, "times/2100": 4_102_444_801, "times/1950": -631_152_001,
		"times/1969": -1, "times/1800": -5_364_662_399, "times/2400": 13_569_465_601}
	for name, sec := range far {
		if p.o.latest != 0 && (sec > p.o.latest || sec < -p.o.latest) {
			continue
		}
		at := unix.Timespec{Sec: sec, Nsec: 123_456_789}
		p.file(name, 3)
		p.stamp(name, at)
		if !p.o.little {
			p.folder(name + "_folder")
			p.stamp(name+"_folder", at)
			must(p.r, os.Symlink("2023", p.at(name+"_link")))
			p.own(name + "_link")
			p.stamp(name+"_link", at)
		}
	}
	p.stamp("times", unix.Timespec{Sec: 1_600_000_001, Nsec: 500_000_001})
	p.stamp("", unix.Timespec{Sec: 1_600_000_003, Nsec: 7})
}

func (p *planter) stamp(name string, t unix.Timespec) {
	p.r.Helper()
	err := unix.UtimesNanoAt(unix.AT_FDCWD, p.dir+"/"+name, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		p.r.Fatalf("the time of %q: %v", name, err)
	}
}
