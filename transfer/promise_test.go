package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// sourceChange is a change of sources that were offered, and what is not delivered then.
type sourceChange struct {
	name    string
	sources []string // of what writeSources makes
	change  func(*testing.T, string)
	fails   []string // before they are announced
	late    []string // if everything was announced
}

func sourceChanges() []sourceChange {
	grow := func(name string) func(*testing.T, string) {
		return func(t *testing.T, src string) {
			f, err := os.OpenFile(filepath.Join(src, name), os.O_APPEND|os.O_WRONLY, 0)
			deliverytest.Must(t, err)
			_, err = f.WriteString(strings.Repeat("more", 1000))
			deliverytest.Must(t, errors.Join(err, f.Close()))
		}
	}
	turn := func(name string, into func(path string) error) func(*testing.T, string) {
		return func(t *testing.T, src string) {
			deliverytest.Must(t, os.RemoveAll(filepath.Join(src, name)))
			deliverytest.Must(t, into(filepath.Join(src, name)))
		}
	}
	return []sourceChange{
		{"a file is appended to", []string{"a", "big"}, grow("a"), []string{"a"}, []string{"a"}},
		{"a large file is appended to", []string{"a", "big"}, grow("big"), []string{"big"}, []string{"big"}},
		{"a compressible file is appended to", []string{"a", "text"}, grow("text"), []string{"text"}, []string{"text"}},
		{"a sparse file gets more holes", []string{"a", "sparse"}, func(t *testing.T, src string) {
			deliverytest.Must(t, os.Truncate(filepath.Join(src, "sparse"), 6*deliverytest.MiB))
		}, []string{"sparse"}, []string{"sparse"}},
		{"a file becomes shorter", []string{"a", "big"}, func(t *testing.T, src string) { deliverytest.Must(t, os.Truncate(filepath.Join(src, "big"), 5)) }, nil, nil},
		{"a file becomes a folder", []string{"a", "big"}, turn("a", func(path string) error { return os.Mkdir(path, 0o755) }), []string{"a"}, []string{"a"}},
		{"a file becomes a full folder", []string{"a", "big"}, turn("a", func(path string) error {
			return errors.Join(os.Mkdir(path, 0o755), os.WriteFile(filepath.Join(path, "in"), []byte("x"), 0o644))
		}), []string{"a"}, []string{"a"}},
		{"a file becomes a link", []string{"a", "big"}, turn("a", func(path string) error { return os.Symlink("big", path) }), []string{"a"}, []string{"a"}},
		{"a file is replaced by one as long", []string{"a", "big"}, turn("a", func(path string) error { return os.WriteFile(path, []byte("AAAAA"), 0o644) }), nil, nil},
		{"a file vanishes", []string{"a", "big"}, func(t *testing.T, src string) { deliverytest.Must(t, os.Remove(filepath.Join(src, "a"))) }, []string{"a"}, []string{"a"}},
		{"a folder becomes a file", []string{"a", "d"}, turn("d", func(path string) error { return os.WriteFile(path, []byte("x"), 0o644) }), []string{"d"}, []string{"d/in"}},
		{"a link becomes a file", []string{"a", "l"}, turn("l", func(path string) error { return os.WriteFile(path, nil, 0o644) }), []string{"l"}, nil},
		{"files come into a folder", []string{"a", "d"}, func(t *testing.T, src string) {
			for i := range 100 {
				deliverytest.Must(t, os.WriteFile(filepath.Join(src, "d", fmt.Sprint("n", i)), []byte("new"), 0o644))
			}
		}, nil, nil},
		{"a file in a folder is appended to", []string{"a", "d"}, grow("d/in"), nil, nil},
		{"one of two names is appended to", []string{"a", "first", "second"}, grow("second"), []string{"first", "second"}, []string{"first", "second"}},
	}
}

func writeSources(t *testing.T, src string) {
	t.Helper()
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "a"), []byte("aaaaa"), 0o644))
	deliverytest.Write(t, filepath.Join(src, "big"), 3*deliverytest.MiB, 1)
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "text"), []byte(strings.Repeat("text ", 300_000)), 0o644))
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "sparse"), []byte("s"), 0o644))
	deliverytest.Must(t, os.Truncate(filepath.Join(src, "sparse"), 5*deliverytest.MiB))
	deliverytest.Must(t, os.Mkdir(filepath.Join(src, "d"), 0o755))
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "d", "in"), []byte("in"), 0o644))
	treetest.Symlink(t, "a", filepath.Join(src, "l"))
	deliverytest.Write(t, filepath.Join(src, "first"), 2*deliverytest.MiB, 2)
	deliverytest.Must(t, os.Link(filepath.Join(src, "first"), filepath.Join(src, "second")))
}

