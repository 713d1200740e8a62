//go:build unix

package checksum

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

func mkfifo(t *testing.T, path string) string {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilesInATreeThatAreNone(t *testing.T) {
	dir := t.TempDir()
	target := write(t, filepath.Join(dir, "tree", "file"), []byte("x"))
	mkfifo(t, filepath.Join(dir, "tree", "pipe"))
	for _, to := range []string{target, dir, "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, "tree", "link"+filepath.Base(to))); err != nil {
			t.Fatal(err)
		}
	}
	files := collect(t, FilesOptions{Recurse: true}, nil, filepath.Join(dir, "tree"))
	if len(files) != 2 || files[0].Err != nil || files[0].Path != target || !errors.Is(files[1].Err, ErrNotRegular) {
		t.Errorf("%+v", files)
	}
}

// A pipe or a link that takes a file's place between walk and open.
func TestFileReplacedAfterTheWalk(t *testing.T) {
	dir := t.TempDir()
	target := write(t, filepath.Join(dir, "file"), []byte("x"))
	link := filepath.Join(dir, "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	w := &worker{ctx: t.Context(), buf: make([]byte, pieceSize), hash: NewHasher()}
	if f := w.file(item{path: link, kind: itemInTree}); f.Err == nil {
		t.Error("a link was followed")
	}
	if f := w.file(item{path: mkfifo(t, filepath.Join(dir, "pipe")), kind: itemInTree}); !errors.Is(f.Err, ErrNotRegular) {
		t.Error("a pipe:", f.Err)
	}
}

func TestNamedLinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "tree", "file"), []byte("x"))
	link := filepath.Join(dir, "link")
	if err := os.Symlink("tree", link); err != nil {
		t.Fatal(err)
	}
	files := collect(t, FilesOptions{Recurse: true}, nil, link, filepath.Join(link, "file"))
	if len(files) != 2 || files[0].Path != link+"/file" || files[0].Digest != oracle([]byte("x")) || files[1].Digest != files[0].Digest {
		t.Errorf("%+v", files)
	}
}

func TestNamedPipeIsReadToItsEnd(t *testing.T) {
	pipe := mkfifo(t, filepath.Join(t.TempDir(), "pipe"))
	data := randomBytes(1, 3*ChunkSize+1)
	wrote := make(chan error, 1)
	go func() {
		f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.Write(data)
			err = errors.Join(err, f.Close())
		}
		wrote <- err
	}()
	files := collect(t, FilesOptions{}, nil, pipe)
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 || files[0].Err != nil || files[0].Digest != oracle(data) || files[0].Size != int64(len(data)) {
		t.Errorf("%+v", files)
	}
}

// Without a writer the open waits, with a silent one the read does; a cancel
// ends both.
func TestCancelWhileAPipeWaits(t *testing.T) {
	for _, writer := range []bool{false, true} {
		dir := t.TempDir()
		first := write(t, filepath.Join(dir, "first"), []byte("x"))
		pipe := mkfifo(t, filepath.Join(dir, "pipe"))
		if writer {
			f, err := os.OpenFile(pipe, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := Files(ctx, []string{first, pipe}, FilesOptions{}, nil, func(f File) error {
			if f.Path != first {
				t.Errorf("%+v was emitted", f)
			}
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("writer %t: %v", writer, err)
		}
	}
}

func TestUnreadableFolderIsReported(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	dir := t.TempDir()
	closed := filepath.Join(dir, "a", "closed")
	write(t, filepath.Join(closed, "file"), nil)
	write(t, filepath.Join(dir, "b"), nil)
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(closed, 0o700)
	files := collect(t, FilesOptions{Recurse: true}, nil, dir)
	if len(files) != 2 || files[0].Path != closed || !errors.Is(files[0].Err, fs.ErrPermission) || files[1].Err != nil {
		t.Errorf("%+v", files)
	}
}

// Files of the kernel have content and the size 0.
func TestFileWithoutASize(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	const path = "/proc/version"
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := collect(t, FilesOptions{}, nil, path)
	if len(files) != 1 || files[0].Err != nil || files[0].Digest != oracle(content) || files[0].Size != int64(len(content)) {
		t.Errorf("%+v", files)
	}
}
