//go:build faults && linux

package faults

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// target is a place to deliver to, with what it can hold.
type target struct {
	dir string // ferry writes there
	// see is where the walker looks: dir, or the folder below a file system that
	// refuses.
	see   string
	clock clock
	uid   uint32
	// folds: names that differ by case only are one.
	folds bool
	// keepsState: ferry's own folder cannot be removed.
	keepsState bool
	// prepare is done to each new folder that is delivered to.
	prepare func(folder string)
	oddity  oddity
	// whole: nothing of the tree is refused, so that each run ends with 0. most: no
	// run ends with another code than 0 and 1, as single items are refused.
	whole, most bool
	// keepsFiles: a file that is there may stay, as it cannot be found or removed.
	keepsFiles bool
	// fickle: what it answers changes, so that a second run may end otherwise.
	fickle bool
	// cramped: there is no room for all of it.
	cramped bool
}

// landing is deliveries of one tree into one folder of a target.
type landing struct {
	r      *round
	target *target
	source string
	sent   census
	roots  []string
	out    string // the folder, as ferry names it
	see    string // and as the walker does
	wish   wish
}

// targets are the rounds of the oracle: one odd tree goes by each command to each
// kind of file system. doc.go says what is checked.
func targets(f *family) {
	for _, t := range []struct {
		name string
		make func(r *round) *target
	}{
		{"ext4", ext4}, {"ext4_of_whole_seconds", ext4Small}, {"xfs", xfs}, {"btrfs", btrfs}, {"tmpfs", tmpfs},
		{"ntfs-3g", ntfs}, {"ntfs-3g_plain_names", plainNames(ntfs)},
		{"lowntfs-3g", lowntfs}, {"lowntfs-3g_plain_names", plainNames(lowntfs)},
		{"exfat-fuse", exfat}, {"exfat-fuse_plain_names", plainNames(exfat)},
		{"sshfs", sshfs}, {"sshfs_plain_names", plainNames(sshfs)},
		{"overlayfs", overlay}, {"pass-through", passThrough},
		{"full", fullTarget}, {"btrfs_quota", quotaTarget}, {"owned_by_another", another}, {"owned_by_root", notOurs},
		{"append-only", appendOnly},
	} {
		f.beside(t.name, func(r *round) { tour(r, t.make(r)) })
	}
}

// tour is all deliveries to one target.
func tour(r *round, t *target) {
	if t.see == "" {
		t.see = t.dir
	}
	from := r.folder("from")
	source := oddTree(r, from, t.oddity)
	sent := survey(r, from)
	// A link of the tree leads there.
	canary := r.folder("canary")
	write(r, filepath.Join(canary, "file"), content(r.Rand, 100), 0o640)
	outside := fmt.Sprint(survey(r, canary))
	row := &tally{r: r}
	r.hit()

	// A target that will be full takes no folder then.
	for _, name := range []string{"copy", "archive", "link", "linked", "mirror", "cp"} {
		must(r, os.Mkdir(filepath.Join(t.dir, name), 0o755))
	}
	to := func(name string, w wish) *landing {
		r.Helper()
		l := &landing{r: r, target: t, source: source, sent: sent, roots: []string{from}, wish: w,
			out: filepath.Join(t.dir, name), see: filepath.Join(t.see, name)}
		if t.uid != 0 {
			must(r, os.Chown(l.out, int(t.uid), int(t.uid)))
		}
		if t.prepare != nil {
			t.prepare(l.out)
		}
		return l
	}

	row.twice("copy", to("copy", wish{}), "copy")
	archive := to("archive", wish{archive: true})
	row.twice("copy -a", archive, "copy", "-a")
	row.link("send", to("link", wish{umask: receiveUmask(r)}))
	linked := to("linked", wish{archive: true})
	permit := []string{"-a"}
	if r.knows("receive", "--xattrs-all") {
		permit = append(permit, "--xattrs-all")
	}
	row.link("send -a", linked, permit...)
	if got := survey(r, from); !maps.EqualFunc(got, sent, sameFact) {
		r.Error("the source was changed")
	}
	if now := fmt.Sprint(survey(r, canary)); now != outside {
		r.Errorf("what lies outside of the target was changed: %s, it was %s", now, outside)
	}
	if !t.cramped {
		row.mirror(to("mirror", wish{}))
		plain := to("cp", wish{archive: true})
		row.cp(plain, archive, linked)
	}
	row.end()
}

func sameFact(a, b fact) bool {
	return a.kind == b.kind && a.digest == b.digest && a.mode == b.mode && a.mtime == b.mtime && a.target == b.target
}

// receiveUmask is what a receiver takes from a mode, since it comes from others.
func receiveUmask(r *round) uint32 {
	if !r.knows("receive", "--perms") {
		return 0
	}
	old := unix.Umask(0)
	unix.Umask(old)
	return uint32(old)
}

