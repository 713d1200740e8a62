package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	unix "syscall"
	"testing"
	"time"

	landlock "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// confinedCode is for both sides.
const confinedCode = "7-copper-violin-meadow"

// side is one of the two processes of a delivery.
type side struct {
	cmd  *exec.Cmd
	said *awaited
}

// cell is a place for the two sides, and the user that the receiver runs as.
type cell struct {
	t   *testing.T
	dir string
	uid int
}

// cells runs test as this user, and as one without privileges too where this is root.
func cells(t *testing.T, test func(c *cell)) {
	if version, err := landlock.LandlockGetABIVersion(); err != nil || version < 4 {
		t.Skipf("this kernel's Landlock is of version %d, and 4 is needed: %v", version, err)
	}
	for _, uid := range []int{os.Geteuid(), nobody} {
		name := "this user"
		if uid == nobody {
			name = "nobody"
		}
		t.Run(name, func(t *testing.T) {
			if uid != os.Geteuid() && os.Geteuid() != 0 {
				t.Skip("takes root")
			}
			dir, err := os.MkdirTemp("", "ferry-confined")
			check(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			check(t, os.Chmod(dir, 0o755))
			c := &cell{t, dir, uid}
			self, err := os.Executable()
			check(t, err)
			b, err := os.ReadFile(self)
			check(t, err)
			for _, name := range []string{"ferry", insideName} { // see TestMain
				check(t, os.WriteFile(c.at(name), b, 0o755))
			}
			test(c)
		})
	}
}

func (c *cell) at(name string) string { return filepath.Join(c.dir, name) }

// folder makes one that the receiver owns.
func (c *cell) folder(name string) string {
	c.t.Helper()
	check(c.t, os.Mkdir(c.at(name), 0o755))
	check(c.t, os.Chown(c.at(name), c.uid, -1))
	return c.at(name)
}

// file makes one that the receiver owns.
func (c *cell) file(name, content string) string {
	c.t.Helper()
	check(c.t, os.WriteFile(c.at(name), []byte(content), 0o644))
	check(c.t, os.Chown(c.at(name), c.uid, -1))
	return c.at(name)
}

// start starts a side. tries is for inside.
func (c *cell) start(receiver bool, text string, tries []string, name string, args ...string) *side {
	c.t.Helper()
	s := &side{exec.Command(c.at(name), args...), &awaited{text: text, found: make(chan struct{})}}
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = "/", s.said, s.said
	s.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "FERRY_CODE="+confinedCode, triesVariable+"="+strings.Join(tries, " "))
	if receiver && c.uid != os.Geteuid() {
		s.cmd.SysProcAttr = &unix.SysProcAttr{Credential: &unix.Credential{Uid: uint32(c.uid), Gid: uint32(c.uid)}}
	}
	check(c.t, s.cmd.Start())
	return s
}

// end waits for a side, which has to succeed.
func (s *side) end(t *testing.T) string {
	t.Helper()
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("%v ends with %v and said\n%s", s.cmd.Args, err, s.said)
	}
	return s.said.String()
}

// listening is the address of a side that said so.
func (s *side) listening(t *testing.T) string {
	t.Helper()
	select {
	case <-s.said.found:
	case <-time.After(scriptLimit):
		_ = s.cmd.Process.Kill()
		t.Fatalf("%v only said\n%s", s.cmd.Args, s.said)
	}
	_, rest, _ := strings.Cut(s.said.String(), "listening on ")
	address, _, _ := strings.Cut(strings.FieldsFunc(rest, func(r rune) bool { return r == '\n' })[0], ",")
	return address
}

// source makes what is sent: folders in folders, and files of both ways through
// the state folder.
func (c *cell) source() string {
	c.t.Helper()
	check(c.t, os.MkdirAll(c.at("src/d/e"), 0o755))
	for name, size := range map[string]int{"large": 5 << 20, "d/e/larger": 6 << 20, "d/small": 9, "empty": 0} {
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(i>>20 + i*i)
		}
		check(c.t, os.WriteFile(filepath.Join(c.at("src"), name), content, 0o644))
	}
	check(c.t, os.Symlink("d", c.at("src/link")))
	return c.at("src")
}

