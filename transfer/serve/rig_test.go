package serve

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/dest"
	"ferry/transfer/keys"
	"ferry/transfer/link"
	"ferry/transfer/reach/socket/sockettest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server on loopback, and what it needs.
type rig struct {
	t      *testing.T
	root   string
	server *Server
	addr   string
	host   link.Signer
	events *events

	mu     sync.Mutex
	grants map[string]keys.Grant // by key

	drain, cut context.CancelFunc
	ended      chan error
}

// enough is for what comes at once, also on a machine that is busy with much else.
const enough = time.Minute

// events keeps what a server tells.
type events struct {
	mu   sync.Mutex
	all  []Event
	more chan struct{} // closed and replaced
}

func (e *events) observe(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
	close(e.more)
	e.more = make(chan struct{})
}

// until waits for an event that is wanted.
func (e *events) until(t *testing.T, wanted func(Event) bool) Event {
	t.Helper()
	limit := time.After(enough)
	for {
		e.mu.Lock()
		all, more := e.all, e.more
		e.mu.Unlock()
		for _, ev := range all {
			if wanted(ev) {
				return ev
			}
		}
		select {
		case <-more:
		case <-limit:
			t.Fatalf("an event did not come; there are %+v", all)
		}
	}
}

// newSigner makes a key.
func newSigner(t *testing.T) link.Signer {
	t.Helper()
	s, _, err := keys.LoadHostKey(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts a server at root on loopback. change may change its Config.
func start(t *testing.T, root string, change func(*Config)) *rig {
	t.Helper()
	disk, err := OpenDisk(root, DiskOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, root: root, host: newSigner(t), events: &events{more: make(chan struct{})}, grants: make(map[string]keys.Grant), ended: make(chan error, 1)}
	cfg := Config{
		Root: disk, Host: r.host, Find: r.find, Verify: keys.Verify, Links: 32, Umask: 0o022, RetryFor: time.Minute,
		Observe: r.events.observe, ExitOf: exitOf,
	}
	if change != nil {
		change(&cfg)
	}
	if r.server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	ln, err := sockettest.Listen() // where another process may listen after this one
	if err != nil {
		r.t.Fatal(err)
	}
	r.serve(ln)
	return r
}

// serve has the server serve who comes to ln.
func (r *rig) serve(ln net.Listener) {
	r.t.Helper()
	r.addr = ln.Addr().String()
	drain, startDrain := context.WithCancel(context.Background())
	ctx, cut := context.WithCancel(context.Background())
	r.drain, r.cut = startDrain, cut
	go func() { r.ended <- r.server.Serve(ctx, drain, ln) }()
	r.t.Cleanup(r.close)
}

// close ends the server and waits for it.
func (r *rig) close() {
	r.cut()
	r.drain()
	if err := <-r.ended; err != nil {
		r.t.Errorf("the server ended with %v", err)
	}
	r.ended <- nil
}

func (r *rig) find(key []byte, now time.Time) (keys.Grant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g, ok := r.grants[string(key)]
	switch {
	case !ok:
		return keys.Grant{Fingerprint: keys.Fingerprint(key)}, errors.New("the key is unknown")
	case !g.Expires.IsZero() && !now.Before(g.Expires):
		return g, keys.ErrExpired
	}
	return g, nil
}

// allow adds a key with a grant, and returns it.
func (r *rig) allow(g keys.Grant) link.Signer {
	s := newSigner(r.t)
	r.set(s, g)
	return s
}

func (r *rig) set(s link.Signer, g keys.Grant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.Fingerprint = keys.Fingerprint(s.Key())
	r.grants[string(s.Key())] = g
}

func (r *rig) forget(s link.Signer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.grants, string(s.Key()))
}

var errOtherHost = errors.New("another host")

// config is what a client dials with.
func (r *rig) config(role link.Role, own link.Signer) link.Config {
	host := r.host.Key()
	return link.Config{
		Role: role, RetryFor: time.Minute, Capabilities: framing.CapWide | framing.CapRequest | framing.CapPlace | framing.CapRemarks | framing.CapNames | framing.CapMirror,
		Keys: &link.Keys{Verify: keys.Verify, Own: []link.Signer{own}, Known: func(key []byte) error {
			if string(key) != string(host) {
				return errOtherHost
			}
			return nil
		}},
	}
}

func (r *rig) dial(role link.Role, own link.Signer) (*link.Link, error) {
	return link.Dial(r.t.Context(), r.addr, r.config(role, own), enough)
}

// put uploads paths to place.
func (r *rig) put(own link.Signer, place string, paths ...string) (transfer.Result, error) {
	r.t.Helper()
	l, err := r.dial(link.Sender, own)
	if err != nil {
		return transfer.Result{}, err
	}
	return send.Send(r.t.Context(), l, sending(r.t, place, paths...))
}

func sending(t *testing.T, place string, paths ...string) send.Options {
	t.Helper()
	o := send.Options{Place: place}
	for _, p := range paths {
		s := tree.Source{Path: p, Contents: strings.HasSuffix(p, "/")}
		if !s.Contents {
			s.Name = filepath.Base(p)
		}
		o.Sources = append(o.Sources, send.Source{Source: s})
	}
	return o
}

// get downloads what is asked for into a new folder.
func (r *rig) get(own link.Signer, asked ...string) (folder string, _ transfer.Result, _ error) {
	r.t.Helper()
	l, err := r.dial(link.Receiver, own)
	if err != nil {
		return "", transfer.Result{}, err
	}
	folder = r.t.TempDir()
	to, err := dest.Open(folder, dest.Options{NoSync: true})
	if err != nil {
		r.t.Fatal(err)
	}
	defer to.Close()
	res, err := receive.Fetch(r.t.Context(), l, receive.Request{Paths: asked}, receive.Options{Destination: to})
	return folder, res, err
}

// write makes files, by name and content, and returns the folder.
func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, content := range files {
		p := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// holds checks that a folder has these files and no others.
func holds(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := make(map[string]string)
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		b, err := os.ReadFile(p)
		got[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range want {
		if g, ok := got[name]; !ok || g != content {
			t.Errorf("%s: %.40q (there: %v), want %.40q", name, g, ok, content)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is there, and should not", name)
		}
	}
}

// code is the code of an error.
func code(err error) framing.Code {
	var te *transfer.Error
	var le *link.Error
	switch {
	case errors.As(err, &te):
		return te.Code
	case errors.As(err, &le):
		return le.Code
	}
	return framing.CodeNone
}

// exitOf is nearly the command's.
func exitOf(_ transfer.Result, err error) int {
	switch c := code(err); {
	case err == nil:
		return 0
	case errors.Is(err, transfer.ErrIncomplete):
		return 1
	case c == framing.CodeDeclined || c == framing.CodeCodeRefused:
		return 4
	case c == framing.CodeNoSpace:
		return 6
	}
	return 3
}

func sendOver(t *testing.T, l *link.Link, o send.Options) (transfer.Result, error) {
	return send.Send(t.Context(), l, o)
}

// fetchOver asks for something that does not come.
func fetchOver(t *testing.T, l *link.Link, asked ...string) error {
	t.Helper()
	to, err := dest.Open(t.TempDir(), dest.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	_, err = receive.Fetch(t.Context(), l, receive.Request{Paths: asked}, receive.Options{Destination: to})
	return err
}