// knows reports whether a verb has a flag.
func (r *round) knows(verb, flag string) bool {
	out, err := exec.Command(r.c.binary, verb, "--help", "--all").CombinedOutput()
	return err == nil && strings.Contains(string(out), flag)
}

// tally is the row of a target in the table.
type tally struct {
	r     *round
	cells []string
	lost  []string
}

func (y *tally) enter(name string, text string, lost map[string]int64) {
	y.cells = append(y.cells, name+" "+text)
	if len(lost) == 0 {
		return
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(lost)) {
		n := fmt.Sprint(lost[what])
		if lost[what] == 0 {
			n = "all"
		}
		parts = append(parts, what+" "+n)
	}
	y.lost = append(y.lost, name+": "+strings.Join(parts, ", "))
}

// end puts the row of a target into the table.
func (y *tally) end() {
	parts := strings.Split(y.r.Name(), "/")
	y.r.c.book.note(parts[len(parts)-1]+": "+strings.Join(y.cells, ", "), y.lost...)
}

// endIn puts a round into the row that it shares with others.
func (y *tally) endIn(row, name string) {
	y.r.c.book.note(row, name+": "+strings.Join(y.cells, ", ")+note(y.lost))
}

func note(lost []string) string {
	if len(lost) == 0 {
		return ""
	}
	return " (" + lost[len(lost)-1] + ")"
}

// lostOf is what a result counts: metadata by kind, and what was not delivered.
func lostOf(ends ...ending) map[string]int64 {
	lost := make(map[string]int64)
	for _, e := range ends {
		for _, l := range e.result.Lost {
			lost[l.What] = max(lost[l.What], l.Items)
		}
		if e.result.Failed > 0 {
			lost["not delivered"] = max(lost["not delivered"], e.result.Failed)
		}
	}
	return lost
}

// run is one ferry copy.
func (l *landing) copy(args ...string) ending {
	l.r.Helper()
	args = append([]string{"copy"}, args...)
	return l.r.run(side{uid: l.target.uid}, append(args, l.source, l.out)...).wait()
}

func (l *landing) report(what string, c complaints, ends ...ending) {
	l.r.Helper()
	for _, line := range c.lines() {
		l.r.Errorf("%s: %s", what, line)
	}
	if len(c.rules) == 0 {
		return
	}
	for _, e := range ends {
		l.r.Logf("%v\n%.2500s", e, e.failures())
	}
}

// twice copies, and copies again.
func (y *tally) twice(name string, l *landing, args ...string) {
	y.r.Helper()
	was := survey(y.r, l.see)
	first := l.copy(args[1:]...)
	got := survey(y.r, l.see)
	l.report(name, l.judge([]ending{first}, was, got), first)
	second := l.copy(args[1:]...)
	l.report(name+", again", l.judge([]ending{second}, got, survey(y.r, l.see)), second)
	l.report(name+", again", l.again(first, second), first, second)
	l.expect(name, first, second)
	if second.exit == 0 {
		y.deletes(name, l, args[1:]...)
	}
	y.enter(name, fmt.Sprintf("%d %d", first.exit, second.exit), lostOf(first, second))
}

// mirror copies a tree of which each target takes all, so that --delete is tried where
// some of the odd tree is refused, since nothing is deleted then.
func (y *tally) mirror(l *landing) {
	y.r.Helper()
	from := y.r.folder("plain")
	tree := filepath.Join(from, "tree")
	must(y.r, os.MkdirAll(filepath.Join(tree, "a/b/empty"), 0o755))
	for _, name := range []string{"file", "a/file", "a/b/file"} {
		write(y.r, filepath.Join(tree, name), content(y.r.Rand, 1000), 0o644)
	}
	for _, name := range []string{"a/b/empty", "a/b", "a", ""} {
		must(y.r, os.Chtimes(filepath.Join(tree, name), time.Time{}, moment(y.r)))
	}
	l.source, l.sent, l.roots = tree, survey(y.r, from), []string{from}
	y.twice("mirror", l, "copy")
}

