package dest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/transfer/internal/mirror"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// mkdirAs makes the folder path, with mode whatever the umask.
func mkdirAs(path string, mode fs.FileMode) error {
	return errors.Join(os.MkdirAll(path, 0o700), os.Chmod(path, mode))
}

// pruneBy removes what src has not from what f delivered, and tells what went and
// what failed to.
func pruneBy(f *Folder, src string) (said []string, err error) {
	dirs := tree.NewDirs(4)
	defer dirs.Close()
	from, err := mirror.Open(dirs, tree.Source{Path: src, Contents: true}, &mirror.Rules{})
	if err != nil {
		return nil, err
	}
	err = f.Prune(context.Background(), &storage.Prune{
		Sources: []storage.PruneSource{from},
		Mirror:  storage.Mirror{Max: 100},
		Removed: func(path string, _ tree.Info) { said = append(said, "removed "+path) },
		Failed:  func(path string, err error) { said = append(said, fmt.Sprintf("failed %s: %v", path, err)) },
		Left:    func(path string) { said = append(said, "left "+path) },
	})
	return said, err
}

// entryOf is the folder at path as a sender announces it.
func entryOf(path string, e *tree.Entry) *tree.Entry {
	info, err := os.Stat(path)
	if err != nil {
		return e
	}
	e.Mode, e.MTime = uint32(info.Mode().Perm()), timeOf(info.ModTime())
	return e
}

// Folders of another user that stand there already take what is put into them.
// Their mode and mtime are lost, which is no error and no change, and what else
// they have is deleted.
func TestFoldersOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be two users")
	}
	dir := publicDir(t)
	for name, mode := range map[string]fs.FileMode{"src": 0o755, "src/sub": 0o755, "dst": 0o777, "dst/sub": 0o777} {
		must(t, mkdirAs(filepath.Join(dir, name), mode))
	}
	for _, name := range []string{"src/sub/f", "dst/old", "dst/sub/old"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644))
	}
	for _, name := range []string{"src/sub", "src"} {
		must(t, os.Chtimes(filepath.Join(dir, name), testTime.Std(), testTime.Std()))
	}
	got := strings.Split(child{do: "foreign", dir: dir, uid: 65534}.run(t), "\n")
	want := []string{
		"2 lost 128", "2 lost mtime", "1 lost 128", "1 lost mtime",
		"removed sub/old", "removed old",
		"rehearsed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the other user has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := os.Stat(filepath.Join(dir, "dst/sub/f")); err != nil {
		t.Error(err)
	}
}

func childForeign(dir string) error {
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	root := entryOf(src, &tree.Entry{ID: 1, Kind: tree.Root})
	sub := entryOf(filepath.Join(src, "sub"), folderEntry(2, 1, "sub"))
	f, err := start(dst, Options{}, tree.Metadata{})
	if err != nil {
		return err
	}
	defer f.Close()
	lose := func(id uint64, lost []tree.Loss) {
		for _, l := range lost {
			what := l.What.String()
			if l.What == tree.AttrMode {
				what = fmt.Sprint(uint8(l.What))
			}
			fmt.Println(id, "lost", what)
		}
	}
	tell := func(id uint64, out storage.Outcome) {
		if out.Adjusted {
			fmt.Println(id, "adjusted")
		}
		lose(id, out.Lost)
	}
	for _, e := range []*tree.Entry{root, sub} {
		if _, err := f.MakeFolder(e); err != nil {
			return err
		}
	}
	e := fileEntry("f", 1)
	e.Parent = 2
	p, err := f.Begin(e)
	if err != nil {
		return err
	}
	if err := errors.Join(put(p, []byte("x")), seal(p, e, 1)); err != nil {
		return err
	}
	if err := f.Publish([]*storage.Publication{{Partial: p, Entry: e}}); err != nil {
		return err
	}
	for _, e := range []*tree.Entry{sub, root} {
		out, err := f.FinishFolder(e)
		if err != nil {
			return fmt.Errorf("finishing: %w", err)
		}
		tell(e.ID, out)
	}
	r, err := f.Finish()
	if err != nil {
		return fmt.Errorf("finishing: %w", err)
	}
	lose(r.Root, r.Lost)
	said, err := pruneBy(f.Folder, src)
	for _, s := range said {
		fmt.Println(s)
	}
	if err != nil {
		return err
	}
	// A dry run has nothing to change either.
	dry, err := Rehearse(dst, Options{})
	if err != nil {
		return err
	}
	defer dry.Close()
	for _, e := range []*tree.Entry{root, sub} {
		out, err := dry.MakeFolder(e)
		if err != nil {
			return err
		}
		tell(e.ID, out)
	}
	fmt.Println("rehearsed")
	return nil
}

