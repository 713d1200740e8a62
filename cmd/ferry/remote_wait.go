package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A far end whose ssh is gone waits for another one, as long as a lost link is waited for.
// Meanwhile it holds its locks, and can be spoken to at a socket in a folder of this user:
//
//	attach       the connection becomes one of the link's
//	yield PLACE  a delivery that waits gives way to another command there, above or below
//
// A near end that is killed is missed a moment later. So a delivery that is asked to yield looks
// for that moment whether it waits, unless it goes on hearing something.
//
// The answer to attach is a line. The connection of a yield ends when the delivery has
// ended, or at once if there is nothing to give way. Every command of this user that writes
// to a folder asks for its way first (makeWay), so that nobody has to know whether the near
// end of an earlier copy will come back. What gave way is continued from the disk.
//
// A far end without a socket can be found by nobody, and does not wait.

const (
	attachWord = "attach"
	yieldWord  = "yield"
	doneWord   = "ok"
	// waitLine bounds a line there, and waitLimit how long it may take.
	waitLine  = 16 << 10
	waitLimit = 5 * time.Second
	// yieldLimit is how long a delivery that gives way may take to end, and noticeLimit how
	// long before that it may take to learn that its near end is gone. What was under way then
	// comes no later than underWay.
	yieldLimit  = 3 * time.Second
	noticeLimit = time.Second
	underWay    = 250 * time.Millisecond
	socketEnd   = ".sock"
)

var (
	// errGaveWay ends a delivery for which another one came.
	errGaveWay = errors.New("another copy to the same place has begun")
	// errAlone ends a delivery that another ssh could not find.
	errAlone = errors.New("ssh is lost, and no other could find this process")
)

// waitingPlaces is where sockets may be, that of this process first. A command may run with
// another environment than a login by ssh.
func waitingPlaces(env *Env) (places []string) {
	for _, run := range []string{env.Getenv("XDG_RUNTIME_DIR"), fmt.Sprint("/run/user/", os.Geteuid())} {
		if info, err := os.Stat(run); err == nil && info.IsDir() && filepath.IsAbs(run) {
			places = append(places, filepath.Join(run, "ferry"))
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return places
	}
	own := filepath.Join(home, ".cache", "ferry", "run")
	// The name of a socket has to be short.
	if here, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(here, own); err == nil && len(rel) < len(own) {
			own = rel
		}
	}
	return append(places, own)
}

// waitingFolder is where this process has its socket. It is made if it is absent, and refused
// if others may come in.
func waitingFolder(env *Env) (string, error) {
	places := waitingPlaces(env)
	if len(places) == 0 {
		return "", errors.New("there is no home, and no folder for sockets")
	}
	folder := places[0]
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	info, err := os.Lstat(folder)
	switch {
	case err != nil:
		return "", err
	case !info.IsDir() || info.Mode().Perm()&0o077 != 0:
		return "", &fs.PathError{Op: "using", Path: folder, Err: errors.New("it is no folder of this user alone")}
	}
	return folder, nil
}

// waiting is the socket of one delivery. Its goroutines end with close.
type waiting struct {
	ln     *net.UnixListener
	folder string
	key    string
	put    func(net.Conn) error // gives the link a connection
	lost   func() bool          // the link has no connection
	silent func() time.Duration // for how long nothing has come over the link
	end    context.CancelCauseFunc
	over   chan struct{} // closed by close
	wg     sync.WaitGroup

	mu   sync.Mutex
	held []net.Conn // that wait for the end
}

// serve begins to take connections.
func (w *waiting) serve(session string) error {
	if session == "" || strings.ContainsAny(session, "/.") {
		return errors.New("the delivery has no name")
	}
	at := &net.UnixAddr{Name: filepath.Join(w.folder, session+socketEnd), Net: "unix"}
	ln, err := net.ListenUnix("unix", at)
	if err != nil {
		return err
	}
	w.ln, w.over = ln, make(chan struct{})
	w.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return // it is closed
			}
			w.wg.Go(func() { w.talk(conn) })
		}
	})
	return nil
}