// deletes puts a file into each folder that was delivered, and copies with --delete:
// nothing but those files may differ then. A further run finds nothing to do. A target
// that keeps files may keep these, each of which is named.
func (y *tally) deletes(name string, l *landing, args ...string) {
	y.r.Helper()
	was := survey(y.r, l.see)
	var extras []string
	for _, at := range was.paths() {
		// Not where the path of the file is too long for the system.
		extra := filepath.Join(at, "extra")
		if path := filepath.Join(l.see, extra); was[at].kind == "folder" && !stateful(at) && len(path) < 4000 {
			write(y.r, path, nil, 0o644) // below a file system that refuses
			extras = append(extras, extra)
			if l.target.uid != 0 {
				must(y.r, os.Chown(path, int(l.target.uid), int(l.target.uid)))
			}
		}
	}
	args = append(args, "--delete")
	with := survey(y.r, l.see)
	e := l.copy(args...)
	got := survey(y.r, l.see)
	if e.exit != 0 && (l.target.keepsFiles || l.target.fickle) {
		l.report(name+" --delete", l.judge([]ending{e}, with, got), e)
		failed := wordsOf(e, l.out).failed
		for _, extra := range extras {
			if got[extra].kind != "" && !named(failed, extra) && e.exit == 1 {
				y.r.Errorf("%s --delete: %q is there and not named: %v\n%.2000s", name, extra, e, e.failures())
			}
		}
		return
	}
	l.report(name+" --delete", l.judge([]ending{e}, was, got), e)
	if int(e.result.Deleted) != len(extras) {
		y.r.Errorf("%s --delete: %d are deleted, want %d: %v", name, e.result.Deleted, len(extras), e)
	}
	after := l.copy(args...)
	l.report(name+" --delete, again", l.judge([]ending{after}, got, survey(y.r, l.see)), after)
	if !l.target.fickle && after.exit != 0 || after.result.Deleted != 0 || after.result.Moved != 0 {
		y.r.Errorf("%s --delete, again: %v", name, after)
	}
	for at, t := range wordsOf(after, l.roots...).settled {
		if t.Kind == "folder" && t.Status == "adjusted" {
			y.r.Errorf("%s --delete, again: %q is adjusted", name, at)
		}
	}
}

// expect: where nothing is refused, nothing fails.
func (l *landing) expect(name string, ends ...ending) {
	l.r.Helper()
	for _, e := range ends {
		if l.target.whole && e.exit != 0 || l.target.most && e.exit > 1 {
			l.r.Errorf("%s: more could have been delivered: %v\n%.2000s", name, e, e.failures())
		}
	}
}

// link sends and receives, once.
func (y *tally) link(name string, l *landing, permit ...string) {
	y.r.Helper()
	was := survey(y.r, l.see)
	recv := l.r.run(side{uid: l.target.uid}, append([]string{"receive", "--yes", "--out", l.out, "--links", "all",
		"--listen", "127.0.0.1:0", "--retry-for", "0s"}, permit...)...)
	address := recv.address()
	if address == "" {
		e := recv.wait()
		l.report(name, l.judge([]ending{e}, was, survey(y.r, l.see)), e)
		y.enter(name, fmt.Sprintf("-/%d", e.exit), nil)
		return
	}
	args := []string{"send", "--to", address, "--wait", "2s", "--retry-for", "0s"}
	if l.wish.archive {
		args = append(args, "-a")
	}
	send := l.r.run(side{uid: l.target.uid}, append(args, l.source)...)
	s := send.wait()
	if s.exit != 0 && !send.met() { // the receiver waits for another one
		recv.kill()
	}
	e := recv.wait()
	got := survey(y.r, l.see)
	l.report(name, l.judge([]ending{e, s}, was, got), e, s)
	if e.exit != s.exit {
		y.r.Errorf("%s: the receiver ended with %d and the sender with %d", name, e.exit, s.exit)
	}
	l.expect(name, e, s)
	y.enter(name, fmt.Sprintf("%d/%d", s.exit, e.exit), lostOf(e, s))
}

// cp does what the other landings did, by cp -a, and compares.
func (y *tally) cp(l *landing, others ...*landing) {
	y.r.Helper()
	cmd := exec.Command("cp", "-a", l.source, l.out)
	if l.target.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: l.target.uid, Gid: l.target.uid}}
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		y.r.Fatal(err)
	}
	lacks := l.sent.against(survey(y.r, l.see), l.wish, l.target)
	for _, o := range others {
		differs := o.sent.against(survey(y.r, o.see), o.wish, o.target)
		o.report(filepath.Base(o.out), less(l.sent, lacks, differs, o.twin))
	}
	y.cells = append(y.cells, fmt.Sprintf("cp -a %d", cmd.ProcessState.ExitCode()))
	count := make(map[string]int64)
	for _, d := range lacks {
		count[d.what]++
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprint(what, " ", count[what]))
	}
	if len(parts) > 0 {
		y.lost = append(y.lost, "cp -a has not, and tells or not: "+strings.Join(parts, ", "))
	}
}

// twin reports whether another name of the source differs by case only, on a
// target that takes them for one: which of them stays is no matter of cp's.
func (l *landing) twin(at string) bool {
	if !l.target.folds {
		return false
	}
	for other := range l.sent {
		if other != at && strings.EqualFold(other, at) {
			return true
		}
	}
	return false
}