// What a file system refuses at a folder of this user's own is told, and keeps nothing
// from being delivered.
func TestOwnFolderThatTakesNoMetadata(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	f := open(t, dir, Options{})
	var told []tree.Attr
	e := folderEntry(1, 0, "sub")
	if _, err := f.MakeFolder(e); err != nil {
		t.Fatal(err)
	}
	handle, err := os.Open(filepath.Join(dir, "sub"))
	must(t, err)
	defer handle.Close()
	const immutable = 0x10
	if err := unix.IoctlSetPointerInt(int(handle.Fd()), unix.FS_IOC_SETFLAGS, immutable); err != nil {
		t.Skip("the file system or this user makes nothing immutable:", err)
	}
	out, err := f.FinishFolder(e)
	for _, l := range out.Lost {
		told = append(told, l.What)
	}
	must(t, unix.IoctlSetPointerInt(int(handle.Fd()), unix.FS_IOC_SETFLAGS, 0))
	if err != nil || !slices.Equal(told, []tree.Attr{tree.AttrMode, tree.AttrTime}) {
		t.Errorf("FinishFolder: %v, and told were %v", err, told)
	}
}

// Deleting in a folder that is read-only at the source too leaves it so.
func TestPruneInReadOnlyFolders(t *testing.T) {
	if os.Getuid() != 0 {
		if err := childReadOnly(t.TempDir()); err != nil {
			t.Error(err)
		}
		return
	}
	dir := publicDir(t)
	must(t, os.Chmod(dir, 0o777))
	if got := (child{do: "readonly", dir: dir, uid: 65534}).run(t); got != "" {
		t.Error(got)
	}
}

func childReadOnly(dir string) error {
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	var errs []error
	for _, at := range []string{src, dst} {
		errs = append(errs, mkdirAs(at, 0o755), mkdirAs(at+"/ro", 0o755))
	}
	errs = append(errs,
		mkdirAs(dst+"/ro/gone/in", 0o755), mkdirAs(dst+"/ro/stays/in", 0o755),
		os.WriteFile(dst+"/ro/gone/in/f", nil, 0o600), os.WriteFile(dst+"/ro/stays/in/f", nil, 0o600),
		os.WriteFile(dst+"/ro/f", nil, 0o600), os.WriteFile(dst+"/ro/stays/g", nil, 0o600),
		// What cannot be listed is not counted, and so not deleted.
		os.Chmod(dst+"/ro/stays/in", 0), os.Chmod(dst+"/ro/stays", 0o555),
		os.WriteFile(dst+"/ro/gone/g", nil, 0o600),
		os.Chmod(dst+"/ro/gone/in", 0o555), os.Chmod(dst+"/ro/gone", 0o555))
	for _, at := range []string{src, dst} {
		errs = append(errs, os.Chtimes(at+"/ro", testTime.Std(), testTime.Std()), os.Chmod(at+"/ro", 0o555))
	}
	defer func() {
		// So that the folder above can be removed.
		for _, at := range []string{"/src/ro", "/dst/ro", "/dst/ro/stays", "/dst/ro/stays/in"} {
			_ = os.Chmod(dir+at, 0o755)
		}
	}()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	f, err := start(dst, Options{}, tree.Metadata{})
	if err != nil {
		return err
	}
	defer f.Close()
	said, err := pruneBy(f.Folder, src)
	if err != nil {
		return err
	}
	for i, s := range said {
		if strings.HasPrefix(s, "failed ro/stays/in: ") {
			said[i] = "failed ro/stays/in"
		}
	}
	want := []string{"removed ro/f", "removed ro/gone/g", "removed ro/gone/in/f", "removed ro/gone/in", "removed ro/gone",
		"removed ro/stays/g", "failed ro/stays/in", "left ro/stays"}
	if !slices.Equal(said, want) {
		errs = append(errs, fmt.Errorf("it is said: %q, want %q", said, want))
	}
	for at, mode := range map[string]fs.FileMode{"/ro": 0o555, "/ro/stays": 0o555} {
		info, err := os.Stat(dst + at)
		if err != nil {
			return err
		}
		if info.Mode().Perm() != mode || at == "/ro" && timeOf(info.ModTime()) != testTime {
			errs = append(errs, fmt.Errorf("%s is left with %v, %v", at, info.Mode(), info.ModTime()))
		}
	}
	return errors.Join(errs...)
}

// A file system that tells no size is not one without space.
func TestSpaceUnknown(t *testing.T) {
	proc, err := os.Open("/proc")
	must(t, err)
	defer proc.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(proc.Fd()), &st); err != nil || st.Blocks != 0 {
		t.Skip("/proc tells a size here")
	}
	if n, err := freeBytes(proc); err != nil || n != unknownSpace {
		t.Errorf("freeBytes: %d, %v", n, err)
	}
}