// An honest sender never breaks its offer, whatever becomes of its sources meanwhile:
// it leaves out what does not fit any more, names it and is incomplete. Each change
// happens once between the offer and the announcements, and once while a person thinks
// about the offer and everything is announced.
func TestSourcesChangeAfterTheOffer(t *testing.T) {
	t.Parallel()
	for _, c := range sourceChanges() {
		t.Run(c.name+" before they are announced", func(t *testing.T) { c.meets(t, false) })
		t.Run(c.name+" while the question waits", func(t *testing.T) { c.meets(t, true) })
	}
}

// meets delivers with the change, which asked makes while the receiver's user is asked.
func (c sourceChange) meets(t *testing.T, asked bool) {
	if strings.Contains(c.name, "a link") {
		treetest.Needs(t, treetest.Links)
	}
	if strings.HasPrefix(c.name, "a folder becomes") {
		treetest.Needs(t, treetest.Handles) // it is open when it is removed
	}
	src, dst := t.TempDir(), t.TempDir()
	writeSources(t, src)
	var paths []string
	for _, name := range c.sources {
		paths = append(paths, filepath.Join(src, name))
	}
	announced := make(chan struct{})
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Named(paths...), func(so *send.Options, ro *receive.Options, s *deliverytest.Sides) {
		so.Compress = transfer.CompressAlways
		s.SendSaw.Act = func(e transfer.Event) {
			switch e := e.(type) {
			case transfer.Offered:
				if !asked {
					c.change(t, src)
				}
			case transfer.Progress:
				if e.Exact {
					select {
					case <-announced:
					default:
						close(announced)
					}
				}
			}
		}
		ro.Accept = func(ctx context.Context, _ transfer.Offer, _ <-chan transfer.Extent) error {
			if asked {
				<-announced
				c.change(t, src)
			}
			return nil
		}
	})
	want := c.fails
	if asked {
		want = c.late
	}
	var failed []string
	for _, e := range s.Sent.Failures {
		failed = append(failed, strings.TrimPrefix(filepath.ToSlash(e.Path), filepath.ToSlash(src)+"/"))
	}
	slices.Sort(failed)
	if !slices.Equal(failed, want) {
		t.Errorf("not delivered were %v, want %v", failed, want)
	}
	for _, err := range []error{s.SendErr, s.ReceiveErr} {
		if len(want) == 0 && err != nil || len(want) > 0 && !errors.Is(err, transfer.ErrIncomplete) {
			t.Errorf("sender: %v; receiver: %v", s.SendErr, s.ReceiveErr)
		}
	}
	for _, name := range c.sources {
		if !slices.ContainsFunc(want, func(w string) bool { return w == name || strings.HasPrefix(w, name+"/") }) {
			if !asked || name != "d" && name != "l" { // folders and links were announced as they were
				deliverytest.SameTree(t, filepath.Join(src, name), filepath.Join(dst, name))
			}
		} else if _, err := os.Lstat(filepath.Join(dst, name)); err == nil && name != "d" {
			t.Errorf("%s was delivered all the same", name)
		}
	}
}

// hardLinks is what a delivery of hard links wishes for, and takes.
var hardLinks = tree.Metadata{HardLinks: true}

