package dest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// teller delivers into a folder and notes what is told of it.
type teller struct {
	*delivery
	told map[string]bool
}

func newTeller(dir string, m tree.Metadata) (*teller, error) {
	f, err := start(dir, Options{}, m)
	return &teller{f, make(map[string]bool)}, err
}

func (t *teller) lose(lost []tree.Loss) {
	for _, l := range lost {
		t.told[l.What.String()] = true
	}
}

// hear notes what an Outcome tells.
func (t *teller) hear(out storage.Outcome, err error) error {
	t.lose(out.Lost)
	return err
}

// finish ends the delivery and prints what was told.
func (t *teller) finish() error {
	r, err := t.Finish()
	t.lose(r.Lost)
	if r.Unsynced != nil {
		t.told["unsynced"] = true
	}
	all := make([]string, 0, len(t.told))
	for what := range t.told {
		all = append(all, what)
	}
	slices.Sort(all)
	fmt.Println(strings.Join(all, ", "))
	return errors.Join(err, t.Close())
}

// childTold delivers one item of each kind.
func childTold(dir string, m tree.Metadata) error {
	t, err := newTeller(dir, m)
	if err != nil {
		return err
	}
	extra := &tree.Extra{Owner: &tree.Owner{UID: 7, GID: 8}, Xattrs: []tree.Xattr{{Name: "user.x", Value: []byte("y")}}}
	if err = t.hear(t.MakeFolder(folderEntry(1, 0, "sub"))); err != nil {
		return err
	}
	for _, size := range []int{3, 2*chunk + 5} {
		e := fileEntry(fmt.Sprint("file", size), size)
		e.ID, e.Parent, e.Mode, e.Extra = uint64(size), 1, 0o4751, extra
		e.Linked = true
		p, err := t.files.begin(e, size > chunk)
		if err != nil {
			return err
		}
		b := content(size, 1)
		if size > chunk {
			clear(b[chunk/2 : 2*chunk])
		}
		if size < chunk {
			err = put(p, b)
		} else {
			for i := range uint64(3) {
				if i == 1 {
					err = errors.Join(err, p.WriteHole(i, chunk, cvOf(make([]byte, chunk), i)))
					continue
				}
				c := chunkOf(b, i)
				err = errors.Join(err, p.WriteChunk(i, c, cvOf(c, i)))
			}
		}
		pub := &storage.Publication{Partial: p, Entry: e}
		err = errors.Join(err, p.Seal(e, e.Size, checksum.Sum(b)))
		if err == nil {
			err = t.Publish([]*storage.Publication{pub})
		}
		if err = errors.Join(err, pub.Err); err != nil {
			return err
		}
		t.lose(pub.Lost)
		// Once more over it, from the state folder.
		if p, err = t.Begin(e); err == nil {
			err = errors.Join(p.Discard(false))
		}
		if err != nil {
			return err
		}
	}
	extra = &tree.Extra{Owner: extra.Owner} // of files and folders alone the system takes attributes of users
	link := &tree.Entry{ID: 2, Parent: 1, Name: "link", Kind: tree.Symlink, Target: "nowhere", MTime: testTime, Extra: extra}
	if err := t.hear(t.MakeLink(link, false)); err != nil {
		return err
	}
	if m.Devices {
		fifo := &tree.Entry{ID: 5, Parent: 1, Name: "fifo", Kind: tree.FIFO, Mode: 0o640, MTime: testTime, Extra: extra}
		if err := t.hear(t.MakeNode(fifo, false)); err != nil {
			return err
		}
	}
	if err := t.hear(t.FinishFolder(folderEntry(1, 0, "sub"))); err != nil {
		return err
	}
	return t.finish()
}

// childLink delivers one symbolic link.
func childLink(dir string) error {
	t, err := newTeller(dir, tree.Metadata{})
	if err != nil {
		return err
	}
	e := &tree.Entry{ID: 1, Name: "link", Kind: tree.Symlink, Target: "nowhere", MTime: testTime}
	if err := t.hear(t.MakeLink(e, false)); err != nil {
		return err
	}
	return t.finish()
}