// talk does what one connection asks for.
func (w *waiting) talk(conn net.Conn) {
	line, err := waitedLine(conn)
	word, key, _ := strings.Cut(line, " ")
	switch {
	case err != nil:
	case word == attachWord:
		if _, err := io.WriteString(conn, doneWord+"\n"); err == nil && w.put(conn) == nil {
			return
		}
	case word == yieldWord && w.stands(key) && w.alone():
		w.mu.Lock()
		w.held = append(w.held, conn)
		w.mu.Unlock()
		w.end(errGaveWay)
		return
	}
	_ = conn.Close()
}

// stands tells whether the delivery is in the way of a command to a place, in base64.
func (w *waiting) stands(place string) bool {
	text, err := base64.StdEncoding.DecodeString(place)
	return err == nil && w.key != "" && (isBelow(w.key, string(text)) || isBelow(string(text), w.key))
}

// alone tells whether the delivery has lost its near end, or comes to know it soon.
func (w *waiting) alone() bool {
	asked := time.Now()
	again := time.NewTicker(noticeLimit / 50)
	defer again.Stop()
	for !w.lost() {
		passed := time.Since(asked)
		if heard := passed - w.silent(); heard > underWay || passed > noticeLimit {
			return false
		}
		select {
		case <-again.C:
		case <-w.over:
			return false
		}
	}
	return true
}

// isBelow tells whether a path is a folder, or in it. Both are whole and clean.
func isBelow(folder, path string) bool {
	rest, found := strings.CutPrefix(path, strings.TrimSuffix(folder, "/"))
	return found && (rest == "" || rest[0] == '/')
}

// waitedLine reads one line, and not a byte more.
func waitedLine(conn net.Conn) (string, error) {
	if err := conn.SetReadDeadline(time.Now().Add(waitLimit)); err != nil {
		return "", err
	}
	var line []byte
	for one := make([]byte, 1); len(line) < waitLine; {
		if _, err := io.ReadFull(conn, one); err != nil {
			return "", err
		}
		if one[0] == '\n' {
			return string(line), conn.SetReadDeadline(time.Time{})
		}
		line = append(line, one[0])
	}
	return "", errors.New("the line is too long")
}

// close is called once the delivery has ended, with its locks gone.
func (w *waiting) close() {
	if w.ln == nil {
		return
	}
	_ = w.ln.Close() // and the socket is removed
	close(w.over)
	w.wg.Wait()
	for _, c := range w.held {
		_ = c.Close()
	}
}

// attach connects to the process that has a delivery; nil if there is none.
func attach(env *Env, session string) net.Conn {
	if session == "" || strings.ContainsAny(session, "/.") {
		return nil
	}
	var conn net.Conn
	err := errors.ErrUnsupported
	for _, place := range waitingPlaces(env) {
		if conn, err = net.Dial("unix", filepath.Join(place, session+socketEnd)); err == nil {
			break
		}
	}
	if err != nil {
		return nil
	}
	_, err = io.WriteString(conn, attachWord+"\n")
	var line string
	if err == nil {
		line, err = waitedLine(conn)
	}
	if err != nil || line != doneWord {
		_ = conn.Close()
		return nil
	}
	return conn
}

// makeWay has far ends of this user that wait, and write to a folder, above or below, give
// way to a command that is about to write there. Sockets that nobody listens at are removed.
func makeWay(env *Env, folder string) {
	key, err := resolved(folder)
	if err != nil {
		return
	}
	var names []string
	for _, place := range waitingPlaces(env) {
		found, err := filepath.Glob(filepath.Join(place, "*"+socketEnd))
		if err == nil {
			names = append(names, found...)
		}
	}
	var wg sync.WaitGroup
	for _, name := range names {
		conn, err := net.Dial("unix", name)
		if errors.Is(err, syscall.ECONNREFUSED) {
			_ = os.Remove(name)
		}
		if err != nil {
			continue
		}
		wg.Go(func() {
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(noticeLimit + yieldLimit)) // it is a socket
			if _, err := fmt.Fprintf(conn, "%s %s\n", yieldWord, base64.StdEncoding.EncodeToString([]byte(key))); err == nil {
				_, _ = bufio.NewReader(conn).ReadByte() // nothing comes but the end
			}
		})
	}
	wg.Wait()
}

// splice copies both ways until either side ends.
func splice(a, b net.Conn) {
	var wg sync.WaitGroup
	one := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.Close()
		_ = from.Close()
	}
	wg.Go(func() { one(a, b) })
	wg.Go(func() { one(b, a) })
	wg.Wait()
}