func (c *cell) same(dst string) {
	c.t.Helper()
	for _, name := range []string{"large", "d/e/larger", "d/small", "empty"} {
		a, err := os.ReadFile(filepath.Join(c.at("src"), name))
		check(c.t, err)
		b, err := os.ReadFile(filepath.Join(dst, "src", name))
		if err != nil || !bytes.Equal(a, b) {
			c.t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
}

// From inside, once the offer is accepted, nothing is to be had but what the
// delivery needs; and that comes, into folders that are made for it, with a list
// elsewhere.
func TestReceiveIsConfined(t *testing.T) {
	cells(t, func(c *cell) {
		src, out := c.source(), c.folder("home")
		elsewhere, beside := c.folder("elsewhere"), c.folder("beside")
		c.file("beside/there", "there")
		c.file("elsewhere/there", "there")
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		check(c.t, err)
		defer ln.Close()
		dst := filepath.Join(out, "a/b")
		refused := []string{"make=" + beside + "/new", "makefolder=" + beside + "/new", "link=" + beside + "/new", "write=" + beside + "/there",
			"truncate=" + beside + "/there", "remove=" + beside + "/there", "read=" + beside + "/there", "list=" + beside, "move=" + dst + "/new:" + beside + "/new",
			"write=" + elsewhere + "/there", "read=" + elsewhere + "/there", "makefolder=" + elsewhere + "/new", "move=" + dst + "/new:" + elsewhere + "/new",
			"make=" + out + "/new", "list=" + out, "make=/tmp/new", "read=/etc/shadow", "read=/etc/passwd", "list=/", "run=/bin/true",
			"connect=" + ln.Addr().String(), "listen=127.0.0.1:0"}
		done := []string{"make=" + dst + "/new", "makefolder=" + dst + "/newer", "move=" + dst + "/new:" + dst + "/newer.0/new", "list=" + dst}
		tries := append(slices.Clone(done[:2]), append(slices.Clone(refused), done[2:]...)...)
		in := c.start(true, "terminal run:", tries, insideName, "receive", "--listen", "127.0.0.1:0", "--yes", "--out", dst, "--manifest", elsewhere+"/list", "--verify-disk", "-v")
		c.start(false, "", nil, "ferry", "send", "--to", in.listening(c.t), src).end(c.t)
		said := in.end(c.t)
		if !strings.Contains(said, "inside: kept {Files:true Ports:true} <nil>\n") || !strings.Contains(said, "nothing can be written outside of "+dst) {
			c.t.Errorf("it is not confined:\n%s", said)
		}
		for _, try := range refused {
			// A name that another thread's try took away is as good.
			if !strings.Contains(said, "inside: "+try+": refused\n") && !strings.Contains(said, "inside: "+try+": rename ") {
				c.t.Errorf("not refused: %s", try)
			}
		}
		for _, try := range done {
			if !strings.Contains(said, "inside: "+try+": done\n") {
				c.t.Errorf("not done: %s", try)
			}
		}
		if c.t.Failed() {
			c.t.Log(said)
		}
		c.same(dst)
		list, err := os.ReadFile(elsewhere + "/list")
		if err != nil || bytes.Count(list, []byte("\n")) != 4 {
			c.t.Errorf("the list is %q, %v", list, err)
		}
		for _, dir := range []string{beside, elsewhere} {
			names, err := os.ReadDir(dir)
			if want := 1 + strings.Count(dir, "elsewhere"); err != nil || len(names) != want {
				c.t.Errorf("in %s: %v, %v", dir, names, err)
			}
		}
	})
}

// To standard output a receiver writes nowhere.
func TestReceiveToOutputIsConfined(t *testing.T) {
	cells(t, func(c *cell) {
		src, beside := c.source(), c.folder("beside")
		tries := []string{"make=" + beside + "/new", "list=" + beside, "listen=127.0.0.1:0"}
		in := c.start(true, "terminal run:", tries, insideName, "receive", "--listen", "127.0.0.1:0", "--yes", "--out", "-")
		c.start(false, "", nil, "ferry", "send", "--to", in.listening(c.t), src+"/d/small").end(c.t)
		said := in.end(c.t)
		for _, try := range tries {
			if !strings.Contains(said, "inside: "+try+": refused\n") {
				c.t.Errorf("not refused: %s\n%s", try, said)
			}
		}
	})
}

// A confined receiver that dials finds the other side again by its name, reads its
// rate anew, opens further streams, and looks up owners.
func TestConfinedReceiverGoesOn(t *testing.T) {
	cells(t, func(c *cell) {
		src, dst, rate := c.source(), c.folder("dst"), c.file("rate", "128K")
		out := c.start(false, "terminal run:", nil, "ferry", "send", "--listen", "127.0.0.1:0", "--compress", "never", "-a", src) // compressed, all of it crosses before the cut
		way := newCut(c.t, out.listening(c.t), 256<<10, func() { check(c.t, os.WriteFile(rate, []byte("0"), 0o644)) })
		_, port, err := net.SplitHostPort(way.ln.Addr().String())
		check(c.t, err)
		in := c.start(true, "", nil, "ferry", "receive", "--from", "localhost:"+port, "--yes", "--out", dst, "--bwlimit", "@"+rate, "-a", "-v",
			"--streams", "3", "--verify-disk", "--on-conflict", "overwrite")
		out.end(c.t) // the receiver might wait for it
		said := in.end(c.t)
		way.close()
		for _, want := range []string{"(Landlock)", "the link is back", "no limit of the rate"} {
			if !strings.Contains(said, want) {
				c.t.Errorf("it did not say %q:\n%s", want, said)
			}
		}
		c.same(dst)
	})
}

// cut is a way to target that breaks once, after so many bytes from there.
type cut struct {
	ln     net.Listener
	target string
	serve  sync.WaitGroup

	mu    sync.Mutex
	left  int
	then  func()
	conns []net.Conn
}

func newCut(t *testing.T, target string, after int, then func()) *cut {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	c := &cut{ln: ln, target: target, left: after, then: then}
	c.serve.Go(func() {
		for {
			a, err := ln.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", target)
			if err != nil {
				_ = a.Close()
				continue
			}
			c.mu.Lock()
			c.conns = append(c.conns, a, b)
			c.mu.Unlock()
			// One way may end before the other: a goodbye is still to be read.
			c.serve.Go(func() { _, _ = io.Copy(b, a); _ = b.(*net.TCPConn).CloseWrite() })
			c.serve.Go(func() { _, _ = io.Copy(counting{a, c}, b); _ = a.(*net.TCPConn).CloseWrite() })
		}
	})
	return c
}

// counting counts what it passes on.
type counting struct {
	io.Writer
	c *cut
}

func (w counting) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	w.c.left -= n
	if w.c.left <= 0 && w.c.then != nil {
		w.c.then()
		w.c.then = nil
		for _, conn := range w.c.conns {
			_ = conn.Close()
		}
	}
	return n, err
}

func (c *cut) close() {
	_ = c.ln.Close()
	c.mu.Lock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.mu.Unlock()
	c.serve.Wait()
}