// childTries tries all that is tried in the state folder of a file system that is not
// known, twice, and prints what is told to stay.
func childTries(dir string) error {
	f, err := start(dir, Options{}, tree.Metadata{})
	if err != nil {
		return err
	}
	f.root().vol.doubtful = true
	for range 2 {
		if f.root().vol.followsLinks() || !f.root().vol.numbersItems() {
			fmt.Println("it was not found out")
		}
	}
	if f.root().vol.state.refuses("x:x") {
		fmt.Println("a name was refused")
	}
	if _, err = f.leftovers(); err != nil {
		return err
	}
	report, err := f.Finish()
	for _, r := range report.Remarks {
		pe := new(os.PathError)
		errors.As(r.Err, &pe)
		fmt.Println(r.Path, filepath.Ext(pe.Path))
	}
	return errors.Join(err, f.Close())
}

// childStateless is what keeps the state folder from being made, as a text.
func childStateless(dir string) error {
	f, err := start(dir, Options{}, tree.Metadata{})
	if err == nil {
		_, err = f.root().vol.state.open()
		err = errors.New(err.Error()) // which has no kind: the text is printed
	}
	return err
}

// refusals are what real file systems answer to what they do not have.
var refusals = []string{"EOPNOTSUPP", "EPERM", "ENOSYS", "EINVAL", "ENOTTY"}

// What a file system refuses of an item costs only that, and is told; what can be done
// in another way costs nothing.
func TestRefusedCalls(t *testing.T) {
	for _, c := range []struct {
		calls string
		plain string // told of a delivery without more metadata
		all   string // told with all of it, tried if there is something
		more  []string
	}{
		{"fchmod", "mode", "mode, set-id or sticky bit", []string{"EACCES", "ENOENT"}},
		{"utimensat", "mtime", "mtime", []string{"EACCES", "ENOENT", "EOVERFLOW"}},
		{"fchmod,utimensat,fchmodat", "mode, mtime", "mode, mtime, set-id or sticky bit", nil},
		{"fsync,syncfs", "unsynced", "unsynced", []string{"EBADF", "EACCES", "EISDIR"}},
		{"fsync", "", "", []string{"EBADF", "EACCES"}}, // syncfs covers it here
		{"syncfs", "", "", nil},
		{"fallocate", "", "", []string{"ENODEV", "ETXTBSY"}},
		{"copy_file_range", "", "", []string{"EXDEV", "EBADF", "EACCES"}},
		{"flock", "", "", []string{"ENOLCK", "EACCES"}},
		{"renameat2", "", "", nil},
		{"fstatfs", "", "", nil},
		{"sync_file_range", "", "", []string{"ESPIPE"}},
		{"linkat", "", "", []string{"EXDEV", "EMLINK", "EACCES"}},
		{"fgetxattr,getxattr,flistxattr,listxattr,fsetxattr,setxattr", "", "extended attribute", []string{"EACCES", "ENOENT"}},
		{"fchown,fchownat,chown,lchown", "", "owner, set-id or sticky bit", []string{"EACCES", "ENOENT"}},
	} {
		for _, number := range append(slices.Clone(refusals), c.more...) {
			for do, want := range map[string]string{"told": c.plain, "toldall": c.all} {
				if do == "toldall" && (want == "" || os.Getuid() != 0) {
					continue
				}
				t.Run(strings.Join([]string{do, c.calls, number}, " "), func(t *testing.T) {
					dir := t.TempDir()
					if got := traced(t, do, dir, c.calls+":error="+number); got != want {
						t.Errorf("told %q, want %q", got, want)
					}
					b := content(2*chunk+5, 1)
					clear(b[chunk/2 : 2*chunk])
					holds(t, filepath.Join(dir, "sub", "file3"), content(3, 1))
					holds(t, filepath.Join(dir, "sub", fmt.Sprint("file", len(b))), b)
					if to, err := os.Readlink(filepath.Join(dir, "sub", "link")); err != nil || to != "nowhere" {
						t.Errorf("the link: %q, %v", to, err)
					}
					wantNames(t, dir, "sub")
				})
			}
		}
	}
}

