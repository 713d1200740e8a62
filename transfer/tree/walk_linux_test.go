package tree

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asNobody runs f with the file permissions of uid 65534, which the kernel
// keeps for each thread. The thread ends with the goroutine.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f() // a plain user is as good
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if _, err := unix.SetfsuidRetUid(65534); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

// public returns a folder that anyone may enter.
func public(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	for p := top; p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
		check(t, os.Chmod(p, 0o755))
	}
	return top
}

func TestWalkUnreadable(t *testing.T) {
	top := public(t)
	mkdir(t, top, "d", "closed", "sub")
	mkdir(t, top, "d", "secret")
	mkdir(t, top, "pass")
	file(t, "x", top, "pass", "file")
	file(t, "x", top, "d", "private")
	for path, mode := range map[string]fs.FileMode{
		"d/closed": 0o000, "d/secret": 0o311, "pass": 0o311, "pass/file": 0o644, "d/private": 0o000, "d": 0o755,
	} {
		check(t, os.Chmod(filepath.Join(top, path), mode))
	}
	t.Cleanup(func() {
		for _, path := range []string{"d/closed", "d/secret", "pass"} {
			check(t, os.Chmod(filepath.Join(top, path), 0o755))
		}
	})
	asNobody(t, func() {
		items, problems := walk(t, Walk{Sources: []Source{
			{Path: filepath.Join(top, "d"), Name: "d"},
			{Path: filepath.Join(top, "pass", "file"), Name: "file"}, // in a folder that can only be passed through
		}})
		// A folder is a problem, and no item; a file fails when it is read.
		same(t, "items", outline(t, items), []string{"folder d", "file d/private", "end d", "file file"})
		denied := fs.ErrPermission.Error()
		same(t, "problems", problems, []string{top + "/d/closed: " + denied, top + "/d/secret: " + denied})
		if _, _, err := items[1].Open(); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("opening the private file: %v", err)
		}
		if f, _, err := items[3].Open(); err != nil {
			t.Errorf("opening behind a folder without reading it: %v", err)
		} else {
			f.Close()
		}
	})
}

func TestReadProc(t *testing.T) {
	items, problems := walk(t, Walk{Sources: []Source{{Path: "/proc/self/status", Name: "status"}}})
	same(t, "problems", problems, nil)
	it := items[0]
	if it.Kind != File || it.Size != 0 {
		t.Fatalf("a file of /proc is a %v of %d bytes", it.Kind, it.Size)
	}
	buf := make([]byte, 64<<10)
	n, _, _, err := it.ReadSmall(buf)
	if err != nil || !strings.Contains(string(buf[:n]), "VmRSS") {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func TestFIFOWait(t *testing.T) {
	top := t.TempDir()
	path := filepath.Join(top, "fifo")
	check(t, unix.Mkfifo(path, 0o600))
	items, _ := walk(t, Walk{Sources: []Source{{Path: path, Name: "fifo"}}})
	it := items[0]

	own := errors.New("own")
	ctx, cancel := context.WithCancelCause(t.Context())
	opened := make(chan error, 1)
	go func() {
		f, _, err := it.OpenStream(ctx)
		if err == nil {
			f.Close()
		}
		opened <- err
	}()
	// Succeeds only while the FIFO is open for reading.
	awaitReader := func() *os.File {
		for {
			w, err := os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK, 0)
			if err == nil {
				return w
			}
			if !errors.Is(err, unix.ENXIO) {
				t.Fatal(err)
			}
			runtime.Gosched()
		}
	}
	cancel(own)
	if err := <-opened; !errors.Is(err, own) {
		t.Errorf("a cancelled open gave %v", err)
	}

	// A writer that comes and goes without a word is an end, not a wait.
	result := make(chan error, 1)
	go func() {
		f, _, err := it.Open()
		if err == nil {
			var n int64
			if n, err = io.Copy(io.Discard, f); n != 0 {
				err = fmt.Errorf("%d bytes", n)
			}
			f.Close()
		}
		result <- err
	}()
	check(t, awaitReader().Close())
	check(t, <-result)

	// Close ends a read that waits for more.
	files := make(chan *os.File, 1)
	go func() {
		f, _, err := it.Open()
		if err != nil {
			t.Error(err)
		}
		files <- f
		_, err = io.Copy(io.Discard, f)
		result <- err
	}()
	w := awaitReader()
	_, err := w.WriteString("x")
	check(t, err)
	check(t, (<-files).Close())
	if err := <-result; !errors.Is(err, os.ErrClosed) {
		t.Errorf("a read ended by Close gave %v", err)
	}
	check(t, w.Close())
}

// The last folder of a bind mount of a folder inside itself.
func TestWalkBindLoop(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	top := t.TempDir()
	mkdir(t, top, "a", "b")
	point := filepath.Join(top, "a", "b")
	if err := unix.Mount(top, point, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("no bind mounts here: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(point, unix.MNT_DETACH)) })
	items, problems := walk(t, Walk{Sources: []Source{{Path: top, Name: "t"}}})
	same(t, "items", outline(t, items), []string{"folder t", "folder t/a", "end t/a", "end t"})
	same(t, "problems", problems, []string{point + ": " + errLoop.Error()})
}

func TestMalformedDirents(t *testing.T) {
	record := binary.NativeEndian.AppendUint64(nil, 1)
	record = binary.NativeEndian.AppendUint64(record, 2)
	record = append(binary.NativeEndian.AppendUint16(record, 24), unix.DT_REG, 'a', 'b', 0, 0, 0)
	names, err := appendNames(nil, append(record, record...))
	if err != nil || len(names) != 2 || names[0] != (DirName{"ab", File}) {
		t.Fatalf("%v, %v", names, err)
	}
	for n := 1; n < len(record); n++ {
		if _, err := appendNames(nil, record[:n]); err == nil {
			t.Errorf("%d of %d bytes were taken for a record", n, len(record))
		}
	}
	for size := range uint16(24) {
		bad := append([]byte(nil), record...)
		binary.NativeEndian.PutUint16(bad[16:], size)
		if _, err := appendNames(nil, bad); err == nil && size < 20 {
			t.Errorf("a record of %d bytes was taken", size)
		}
	}
}

func BenchmarkWalkAndRead(b *testing.B) {
	top := b.TempDir()
	const folders, files = 50, 200
	for i := range folders {
		dir := filepath.Join(top, fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			b.Fatal(err)
		}
		for j := range files {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(j)), make([]byte, 1000), 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	dirs := NewDirs(16)
	defer dirs.Close()
	buf := make([]byte, 64<<10)
	b.ReportAllocs()
	start := time.Now()
	for b.Loop() {
		w := Walk{Sources: []Source{{Path: top, Name: "t"}}, Dirs: dirs}
		err := w.Run(b.Context(), func(it *Item) error {
			if it.Kind != File {
				return nil
			}
			_, _, _, err := it.ReadSmall(buf)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*folders*files)/time.Since(start).Seconds(), "files/s")
}
