package dest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// A test runs its own binary as a child where a fault concerns a whole process:
// its user, its limits, its death, and system calls that strace makes fail.
const childEnv = "FERRY_DEST_TEST_CHILD"

func children() map[string]func(dir string) error {
	all := tree.Metadata{Owner: true, Numeric: true, Xattrs: true, HardLinks: true, Devices: true}
	return map[string]func(dir string) error{
		"deliver":       func(dir string) error { return childDeliver(dir, Options{}) },
		"nosync":        func(dir string) error { return childDeliver(dir, Options{NoSync: true}) },
		"server":        childServer,
		"big":           childBig,
		"hold":          childHold,
		"umask":         childUmask,
		"many":          childMany,
		"meta":          childMeta,
		"mayput":        childMayPut,
		"foreign":       childForeign,
		"readonly":      childReadOnly,
		"told":          func(dir string) error { return childTold(dir, tree.Metadata{}) },
		"toldall":       func(dir string) error { return childTold(dir, all) },
		"link":          childLink,
		"tries":         childTries,
		"stateless":     childStateless,
		"copied":        func(dir string) error { return childCopied(dir, Options{}, 4) },
		"copiedchecked": func(dir string) error { return childCopied(dir, Options{VerifyDisk: true}, 4) },
		"copiedwrong":   func(dir string) error { return childCopied(dir, Options{}, 5) },
	}
}

// runChild prints what went wrong, by kind, and nothing if nothing did.
func runChild(name string) int {
	do, dir, _ := strings.Cut(name, " ")
	err := children()[do](dir)
	var e *storage.Error
	switch {
	case errors.As(err, &e):
		fmt.Println(e.Kind)
	case err != nil:
		fmt.Println(err)
	}
	return 0
}

type child struct {
	do      string
	dir     string
	wrapper []string // command that runs the child
	uid     uint32
}

func (c child) command(t testing.TB) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	args := []string{self}
	if c.uid != 0 {
		// The other user may not look into the folder where tests are built.
		copied := filepath.Join(publicDir(t), "test")
		b, err := os.ReadFile(self)
		must(t, err)
		must(t, os.WriteFile(copied, b, 0o755))
		args[0] = copied
	}
	args = append(append([]string{}, c.wrapper...), args...)
	cmd := exec.Command(args[0], args[1:]...)
	// Under -race, a process waits a second at its end unless told not to.
	cmd.Env = append(os.Environ(), childEnv+"="+c.do+" "+c.dir, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	if c.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.uid, Gid: c.uid}}
	}
	return cmd
}

// run returns the kind of what went wrong in the child.
func (c child) run(t testing.TB) string {
	t.Helper()
	out, err := c.command(t).Output()
	if err != nil {
		t.Fatalf("child: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// publicDir is a new folder that any user can reach.
func publicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ferry-dest-test")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

const childFiles = 20

func childContent(i int) []byte { return content(100+i, uint64(i)) }

// childDeliver delivers a folder with small files and a large one beside it.
func childDeliver(dir string, o Options) error {
	// The steps are counted in each thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f, err := start(dir, o, tree.Metadata{})
	if err != nil {
		return err
	}
	return childDeliverTo(f)
}

// childServer delivers as to a file system that is not known, from one thread that is
// not the first, on which the system loads the program.
func childServer(dir string) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			done <- childServer(dir)
			return
		}
		f, err := start(dir, Options{}, tree.Metadata{})
		if err == nil {
			f.files.width = 1
			f.root().vol.doubtful, f.root().vol.sync.trusted = true, false
			err = childDeliverTo(f)
		}
		done <- err
	}()
	return <-done
}