// Whatever the time of a link meets with, the link is there.
func TestRefusedLinkTime(t *testing.T) {
	for _, number := range append([]string{"ENOENT", "ESTALE", "EIO", "EACCES"}, refusals...) {
		dir := t.TempDir()
		if got := traced(t, "link", dir, "utimensat:error="+number); got != "mtime" {
			t.Errorf("%s: %q", number, got)
		}
		wantNames(t, dir, "link")
	}
}

// What cannot be removed from the state folder is told, by this run and by the next one
// that would remove it.
func TestRefusedRemoval(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, tree.PartialName), 0o700))
	lone := strings.Repeat("0", pathHashLen) + "-" + strings.Repeat("0", versionHashLen) + treeSuffix
	must(t, os.WriteFile(filepath.Join(dir, tree.PartialName, lone), nil, 0o600))
	for run := range 2 {
		// The first that stays, a file of a trial, stands for all.
		if got, want := traced(t, "tries", dir, "unlinkat:error=EPERM"), tree.PartialName+" .tmp"; got != want {
			t.Errorf("told of %q, want %q", got, want)
		}
		if left := stateNames(t, dir); len(left) != 2+3*(run+1) {
			t.Errorf("%q are left", left)
		}
	}
}

// What keeps the state folder from being made is said of the place where it would be.
func TestRefusedStateFolder(t *testing.T) {
	for number, text := range map[string]string{"EINVAL": "invalid argument", "EPERM": "operation not permitted"} {
		dir := t.TempDir()
		want := fmt.Sprintf("making %s in %q: %s", tree.PartialName, dir, text)
		if got := traced(t, "stateless", dir, "mkdirat:error="+number); got != want {
			t.Errorf("said %q, want %q", got, want)
		}
	}
}

// A link that cannot be made is not delivered, whatever the number.
func TestRefusedLink(t *testing.T) {
	for number, want := range map[string]storage.Kind{
		"EOPNOTSUPP": storage.Unsupported, "ENOSYS": storage.Unsupported, "EINVAL": storage.Unsupported, "ENOTTY": storage.Unsupported,
		"EPERM": storage.Permission, "EACCES": storage.Permission, "EMLINK": storage.Unsupported,
	} {
		dir := t.TempDir()
		if got := traced(t, "link", dir, "symlinkat:error="+number); got != want.String() {
			t.Errorf("%s: %q, want %v", number, got, want)
		}
		wantNames(t, dir)
	}
}

// What is wrong with one item costs no other one.
func TestWhatAnErrorCosts(t *testing.T) {
	for err, stop := range map[error]bool{
		unix.EIO: true, unix.ENOSPC: true, unix.EDQUOT: true, unix.EROFS: true, unix.ENOMEM: true, unix.ENODEV: true, unix.ENOTCONN: true,
		unix.EFBIG: false, unix.ENAMETOOLONG: false, unix.EILSEQ: false, unix.EINVAL: false, unix.EOVERFLOW: false, unix.ELOOP: false,
		unix.EMLINK: false, unix.ETXTBSY: false, unix.EBUSY: false, unix.EXDEV: false, unix.EPERM: false, unix.EACCES: false,
		unix.EOPNOTSUPP: false, unix.ENOSYS: false, unix.ENOTTY: false, unix.ENOTEMPTY: false, unix.EISDIR: false, unix.ENOTDIR: false,
	} {
		if got := stops(fail("writing", "x", err)); got != stop {
			t.Errorf("%v ends the delivery: %v", err, got)
		}
	}
	if k := classify(&os.PathError{Op: "mkdir", Path: "x", Err: unix.EINVAL}); k != storage.Name {
		t.Errorf("an invalid name is %v", k)
	}
	for _, op := range []string{"remove", "rename", "exchange"} {
		if k := classify(&os.PathError{Op: op, Path: "x", Err: unix.EINVAL}); k != storage.Unsupported {
			t.Errorf("%s of what is there, invalid, is %v", op, k)
		}
	}
	if k := classify(&os.PathError{Op: "symlink", Path: "x", Err: unix.EINVAL}); k != storage.Unsupported {
		t.Errorf("an invalid link is %v", k)
	}
}
