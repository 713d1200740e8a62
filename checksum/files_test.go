package checksum

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// collect runs Files to its end.
func collect(t *testing.T, o FilesOptions, stdin io.Reader, paths ...string) []File {
	t.Helper()
	var files []File
	err := Files(t.Context(), paths, o, stdin, func(f File) error {
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func write(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilesOfAllSizes(t *testing.T) {
	data := randomBytes(1, 20*ChunkSize+5)
	dir := t.TempDir()
	var paths []string
	var want []Digest
	for _, size := range []int{
		0, 1, 1024, pieceSize - 1, pieceSize, pieceSize + 1, ChunkSize - 1, ChunkSize, ChunkSize + 1, 3 * ChunkSize,
		largeFile - 1, largeFile, largeFile + 1, largeFile + pieceSize, largeFile + pieceSize + 1,
		largeFile + 5*pieceSize + 1025, 16 * ChunkSize, 20*ChunkSize - 1, 20*ChunkSize + 5, 5,
	} {
		paths = append(paths, write(t, filepath.Join(dir, fmt.Sprint(size)), data[:size]))
		want = append(want, oracle(data[:size]))
	}
	for _, workers := range []int{0, 1, 2, 7} {
		files := collect(t, FilesOptions{Workers: workers}, nil, paths...)
		if len(files) != len(paths) {
			t.Fatalf("%d files of %d", len(files), len(paths))
		}
		for i, f := range files {
			info, err := os.Stat(paths[i])
			if err != nil {
				t.Fatal(err)
			}
			if f.Err != nil || f.Path != filepath.ToSlash(paths[i]) || f.Digest != want[i] || f.Size != info.Size() {
				t.Errorf("workers %d: %+v, want %s with %v", workers, f, paths[i], want[i])
			}
		}
	}
}

// Enough files for many batches, in folders whose order tells lexical from
// other orders, among them some large.
func TestFilesInWalkOrder(t *testing.T) {
	dir := t.TempDir()
	want := make(map[string]Digest)
	var order []string
	for _, folder := range []string{"a", "a.b", "a/c", "b", "b/0/1"} {
		for i := range 150 {
			content := []byte(fmt.Sprint(folder, i))
			if i == 77 {
				content = randomBytes(byte(len(folder)), largeFile+ChunkSize/2)
			}
			path := fmt.Sprintf("%s/%03d", folder, i)
			write(t, filepath.Join(dir, path), content)
			want[path] = oracle(content)
		}
	}
	if err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			order = append(order, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, arg := range []string{dir, dir + "/"} {
		files := collect(t, FilesOptions{Workers: 3, Recurse: true}, nil, arg)
		var got []string
		for _, f := range files {
			rel := strings.TrimPrefix(f.Path, filepath.ToSlash(dir)+"/")
			got = append(got, rel)
			if f.Err != nil || f.Digest != want[rel] {
				t.Errorf("%s: %v, %v", rel, f.Digest, f.Err)
			}
		}
		if !slices.Equal(got, order) {
			t.Errorf("order of %s: %v", arg, got)
		}
	}
}

// together is a file of which no two bytes can be had before two workers ask.
type together struct {
	io.ReaderAt
	arrived chan struct{}
}

func (f *together) ReadAt(p []byte, off int64) (int, error) {
	select {
	case f.arrived <- struct{}{}:
	case <-f.arrived:
	case <-time.After(time.Minute):
		return 0, errors.New("nobody helps")
	}
	return f.ReaderAt.ReadAt(p, off)
}

// An idle worker helps with each large file in turn, also when it has been woken
// more often than there was something to do.
func TestIdleWorkerHelps(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	shared := &sharing{wake: make(chan struct{}, 2)}
	tasks := make(chan *batch)
	close(tasks)
	helper := &worker{ctx: ctx, tasks: tasks, shared: shared}
	var wg sync.WaitGroup
	wg.Go(helper.run)
	owner := &worker{ctx: ctx, shared: shared, buf: make([]byte, pieceSize)}
	for size := int64(largeFile); size < largeFile+4*ChunkSize; size += 2 * ChunkSize {
		data := randomBytes(byte(size>>20), int(size))
		f := &together{bytes.NewReader(data), make(chan struct{})}
		if d, err := owner.large(f, size); err != nil || d != oracle(data) {
			t.Errorf("%v, %v", d, err)
		}
	}
	cancel()
	wg.Wait()
}

func TestManyLargeFilesAtOnce(t *testing.T) {
	dir := t.TempDir()
	data := randomBytes(3, largeFile+3*ChunkSize)
	for i := range 12 {
		write(t, filepath.Join(dir, fmt.Sprintf("%02d", i)), data[i:])
	}
	for i, f := range collect(t, FilesOptions{Workers: 4, Recurse: true}, nil, dir) {
		if f.Err != nil || f.Digest != oracle(data[i:]) {
			t.Errorf("%s: %v, %v", f.Path, f.Digest, f.Err)
		}
	}
}

func TestFilesReportsWhatItCannotHash(t *testing.T) {
	dir := t.TempDir()
	good := write(t, filepath.Join(dir, "good"), []byte("x"))
	missing := filepath.Join(dir, "missing")
	files := collect(t, FilesOptions{}, strings.NewReader("in"), missing, dir, "-", good, "-")
	want := []error{fs.ErrNotExist, errFolder, nil, nil, errStdinTwice}
	if len(files) != len(want) {
		t.Fatalf("%d results: %v", len(files), files)
	}
	for i, f := range files {
		if !errors.Is(f.Err, want[i]) {
			t.Errorf("%s: %v, want %v", f.Path, f.Err, want[i])
		}
	}
	if files[2].Digest != oracle([]byte("in")) || files[2].Size != 2 || files[3].Digest != oracle([]byte("x")) {
		t.Error("wrong digests:", files)
	}
}

func TestFilesOfNothing(t *testing.T) {
	if files := collect(t, FilesOptions{Recurse: true}, nil); len(files) != 0 {
		t.Error(files)
	}
	if files := collect(t, FilesOptions{Recurse: true}, nil, t.TempDir()); len(files) != 0 {
		t.Error(files)
	}
}

func TestFilesStopsAtAnErrorOfEmit(t *testing.T) {
	dir := t.TempDir()
	for i := range 500 {
		write(t, filepath.Join(dir, fmt.Sprint(i)), []byte("x"))
	}
	stop := errors.New("stop")
	calls := 0
	err := Files(t.Context(), []string{dir}, FilesOptions{Recurse: true}, nil, func(File) error {
		if calls++; calls == 100 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || calls != 100 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// Cancelled at any point, Files says so and emits nothing more.
func TestFilesCancelled(t *testing.T) {
	dir := t.TempDir()
	const n = 200
	for i := range n {
		write(t, filepath.Join(dir, fmt.Sprintf("%03d", i)), []byte("x"))
	}
	write(t, filepath.Join(dir, "999"), randomBytes(1, 2*largeFile))
	for k := 0; k <= n; k += 10 {
		ctx, cancel := context.WithCancel(t.Context())
		if k == 0 {
			cancel()
		}
		calls := 0
		err := Files(ctx, []string{dir}, FilesOptions{Recurse: true}, nil, func(File) error {
			if calls++; calls == k {
				cancel()
			}
			return nil
		})
		cancel()
		if !errors.Is(err, context.Canceled) || calls != k {
			t.Errorf("cancelled at %d: %v after %d calls", k, err, calls)
		}
	}
}

// hook calls on at the nth time that its state is asked for, which a worker does
// between reads.
type hook struct {
	context.Context
	n  int
	on func()
}

func (h *hook) Err() error {
	if h.n--; h.n == 0 {
		h.on()
	}
	return h.Context.Err()
}

func TestFileThatChangesWhileItIsRead(t *testing.T) {
	for _, size := range []int{0, 2 * ChunkSize, 12 * ChunkSize} {
		for what, change := range map[string]func(f *os.File) error{
			"nothing": func(*os.File) error { return nil },
			"grows":   func(f *os.File) error { _, err := f.WriteAt([]byte("x"), int64(size)); return err },
			"shrinks": func(f *os.File) error { return f.Truncate(int64(size) / 2) },
			"is rewritten": func(f *os.File) error {
				info, err := f.Stat()
				if err != nil {
					return err
				}
				later := info.ModTime().Add(10e9) // whatever the file system's tick
				return os.Chtimes(f.Name(), later, later)
			},
		} {
			if size == 0 && what == "shrinks" {
				continue
			}
			t.Run(fmt.Sprintf("%d bytes, %s", size, what), func(t *testing.T) {
				path := write(t, filepath.Join(t.TempDir(), "f"), make([]byte, size))
				f, err := os.OpenFile(path, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				changed := false
				ctx := &hook{t.Context(), 1, func() {
					changed = true
					if err := change(f); err != nil {
						t.Error(err)
					}
				}}
				w := &worker{ctx: ctx, shared: &sharing{}, buf: make([]byte, pieceSize), hash: NewHasher()}
				d, _, err := w.path(item{path: path})
				switch {
				case !changed:
					t.Fatal("the hook was not called")
				case what == "nothing" && (err != nil || d != oracle(make([]byte, size))):
					t.Errorf("%v, %v", d, err)
				case what != "nothing" && !errors.Is(err, errChanged):
					t.Errorf("%v, want %v", err, errChanged)
				}
			})
		}
	}
}

func TestSmallFileThatIsShorterThanTold(t *testing.T) {
	f, err := os.Open(write(t, filepath.Join(t.TempDir(), "f"), []byte("12345")))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := &worker{ctx: t.Context()}
	if _, err := w.small(f, make([]byte, 6)); !errors.Is(err, errChanged) {
		t.Error(err)
	}
}

// The first read error of a large file is what is reported, and nothing is
// reported as a digest.
func TestLargeFileReadError(t *testing.T) {
	broken := errors.New("medium error")
	w := &worker{ctx: t.Context(), shared: &sharing{}, buf: make([]byte, pieceSize)}
	d, err := w.large(failingAt{9 * ChunkSize, broken}, largeFile*2)
	if !errors.Is(err, broken) || d != (Digest{}) {
		t.Errorf("%v, %v", d, err)
	}
}

type failingAt struct {
	at  int64
	err error
}

func (f failingAt) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.at {
		return 0, f.err
	}
	return len(p), nil
}

func TestFilesAgreesWithB3sum(t *testing.T) {
	needB3sum(t)
	dir := t.TempDir()
	for i, size := range []int{0, 1, 70000, ChunkSize + 1, 3*largeFile + 12345} {
		write(t, filepath.Join(dir, fmt.Sprint(i)), randomBytes(byte(i), size))
	}
	var list []byte
	for _, f := range collect(t, FilesOptions{Recurse: true}, nil, dir) {
		if f.Err != nil {
			t.Fatal(f.Err)
		}
		list = AppendLine(list, f.Digest, []byte(f.Path))
	}
	cmd := exec.Command("b3sum", "--check")
	cmd.Stdin = strings.NewReader(string(list))
	if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), ": OK") != 5 {
		t.Errorf("%v\n%s", err, out)
	}
}