// What a source is offered as is what it comes as, in each of the ways that there are
// to name one.
func TestOfferIsKept(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	src := t.TempDir()
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "a"), []byte("aaaaa"), 0o644))
	deliverytest.Must(t, os.Link(filepath.Join(src, "a"), filepath.Join(src, "b")))
	deliverytest.Must(t, os.Symlink("a", filepath.Join(src, "l")))
	deliverytest.Must(t, os.Link(filepath.Join(src, "l"), filepath.Join(src, "m")))
	deliverytest.Must(t, os.Symlink("d", filepath.Join(src, "k")))
	deliverytest.Must(t, os.Mkdir(filepath.Join(src, "d"), 0o755))
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "d", ".in"), []byte("in"), 0o644))
	deliverytest.Must(t, os.Link(filepath.Join(src, "a"), filepath.Join(src, "d", "c")))
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "empty"), nil, 0o644))
	path := func(name string) string { return filepath.Join(src, name) }
	slash := deliverytest.Named(path("k"))
	slash[0].Path += "/"
	var many []string
	for i := range 150 {
		name := path(fmt.Sprintf("many%03d", i))
		if i >= 80 {
			name = path(fmt.Sprintf(".many%03d", i))
		}
		deliverytest.Must(t, os.WriteFile(name, []byte("x"), 0o644))
		many = append(many, name)
	}
	mixed := append(deliverytest.Named(many[70:90]...), append(deliverytest.Contents(path("d")), deliverytest.Named(many[:70]...)...)...)
	stream := []send.Source{{Source: tree.Source{Name: "s"}, Reader: strings.NewReader("of unknown length")}}
	for _, c := range []struct {
		name    string
		sources []send.Source
		exact   bool
		options func(*send.Options, *receive.Options)
	}{
		{"files", deliverytest.Named(path("a"), path("empty")), true, nil},
		{"files and links", deliverytest.Named(path("a"), path("l"), path("k")), true, nil},
		{"files that may change", deliverytest.Named(path("a")), false, func(s *send.Options, _ *receive.Options) { s.AllowChanged = true }},
		{"names of one file", deliverytest.Named(path("a"), path("b"), path("l"), path("m")), true, func(s *send.Options, r *receive.Options) {
			s.Metadata, r.Metadata = hardLinks, hardLinks
		}},
		{"names of one file, the first in a folder", deliverytest.Named(path("d"), path("a"), path("b")), false, func(s *send.Options, r *receive.Options) {
			s.Metadata, r.Metadata = hardLinks, hardLinks
		}},
		{"names of one file, not taken as such", deliverytest.Named(path("a"), path("b")), true, func(s *send.Options, r *receive.Options) { s.Metadata = hardLinks }},
		{"links followed", deliverytest.Named(path("l"), path("k")), false, func(s *send.Options, r *receive.Options) { s.Follow = true }},
		{"a link before a slash", slash, false, nil},
		{"what is in a folder", deliverytest.Contents(path("d")), false, nil},
		{"a stream", stream, false, nil},
		{"more than can be listed", deliverytest.Named(many...), true, nil},
		{"more than can be listed, with a folder's contents behind them", mixed, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var shown transfer.Offer
			s := deliverytest.Deliver(t, t.Context(), t.TempDir(), c.sources, func(so *send.Options, ro *receive.Options, s *deliverytest.Sides) {
				ro.Accept = func(_ context.Context, o transfer.Offer, _ <-chan transfer.Extent) error { shown = o; return nil }
				if c.options != nil {
					c.options(so, ro)
				}
			}).OK(t)
			if shown.Exact != c.exact || shown.Items != int64(len(c.sources)) || len(shown.Listed) != min(len(c.sources), framing.MaxListed) {
				t.Errorf("offered were %d items, exact: %v", shown.Items, shown.Exact)
			}
			if s.Received.Failed != 0 {
				t.Errorf("%d failed", s.Received.Failed)
			}
		})
	}
}

// A source that the selection leaves out is not offered, and does not come if it is
// another one by the time that it would be announced.
func TestExcludedSourceIsNotOffered(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "a"), []byte("aaaaa"), 0o644))
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "b"), []byte("bbbbb"), 0o644))
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Named(filepath.Join(src, "a"), filepath.Join(src, "b")), func(so *send.Options, ro *receive.Options, s *deliverytest.Sides) {
		so.Select.Sizes = tree.SizeRange{Min: 3}
		deliverytest.Must(t, os.Truncate(filepath.Join(src, "b"), 0))
		s.SendSaw.Act = func(e transfer.Event) {
			if o, ok := e.(transfer.Offered); ok {
				if o.Offer.Items != 1 {
					t.Errorf("%d items were offered", o.Offer.Items)
				}
				deliverytest.Must(t, os.WriteFile(filepath.Join(src, "b"), []byte("bbbbb"), 0o644))
			}
		}
	})
	if !errors.Is(s.SendErr, transfer.ErrIncomplete) || !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) || s.Sent.Failed != 1 || s.Received.Delivered != 1 {
		t.Errorf("sender: %v; receiver: %v", s.SendErr, s.ReceiveErr)
	}
}

// To an output the same holds.
func TestGrownFileToAnOutput(t *testing.T) {
	src := t.TempDir()
	path := filepath.Join(src, "a")
	deliverytest.Must(t, os.WriteFile(path, []byte("aaaaa"), 0o644))
	s := deliverytest.Deliver(t, t.Context(), "", deliverytest.Named(path), func(so *send.Options, ro *receive.Options, s *deliverytest.Sides) {
		ro.Output = io.Discard
		s.SendSaw.Act = func(e transfer.Event) {
			if _, ok := e.(transfer.Offered); ok {
				deliverytest.Must(t, os.WriteFile(path, []byte("aaaaaa"), 0o644))
			}
		}
	})
	if !errors.Is(s.SendErr, transfer.ErrIncomplete) || s.Sent.Failed != 1 || s.Received.Delivered != 0 {
		t.Errorf("sender: %v; receiver: %v", s.SendErr, s.ReceiveErr)
	}
}
