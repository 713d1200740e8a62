package serve

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/keys"
	"ferry/transfer/link"
	"ferry/transfer/send"
	"ferry/transfer/tree/treetest"
)

// overhearing is a link that keeps what the other side says, but for how often it says that
// it is alive and how it divides its credit.
type overhearing struct {
	*link.Link
	mu   sync.Mutex
	said []string
}

func (o *overhearing) Stream(i int) framing.Stream {
	return &overheard{Stream: o.Link.Stream(i), by: o}
}

type overheard struct {
	framing.Stream
	by *overhearing
	t  framing.Type
}

func (s *overheard) Next() (framing.Type, int, error) {
	t, n, err := s.Stream.Next()
	s.t = t
	if err == nil && n == 0 {
		s.by.hear(t, nil)
	}
	return t, n, err
}

func (s *overheard) Body() ([]byte, error) {
	body, err := s.Stream.Body()
	if err == nil {
		s.by.hear(s.t, body)
	}
	return body, err
}

func (o *overhearing) hear(t framing.Type, body []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	record := func(b []byte) { o.said = append(o.said, fmt.Sprintf("%v %x", t, b)) }
	switch t {
	case framing.TypeHeartbeat, framing.TypeCredit:
	case framing.TypeDone:
		for d := range framing.ParseDones(bytes.Clone(body)) {
			record(d.Append(nil))
		}
	case framing.TypeWant:
		for w := range framing.ParseWants(bytes.Clone(body)) {
			record(w.Append(nil))
		}
	default:
		record(bytes.Clone(body))
	}
}

// all is what was said, in an order that does not depend on timing.
func (o *overhearing) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := slices.Clone(o.said)
	slices.Sort(all)
	return all
}

// Who may only upload hears the same whatever is there: nothing, the very same items, other
// ones, items of other kinds, or what others have not finished.
func TestBlindHearsNothing(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	large := strings.Repeat("large", 700_000) // more than three chunks
	src := write(t, t.TempDir(), map[string]string{"small": "small", "large": large, "d/x": "x", "d/e/y": "y"})
	if err := os.Symlink("small", filepath.Join(src, "link")); err != nil {
		t.Skip(err)
	}
	var items []string
	for _, name := range []string{"small", "large", "d", "link"} {
		items = append(items, filepath.Join(src, name))
	}
	root := t.TempDir()
	empty := func() {
		names, err := os.ReadDir(root)
		for _, n := range names {
			err = errors.Join(err, os.RemoveAll(filepath.Join(root, n.Name())))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	r := start(t, root, nil)
	other := r.allow(keys.Grant{Upload: true, Download: true, Delete: true})
	var first []string
	for _, c := range []struct {
		name string
		make func()
		want map[string]string
	}{
		{"nothing", func() {}, map[string]string{"small": "small", "large": large, "d/x": "x", "d/e/y": "y"}},
		{"the same", func() {
			if _, err := r.put(other, "", items...); err != nil {
				t.Fatal(err)
			}
		}, map[string]string{"small": "small", "large": large, "d/x": "x", "d/e/y": "y"}},
		{"others of the same size", func() {
			write(t, root, map[string]string{"small": "SMALL", "large": strings.ToUpper(large), "d/x": "X", "d/e/y": "Y", "link": "no link"})
		}, map[string]string{"small": "SMALL", "large": strings.ToUpper(large), "d/x": "X", "d/e/y": "Y", "link": "no link",
			"small (1)": "small", "large (1)": large, "d/x (1)": "x", "d/e/y (1)": "y"}},
		{"other kinds", func() {
			write(t, root, map[string]string{"small/a": "", "large/a": "", "d": "file", "link/a": ""})
		}, map[string]string{"small/a": "", "large/a": "", "d": "file", "link/a": "", "small (1)": "small", "large (1)": large, "d (1)/x": "x", "d (1)/e/y": "y"}},
		{"the same under another name", func() {
			write(t, root, map[string]string{"small": "other", "small (1)": "small"})
		}, map[string]string{"small": "other", "small (1)": "small", "large": large, "d/x": "x", "d/e/y": "y"}},
	} {
		empty()
		c.make()
		key := r.allow(keys.Grant{Upload: true})
		l, err := r.dial(link.Sender, key)
		if err != nil {
			t.Fatal(err)
		}
		heard := &overhearing{Link: l}
		res, err := send.Send(t.Context(), heard, sending(t, "", items...))
		if err != nil || res.Delivered != int64(len(items)+3) || res.Same != 0 {
			t.Errorf("%s: %+v, %v", c.name, res, err)
		}
		r.events.until(t, func(e Event) bool {
			d, ok := e.(Delivery)
			return ok && d.Fingerprint == keys.Fingerprint(key.Key())
		})
		holds(t, root, c.want)
		if first == nil {
			first = heard.all()
		} else if !slices.Equal(first, heard.all()) {
			t.Errorf("%s: heard was\n%s\nwith nothing there it was\n%s", c.name, strings.Join(heard.all(), "\n"), strings.Join(first, "\n"))
		}
	}
	if len(first) < 13 {
		t.Errorf("only this was heard: %q", first)
	}
}

// What a blind upload left unfinished is found by the same key, and by no other.
func TestBlindResumes(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	large := strings.Repeat("0123456789abcdef", 1<<20) // 16 chunks
	src := write(t, t.TempDir(), map[string]string{"large": large})
	mine, theirs := r.allow(keys.Grant{Upload: true}), r.allow(keys.Grant{Upload: true})
	r.interrupt(mine, filepath.Join(src, "large"))
	for _, c := range []struct {
		key    link.Signer
		reuses bool
	}{{theirs, false}, {mine, true}} {
		res, err := r.put(c.key, "", filepath.Join(src, "large"))
		if err != nil || res.Delivered != 1 || (res.Moved < int64(len(large))) != c.reuses {
			t.Errorf("reuses %v: %+v, %v", c.reuses, res, err)
		}
	}
	d := r.events.until(t, func(e Event) bool {
		d, ok := e.(Delivery)
		return ok && d.Exit == 0 && d.Fingerprint == keys.Fingerprint(mine.Key())
	}).(Delivery)
	if d.Result.Reused == 0 {
		t.Errorf("%+v", d.Result)
	}
	holds(t, r.root, map[string]string{"large": large})
}

// interrupt begins an upload of a large file, and ends it in the middle.
func (r *rig) interrupt(key link.Signer, path string) {
	r.t.Helper()
	l, err := r.dial(link.Sender, key)
	if err != nil {
		r.t.Fatal(err)
	}
	r.interruptOver(l, path)
}

// interruptOver is interrupt over a link.
func (r *rig) interruptOver(l *link.Link, path string) {
	r.t.Helper()
	o := sending(r.t, "", path)
	o.Limit, _ = transfer.NewLimit(16 << 20)
	o.Observer = observer(func(e transfer.Event) {
		if p, ok := e.(transfer.Progress); ok && p.Moved > 4<<20 {
			l.Abort(errors.New("killed"))
		}
	})
	if _, err := send.Send(r.t.Context(), l, o); err == nil {
		r.t.Fatal("it was not interrupted")
	}
}

type observer func(transfer.Event)

func (f observer) Observe(e transfer.Event) { f(e) }
