//go:build unix

package tree

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func symlink(t *testing.T, target string, path ...string) {
	t.Helper()
	check(t, os.Symlink(target, filepath.Join(path...)))
}

func TestWalkLinks(t *testing.T) {
	top := t.TempDir()
	t.Chdir(top)
	mkdir(t, "d", "sub")
	mkdir(t, "out")
	file(t, "o", "out", "file")
	symlink(t, "none", "d", "dangling")
	symlink(t, "self", "d", "self")
	symlink(t, "..", "d", "sub", "up")
	symlink(t, "../out", "d", "to")
	symlink(t, "../out/file", "d", "tofile")
	symlink(t, "d", "named")
	sources := []Source{{Path: "d", Name: "d"}, {Path: "named", Name: "named"}}
	items, problems := walk(t, Walk{Sources: sources})
	same(t, "items", outline(t, items), []string{
		"folder d", "symbolic link d/dangling", "symbolic link d/self", "folder d/sub", "symbolic link d/sub/up", "end d/sub",
		"symbolic link d/to", "symbolic link d/tofile", "end d", "symbolic link named",
	})
	same(t, "problems", problems, nil)
	if it := items[4]; it.Target != ".." || it.Size != 0 {
		t.Errorf("link to %q of %d bytes", it.Target, it.Size)
	}

	items, problems = walk(t, Walk{Sources: sources[:1], Follow: true})
	same(t, "followed items", outline(t, items), []string{
		"folder d", "folder d/sub", "end d/sub", "folder d/to", "file d/to/file", "end d/to", "file d/tofile", "end d",
	})
	if len(problems) != 3 || problems[0] != "d/dangling: file does not exist" || problems[2] != "d/sub/up: "+errLoop.Error() {
		t.Errorf("problems %q", problems)
	}
	buf := make([]byte, 10)
	if n, _, _, err := items[6].ReadSmall(buf); err != nil || string(buf[:n]) != "o" {
		t.Errorf("through the link: %q, %v", buf[:n], err)
	}
	if f, info, err := items[6].Open(); err != nil || info.Kind != File {
		t.Errorf("through the link: %v, %v", info, err)
	} else {
		f.Close()
	}

	items, problems = walk(t, Walk{Sources: []Source{{Path: "named/", Name: "named"}}})
	same(t, "problems", problems, nil)
	if lines := outline(t, items); lines[0] != "folder named" || len(lines) != 9 {
		t.Errorf("a link with a slash is %q", lines)
	}
}

func TestWalkSpecials(t *testing.T) {
	top := t.TempDir()
	t.Chdir(top)
	mkdir(t, "d")
	check(t, unix.Mkfifo("d/fifo", 0o600))
	symlink(t, "d/fifo", "link")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	check(t, err)
	check(t, unix.Bind(fd, &unix.SockaddrUnix{Name: "d/socket"}))
	defer unix.Close(fd)
	items, problems := walk(t, Walk{Sources: []Source{
		{Path: "d", Name: "d"}, {Path: "d/fifo", Name: "fifo"}, {Path: "link", Name: "link"}, {Path: "/dev/null", Name: "null"},
	}})
	same(t, "items", outline(t, items), []string{"folder d", "end d", "stream fifo", "stream link", "stream null"})
	same(t, "problems", problems, []string{"d/fifo: " + ErrSpecial.Error(), "d/socket: " + ErrSpecial.Error()})
	for _, it := range items[2:] {
		if it.Size != -1 {
			t.Errorf("%q has size %d", it.Name, it.Size)
		}
		read := make(chan string, 1)
		go func() {
			f, info, err := it.Open()
			if err != nil || info.Kind != KindOther {
				read <- "not opened"
				return
			}
			b, err := io.ReadAll(f)
			if err != nil {
				b = []byte("not read")
			}
			f.Close()
			read <- string(b)
		}()
		want := ""
		if it.Name != "null" {
			want = "written"
			// Waits for the reader, which waits for this writer.
			w, err := os.OpenFile("d/fifo", os.O_WRONLY, 0)
			check(t, err)
			_, err = w.WriteString(want)
			check(t, err)
			check(t, w.Close())
		}
		if got := <-read; got != want {
			t.Errorf("%q reads %q", it.Name, got)
		}
	}
}

// A named folder that is swapped for a link between the look and the open is
// not followed.
func TestSourceSwapped(t *testing.T) {
	top := t.TempDir()
	a, b := mkdir(t, top, "a"), mkdir(t, top, "b")
	info, err := statPath(a, true)
	check(t, err)
	p := NewDirs(2)
	var problem error
	r := &walkRun{Walk: &Walk{Dirs: p, Problem: func(_ string, err error) { problem = err }}, ctx: t.Context(),
		emit: func(it *Item) error { t.Errorf("sent %q", it.Display); return nil }}
	check(t, r.sourceFolder(place{name: "a", display: a}, b, info))
	if problem == nil {
		t.Error("another folder was taken for the named one")
	}
	check(t, p.Close())
}