func childDeliverTo(f *delivery) error {
	defer f.Close()
	if _, err := f.MakeFolder(folderEntry(1, 0, "sub")); err != nil {
		return err
	}
	var batch []*storage.Publication
	discard := func() {
		for _, pub := range batch {
			pub.Partial.Discard(true)
		}
	}
	defer discard()
	for i := range childFiles {
		e := fileEntry(fmt.Sprint(i), 100+i)
		e.Parent, e.Mode = 1, 0o666 // which the umask cuts
		p, err := f.Begin(e)
		if err != nil {
			return err
		}
		batch = append(batch, &storage.Publication{Partial: p, Entry: e})
		if err := errors.Join(put(p, childContent(i)), p.Seal(e, e.Size, checksum.Sum(childContent(i)))); err != nil {
			return err
		}
	}
	b := content(chunk+5, 99)
	e := fileEntry("large", len(b))
	p, err := f.Begin(e)
	if err != nil {
		return err
	}
	batch = append(batch, &storage.Publication{Partial: p, Entry: e, Replace: true})
	for i := range uint64(2) {
		if err := p.WriteChunk(i, chunkOf(b, i), cvOf(chunkOf(b, i), i)); err != nil {
			return err
		}
	}
	if err := p.Seal(e, e.Size, checksum.Sum(b)); err != nil {
		return err
	}
	if err := f.Publish(batch); err != nil {
		return err
	}
	for _, pub := range batch {
		if pub.Err != nil {
			return pub.Err
		}
	}
	if _, err := f.FinishFolder(folderEntry(1, 0, "sub")); err != nil {
		return err
	}
	if err := f.finished(); err != nil {
		return err
	}
	return f.Close()
}

// delivered checks that each final name in dir holds the whole content, and
// returns how many there are.
func delivered(t testing.TB, dir string) (n int) {
	t.Helper()
	for i := range childFiles {
		b, err := os.ReadFile(filepath.Join(dir, "sub", fmt.Sprint(i)))
		if err == nil {
			n++
			if !bytes.Equal(b, childContent(i)) {
				t.Errorf("file %d holds other bytes", i)
			}
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "large"))
	if err == nil {
		n++
		if !bytes.Equal(b, content(chunk+5, 99)) && string(b) != "old" {
			t.Errorf("the large file has %d bytes, and not those sent", len(b))
		}
	}
	return n
}

// childBig writes one large file chunk by chunk and keeps what there was room for.
func childBig(dir string) error {
	f, err := start(dir, Options{}, tree.Metadata{})
	if err != nil {
		return err
	}
	defer f.Close()
	b := content(4*chunk, 7)
	e := fileEntry("big", len(b))
	p, err := f.Begin(e)
	if err != nil {
		return err
	}
	for i := range checksum.Chunks(e.Size) {
		if err := p.WriteChunk(i, chunkOf(b, i), cvOf(chunkOf(b, i), i)); err != nil {
			return errors.Join(err, p.Discard(true))
		}
	}
	return errors.New("all was written")
}

// childMany delivers a batch of more files than may be open.
func childMany(dir string) error {
	f, err := start(dir, Options{}, tree.Metadata{})
	if err != nil {
		return err
	}
	defer f.Close()
	var batch []*storage.Publication
	for i := range 300 {
		id := uint64(i + 1)
		if _, err := f.MakeFolder(folderEntry(id, 0, fmt.Sprint("d", i))); err != nil {
			return err
		}
		e := fileEntry("x", 3)
		e.Parent = id
		p, err := f.Begin(e)
		if err == nil {
			err = errors.Join(put(p, []byte("abc")), p.Seal(e, 3, checksum.Sum([]byte("abc"))))
		}
		if err != nil {
			return err
		}
		batch = append(batch, &storage.Publication{Partial: p, Entry: e})
	}
	if err := f.Publish(batch); err != nil {
		return err
	}
	for i, pub := range batch {
		if pub.Err != nil {
			return pub.Err
		}
		if _, err := f.FinishFolder(folderEntry(uint64(i+1), 0, "")); err != nil {
			return err
		}
	}
	return f.finished()
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}

func needTool(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("needs %s: %v", name, err)
	}
}
